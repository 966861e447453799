"""What comes over a connection → requests, and the picture or film in each; or the errors of gunicorn and the pages."""

from __future__ import annotations

import io
import socket
from contextlib import suppress
from typing import Any

from flask import Flask, Request
from gunicorn.config import Config  # type: ignore[import-untyped]
from gunicorn.http.errors import ParseException  # type: ignore[import-untyped]

from frontend.errors import FrontEndError
from frontend.gathering import Allowance, Bounds, Gathering
from frontend.uploads import read_image
from frontend.video.upload import receive_video

MOST = 2**16
_APP = Flask(__name__)
_APP.config.update(MAX_CONTENT_LENGTH=MOST, MAX_FORM_MEMORY_SIZE=MOST)
_CONFIG = Config()
_CONFIG.set("forwarded_allow_ips", "")


def feed(data: bytes) -> None:
    ours, theirs = socket.socketpair()
    bounds = Bounds(lambda path: Allowance(MOST, 10), 2 * MOST)
    with ours, theirs:
        gathering = Gathering(_CONFIG, ours, ("127.0.0.1", 1), bounds)
        theirs.sendall(data[: 2 * MOST])  # a socket holds more than that
        theirs.shutdown(socket.SHUT_WR)
        with suppress(ParseException, StopIteration):
            while gathering.receive():
                _ask(next(gathering))
                gathering.forget()
                if gathering.outstanding:  # what comes is thrown away
                    break
        gathering.forget()
    assert bounds.held == 0


def _ask(request: Any) -> None:
    headers = {name.replace("-", "_"): value for name, value in request.headers}
    body = request.body.read()
    environment = {
        "REQUEST_METHOD": request.method,
        "SERVER_NAME": "x",
        "SERVER_PORT": "80",
        "wsgi.url_scheme": "http",
        "CONTENT_TYPE": headers.get("CONTENT_TYPE", ""),
        "CONTENT_LENGTH": headers.get("CONTENT_LENGTH", ""),
    }
    with _APP.app_context():
        for read in (read_image, receive_video):
            with suppress(FrontEndError):
                found = read(Request(environment | {"wsgi.input": io.BytesIO(body)}), MOST)
                if not isinstance(found, bytes):
                    found.close()
