"""An MP4's tables of samples → nothing, or `RequestError`."""

from __future__ import annotations

import io
from contextlib import suppress

from frontend.errors import RequestError
from frontend.video.tables import check_tables


def feed(data: bytes) -> None:
    file = io.BytesIO(data)
    with suppress(RequestError):
        check_tables(file)
    assert file.tell() == 0
