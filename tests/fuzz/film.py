"""A film → its survey and its first frames, or `RequestError`; `MemoryError` is what its process is limited by."""

from __future__ import annotations

import io
from contextlib import suppress
from itertools import islice

from frontend.errors import RequestError
from frontend.video.reader import Limits, read_frames, survey
from frontend.video.tables import check_tables

LIMITS = Limits(seconds=60, pixels=10**5)


def feed(data: bytes) -> None:
    file = io.BytesIO(data)
    with suppress(RequestError, MemoryError):
        check_tables(file)
        found = survey(file, LIMITS)
        assert found.seconds >= 0
        for frame in islice(read_frames(file, LIMITS, "DEFAULT"), 5):
            assert frame.time >= 0
