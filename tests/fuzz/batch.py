"""A batch's body, as a form or as a zip → its pictures' names and bytes, or the errors of pages."""

from __future__ import annotations

import io
from contextlib import suppress

from flask import Request

from frontend.batch.upload import receive_pictures
from frontend.errors import FrontEndError
from frontend.settings import Settings

MOST = 2**16
_SETTINGS = Settings(max_upload_bytes=MOST, batch_max_bytes=2 * MOST, batch_max_pictures=50)
TYPES = ("multipart/form-data; boundary=x", "application/zip")


def feed(data: bytes) -> None:
    for media_type in TYPES:
        environment = {
            "REQUEST_METHOD": "POST",
            "SERVER_NAME": "x",
            "SERVER_PORT": "80",
            "wsgi.url_scheme": "http",
            "wsgi.input": io.BytesIO(data),
            "CONTENT_TYPE": media_type,
            "CONTENT_LENGTH": str(len(data)),
        }
        with suppress(FrontEndError):
            sent = receive_pictures(Request(environment), _SETTINGS)
            try:
                for picture in sent.pictures:
                    with suppress(FrontEndError):
                        assert 0 < len(picture.read()) <= MOST
            finally:
                sent.close()
