"""A request's video as a file without a name: the system removes it when it is closed, however the process ends.

Under our own server it is the very file that the body was gathered in (frontend/gathering.py)."""

from __future__ import annotations

import io
import tempfile
from typing import IO

from flask import Request
from werkzeug.exceptions import BadRequest, RequestEntityTooLarge

from .. import errors
from ..uploads import explain, explain_size, find_file

PIECE = 2**20


def receive_video(request: Request, limit: int) -> IO[bytes]:
    """Write a request's video to a temporary file, a mebibyte at a time, and return the file at its beginning.

    The body is the video itself, or a multipart form with a part named `data` or `file`. The file lies in Python's
    temporary folder, which the variable TMPDIR moves.
    Raises `FrontEndError`: `empty_video`, `no_file`, `broken_upload`, `video_too_large`, `unreadable_form`,
    `unsupported_body`, `no_room`.
    """
    request.max_content_length = limit + PIECE  # a form has some room around the video
    media_type = request.mimetype
    try:
        if media_type.startswith(("video/", "image/", "audio/")) or media_type in ("application/octet-stream", ""):
            file = _take(request, limit)
        elif media_type == "multipart/form-data":
            file = _copy_part(request, limit)
        else:
            raise errors.unsupported_body(media_type)
    except RequestEntityTooLarge:
        raise explain_size(request, errors.video_too_large(limit)) from None
    except (BadRequest, OSError) as error:
        raise explain(error) from None
    try:
        size = file.seek(0, 2)
        if request.content_length and max(size, request.stream.tell()) < request.content_length:
            raise errors.broken_upload()
        if size > limit:
            raise errors.video_too_large(limit)
        if not size:
            raise errors.empty_video()
        file.seek(0)
    except BaseException:
        file.close()
        raise
    return file


def _take(request: Request, limit: int) -> IO[bytes]:
    body: IO[bytes] = request.environ["wsgi.input"]
    return body if isinstance(body, io.BufferedRandom) else _copy(request.stream, limit)


def _copy(source: IO[bytes], limit: int) -> IO[bytes]:
    file = tempfile.TemporaryFile(prefix="hwapung-video-")  # noqa: SIM115  the caller closes it
    size = 0
    try:
        while piece := source.read(PIECE):
            size += len(piece)
            if size > limit:
                raise errors.video_too_large(limit)
            file.write(piece)
    except BaseException:
        file.close()
        raise
    return file


def _copy_part(request: Request, limit: int) -> IO[bytes]:
    """Werkzeug has put a large part into a nameless file already; a copy outlives the request's own."""
    return _copy(find_file(request).stream, limit)
