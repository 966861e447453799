"""A zip's entries, read where they are: nothing is unpacked, so a name in it leads nowhere."""

from __future__ import annotations

import lzma
import stat
import sys
import zipfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import IO, Literal

from .names import read_name

_NAMED_IN_UTF8, _ENCRYPTED = 0x800, 0x1
#: What the table of contents takes for an entry, its name included: much more than names are long.
_ENTRY_BYTES = 512
#: zipfile looks for the table's place in so much of the end.
_END_BYTES = 2**16 + 2**7
#: What zipfile and its decompressors raise for an entry that is damaged, packed in another way, or not what its header
#: says; one packed by LZMA says how much memory it takes.
_FAULTS = (
    zipfile.BadZipFile, zlib.error, lzma.LZMAError, EOFError, OSError, NotImplementedError, RuntimeError, ValueError,
    MemoryError,
)  # fmt: skip


class ZipError(Exception):
    """An archive that is not read. `kind`: it is none, or not whole; has too many entries; becomes too large."""

    def __init__(self, kind: Literal["broken", "entries", "size"], words: str) -> None:
        super().__init__(words)
        self.kind = kind


class EntryError(Exception):
    """An entry that can't be read. `is_encrypted`: for want of a password; else it is damaged."""

    def __init__(self, words: str, *, is_encrypted: bool = False) -> None:
        super().__init__(words)
        self.is_encrypted = is_encrypted


@dataclass(frozen=True)
class Entry:
    """A file in an archive. `name`: with `/` between its folders, whatever they are: it names nothing outside."""

    name: str
    is_link: bool
    info: zipfile.ZipInfo


class Archive:
    """An open zip. Raises `ZipError` where it is none, or not made to be read.

    `most_entries`: folders counted; `most_bytes`: of all entries, as they say, when they are unpacked.
    """

    def __init__(self, file: IO[bytes], most_entries: int, most_bytes: int) -> None:
        sips = _Sips(file, most_entries * _ENTRY_BYTES + _END_BYTES)
        try:
            self._file = zipfile.ZipFile(sips)
        except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError) as error:
            raise ZipError("broken", str(error)) from None
        sips.most = sys.maxsize  # an entry is read as far as its reader asks
        entries = self._file.infolist()
        unpacked = sum(info.file_size for info in entries)
        if len(entries) > most_entries:
            raise ZipError("entries", f"{len(entries):,} entries")
        if unpacked > most_bytes:
            raise ZipError("size", f"{unpacked / 2**30:,.1f} GiB")

    def __iter__(self) -> Iterator[Entry]:
        """The files, in the archive's own order."""
        for info in self._file.infolist():
            if info.filename and not info.is_dir():  # one without a name names no file
                name = read_name(info.filename, is_utf8=bool(info.flag_bits & _NAMED_IN_UTF8))
                yield Entry(name, stat.S_ISLNK(info.external_attr >> 16), info)

    def read(self, entry: Entry, most: int) -> bytes:
        """No more than `most` bytes, whatever the entry claims or would become. Raises `EntryError`."""
        if entry.info.flag_bits & _ENCRYPTED:
            raise EntryError("it is encrypted", is_encrypted=True)
        try:
            with self._file.open(entry.info) as file:
                return file.read(most)
        except _FAULTS as error:
            raise EntryError(" ".join(str(error).split())[:120]) from None


class _Sips:
    """A file of which no more than `most` bytes are had at once: zipfile reads a table of contents as a whole, and
    makes ten times as much of it in memory."""

    def __init__(self, file: IO[bytes], most: int) -> None:
        self._file, self.most = file, most
        self.seek, self.tell, self.seekable, self.close = file.seek, file.tell, file.seekable, file.close

    def read(self, size: int = -1) -> bytes:
        if size > self.most:
            raise ZipError("entries", f"a table of contents of {size:,} bytes")
        return self._file.read(size)
