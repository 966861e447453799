"""Pages, scripts, tables and answers are sent compressed to whoever takes them so; pictures and event streams are not.

No page holds a secret beside what a visitor sent, so that their lengths tell an eavesdropper nothing (BREACH).
"""

from __future__ import annotations

from flask import Flask
from flask_compress import Compress

MEDIA_TYPES = (
    "text/html",
    "text/css",
    "text/csv",
    "text/markdown",
    "text/plain",
    "text/javascript",
    "application/json",
    "application/manifest+json",
    "image/svg+xml",
)


def init_app(app: Flask) -> None:
    algorithms = ["br", "gzip"]
    app.config.update(
        COMPRESS_MIMETYPES=MEDIA_TYPES,
        COMPRESS_ALGORITHM=algorithms,
        COMPRESS_ALGORITHM_STREAMING=algorithms,
        # files: their ETag and the client's If-None-Match are of the compressed form
        COMPRESS_STREAMING_ENDPOINT_CONDITIONAL=["static", "reports.show_report"],
    )
    Compress(app)
