"""Numbers that the front end's worker processes share, in a file of their common folder."""

from __future__ import annotations

import mmap
from pathlib import Path
from typing import IO

from .places import Places


class Ledger:
    """Numbers that the worker processes share: each writes its own row and reads all. A row belongs to the process that
    holds its lock, so that of one that was killed goes to the process in its place."""

    def __init__(self, folder: Path | None, processes: int, columns: int) -> None:
        """`folder`: common to the processes; None where there is only this one."""
        self._columns, self._row = columns, 0
        self._lock: IO[bytes] | None = None
        size = 8 * columns
        if folder is None:
            self._numbers = memoryview(bytearray(size)).cast("q")
            return
        places = Places(folder, "ledger", processes)
        self._lock = places.take()
        self._row = places.index(self._lock) if self._lock else 0
        path = folder / "ledger"
        with path.open("ab") as file:
            file.truncate(size * processes)
        with path.open("r+b") as file:
            self._numbers = memoryview(mmap.mmap(file.fileno(), size * processes)).cast("q")
        for column in range(columns):
            self.write(column, 0)

    def write(self, column: int, number: int) -> None:
        self._numbers[self._row * self._columns + column] = number

    def total(self, column: int) -> int:
        return sum(self._numbers[column :: self._columns])

    def largest(self, column: int) -> int:
        return max(self._numbers[column :: self._columns])
