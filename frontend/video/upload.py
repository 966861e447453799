"""A request's video as a file without a name: the system removes it when it is closed, however the process ends."""

from __future__ import annotations

import tempfile
from typing import IO

from flask import Request
from werkzeug.exceptions import BadRequest, RequestEntityTooLarge

from .. import errors
from ..uploads import PARTS

PIECE = 2**20


def receive_video(request: Request, limit: int) -> IO[bytes]:
    """Write a request's video to a temporary file, a mebibyte at a time, and return the file at its beginning.

    The body is the video itself, or a multipart form with a part named `data` or `file`. The file lies in Python's
    temporary folder, which the variable TMPDIR moves.
    Raises `RequestError`: `empty_body`, `broken_upload`, `video_too_large`, `unsupported_body`, `no_room`.
    """
    request.max_content_length = limit + PIECE  # a form has some room around the video
    media_type = request.mimetype
    try:
        if media_type.startswith(("video/", "image/", "audio/")) or media_type in ("application/octet-stream", ""):
            file = _copy(request.stream, limit)
        elif media_type == "multipart/form-data":
            file = _copy_part(request, limit)
        else:
            raise errors.unsupported_body(media_type)
    except RequestEntityTooLarge:
        raise errors.video_too_large(limit) from None
    except BadRequest:
        raise errors.broken_upload() from None
    try:
        if request.content_length and request.stream.tell() < request.content_length:
            raise errors.broken_upload()
        if not file.seek(0, 2):
            raise errors.empty_video()
        file.seek(0)
    except BaseException:
        file.close()
        raise
    return file


def _copy(source: IO[bytes], limit: int) -> IO[bytes]:
    file = tempfile.TemporaryFile(prefix="hwapung-video-")  # noqa: SIM115  the caller closes it
    size = 0
    try:
        while piece := source.read(PIECE):
            size += len(piece)
            if size > limit:
                raise errors.video_too_large(limit)
            _write(file, piece)
    except BaseException as error:
        file.close()
        if isinstance(error, OSError):
            raise errors.broken_upload() from None
        raise
    return file


def _write(file: IO[bytes], piece: bytes) -> None:
    try:
        file.write(piece)
    except OSError:  # the disk is full, or the folder's quota is
        raise errors.no_room() from None


def _copy_part(request: Request, limit: int) -> IO[bytes]:
    """Werkzeug has put a large part into a nameless file already; a copy outlives the request's own."""
    for name in PARTS:
        if name in request.files:
            return _copy(request.files[name].stream, limit)
    raise errors.empty_video()
