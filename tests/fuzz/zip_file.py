"""A zip → its entries and their bytes, or `ZipError` and `EntryError`."""

from __future__ import annotations

import io
from contextlib import suppress

from zips.archive import Archive, EntryError, ZipError

MOST = 2**16


def feed(data: bytes) -> None:
    with suppress(ZipError):
        archive = Archive(io.BytesIO(data), 1000, 2**24)
        for entry in archive:
            with suppress(EntryError):
                assert len(archive.read(entry, MOST)) <= MOST
