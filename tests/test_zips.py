"""What reading an entry of a zip meets is said in words, whatever the decompressor raises."""

from __future__ import annotations

import io
import lzma
import zipfile
import zlib
from typing import IO, Any

import pytest

from zips.archive import Archive, EntryError, ZipError


class _Broken(io.BytesIO):
    """An entry whose decompressor fails."""

    def __init__(self, fault: Exception) -> None:
        super().__init__()
        self._fault = fault

    def read(self, size: int | None = -1) -> bytes:
        raise self._fault


@pytest.mark.parametrize(
    "fault",
    [MemoryError(), zlib.error("invalid"), lzma.LZMAError("corrupt"), EOFError(), zipfile.BadZipFile("CRC"), OSError()],
    ids=lambda fault: type(fault).__name__,
)
def test_an_entry_that_cannot_be_unpacked_is_the_entrys_fault(
    fault: Exception, monkeypatch: pytest.MonkeyPatch
) -> None:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as file:
        file.writestr("a.png", b"picture")
    archive = Archive(buffer, 10, 1000)
    [entry] = archive
    assert archive.read(entry, 100) == b"picture"

    def open_broken(self: zipfile.ZipFile, info: Any) -> IO[bytes]:
        return _Broken(fault)

    monkeypatch.setattr(zipfile.ZipFile, "open", open_broken)
    with pytest.raises(EntryError):
        archive.read(entry, 100)


def test_an_entry_may_be_larger_than_a_table_of_contents() -> None:
    buffer = io.BytesIO()
    content = bytes(2**20)
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_STORED) as file:
        file.writestr("a.png", content)
    archive = Archive(buffer, 10, 2**21)
    [entry] = archive
    assert archive.read(entry, 2**21) == content


def test_a_table_of_contents_is_not_read_beyond_its_bound() -> None:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as file:
        for number in range(20):
            file.writestr(f"{number}{'n' * 60_000}", b"")
    with pytest.raises(ZipError, match="table of contents") as caught:
        Archive(buffer, 10, 1000)
    assert caught.value.kind == "entries"
