"""A request's image: the raw body, or one part of a multipart form."""

from __future__ import annotations

import errno

from flask import Request
from werkzeug.datastructures import FileStorage
from werkzeug.exceptions import BadRequest, RequestEntityTooLarge

from . import errors

PARTS = ("data", "file")

#: What the system says where a file can't be written: the disk, the folder's quota or the table of open files is full.
FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EMFILE, errno.ENFILE)


def read_image(request: Request, limit: int) -> bytes:
    """Return the bytes of the image that a request carries, at most `limit` of them.

    Raises `FrontEndError`: `empty_body`, `no_file`, `broken_upload`, `picture_too_large`, `unreadable_form`,
    `unsupported_body`, `no_room`.
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
        raise explain_size(request, errors.picture_too_large(limit)) from None
    except (BadRequest, OSError) as error:
        raise explain(error) from None
    if len(image) > limit:
        raise errors.picture_too_large(limit)
    if not image:
        raise errors.empty_body()
    return image


def _read_body(request: Request) -> bytes:
    """Where its length is known, as our own server gives it: in one piece, and not copied."""
    length = request.content_length
    if length is None:
        return request.get_data(cache=False)
    if length > (request.max_content_length or 0):
        raise RequestEntityTooLarge
    image: bytes = request.environ["wsgi.input"].read(length)
    if len(image) < length:
        raise errors.broken_upload()
    return image


def _read_part(request: Request) -> bytes:
    image: bytes = find_file(request).read()
    return image


def find_file(request: Request) -> FileStorage:
    """The file of a form. Raises `RequestError` (`no_file`, `broken_upload`)."""
    files = request.files
    if request.content_length and request.stream.tell() < request.content_length:
        raise errors.broken_upload()  # a server says only that the body ended, not that it was cut off
    for name in PARTS:
        if name in files:
            return files[name]
    raise errors.no_file(next((name for name in PARTS if name in request.form), None))


def explain_size(request: Request, too_large: errors.RequestError) -> errors.RequestError:
    """Why Werkzeug finds a body too large: `too_large`, unless its size is in order and its parts are not."""
    if (request.content_length or 0) <= (request.max_content_length or 0):
        return errors.unreadable_form(request.max_form_parts or 0, request.max_form_memory_size or 0)
    return too_large


def explain(error: Exception) -> errors.FrontEndError:
    """What reading a body met, which Werkzeug wraps."""
    cause = error.__context__ if isinstance(error, BadRequest) else error
    full = isinstance(cause, OSError) and cause.errno in FULL
    return errors.no_room() if full else errors.broken_upload()
