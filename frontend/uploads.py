"""A request's image: the raw body, or one part of a multipart form."""

from __future__ import annotations

import time
from typing import IO

from flask import Request, Response
from werkzeug.exceptions import BadRequest, RequestEntityTooLarge

from . import errors

PARTS = ("data", "file")

#: What a client still sends after an early refusal is thrown away for so long: one that is cut off in the middle of
#: sending never reads the answer.
LINGER_SECONDS = 5.0
LINGER_BYTES = 128 * 2**20


def read_image(request: Request, limit: int) -> bytes:
    """Return the bytes of the image that a request carries, at most `limit` of them.

    Raises `RequestError`: `empty_body`, `broken_upload`, `picture_too_large`, `unsupported_body`.
    """
    media_type = request.mimetype
    try:
        if media_type.startswith("image/") or media_type in ("application/octet-stream", ""):
            image = _read_body(request)
        elif media_type == "multipart/form-data":
            image = _read_part(request)
        else:
            raise errors.unsupported_body(media_type)
    except RequestEntityTooLarge:
        raise errors.picture_too_large(limit) from None
    except (BadRequest, OSError):
        raise errors.broken_upload() from None
    if len(image) > limit:
        raise errors.picture_too_large(limit)
    if request.content_length and request.stream.tell() < request.content_length:
        raise errors.broken_upload()  # a server says only that the body ended, not that it was cut off
    if not image:
        raise errors.empty_body()
    return image


def _read_body(request: Request) -> bytes:
    """In one piece where its length is known: read bit by bit, the server copies what it holds once for each bit."""
    if request.content_length is None:
        return request.get_data(cache=False)
    return bytes(request.stream.read(request.content_length))


def _read_part(request: Request) -> bytes:
    for name in PARTS:
        if name in request.files:
            image: bytes = request.files[name].read()
            return image
    return b""


def discard_rest(request: Request, response: Response) -> Response:
    """Once the answer is out, read and forget what the client is still sending, within bounds."""
    if not request.environ.get("wsgi.input_terminated"):
        return response  # a server whose input has no end would wait for ever
    body: IO[bytes] = request.environ["wsgi.input"]

    def discard() -> None:
        deadline = time.monotonic() + LINGER_SECONDS
        left = LINGER_BYTES
        try:
            while left > 0 and time.monotonic() < deadline:
                piece = body.read(2**16)
                if not piece:
                    return
                left -= len(piece)
        except Exception:  # the client went away or sent no proper body: there is nobody left to answer
            return

    response.call_on_close(discard)
    return response
