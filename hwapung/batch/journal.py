"""The rows so far, in a file beside the table. Only what is whole counts when a run goes on after Ctrl-C or a kill."""

from __future__ import annotations

import array
import hashlib
import json
import os
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import IO, Self

import numpy as np

from model_training.locks import is_full, try_hold
from model_training.runtime.errors import OutputError, StoppedError

from .rows import Row

GO_ON = "Run the same command to go on from there."
#: What a journal's first line begins with.
_KIND = "hwapung predictions 1"
_BEGINNING = json.dumps({"kind": _KIND}).removesuffix("}").encode()


class Done:
    """Which pictures have a row, by eight bytes of a hash each, and how often. Two of a million pictures share a hash
    in one of some forty million runs."""

    def __init__(self, hashes: array.array[int]) -> None:
        self._hashes, self._left = np.unique(np.frombuffer(hashes, np.uint64), return_counts=True)

    def take(self, name: str) -> bool:
        """Whether a picture of this name has a row that no other picture of the same name was given."""
        place = int(np.searchsorted(self._hashes, key := np.uint64(_hash(name))))
        if place == len(self._hashes) or self._hashes[place] != key or self._left[place] == 0:
            return False
        self._left[place] -= 1
        return True


class Journal:
    """A head that says what is asked of what, then a row on each line. One process at a time holds it."""

    def __init__(self, path: Path, asked: Mapping[str, str]) -> None:
        """`asked`: as `describe_task` gives it.

        Raises `OutputError` for a journal that can't be written, that another process writes, or that was begun by
        another model or for other pictures.
        """
        self.path = path
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            file = try_hold(path)
        except OSError as error:
            raise OutputError(
                f"{path}: can't be written ({error.strerror}).", "Give a place that can be written to."
            ) from None
        if file is None:
            raise OutputError(f"{path}: another process is writing this table.", "Wait for it, or end it.")
        self._file: IO[bytes] = file
        head = self._read_head()
        if head is None:
            self._begin(asked)
        else:
            try:
                check_asked(path, head, asked)
            except OutputError:
                self._file.close()
                raise

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self._file.close()

    def recover(self) -> Iterator[Row]:
        """The whole rows. Once it is exhausted, what stood after them is cut off and `append` goes on there."""
        end = self._rows
        with self.path.open("rb") as file:
            file.seek(end)
            for line in file:
                row = _read_line(line)
                if row is None:
                    break
                end += len(line)
                yield row
        self._file.truncate(end)
        self._end = self._file.seek(end)

    def rows(self) -> Iterator[Row]:
        with self.path.open("rb") as file:
            file.seek(self._rows)
            for line in file:
                yield json.loads(line)

    def append(self, rows: Iterable[Row]) -> None:
        """Keep rows for good: when this returns, even a power cut takes none. Raises `StoppedError`."""
        data = b"".join(_write_line(row) for row in rows)
        try:
            written = 0
            while written < len(data):
                written += self._file.write(data[written:])
            os.fsync(self._file.fileno())
        except OSError as error:
            self._file.truncate(self._end)
            raise stop_writing(self.path, error) from None
        self._end += len(data)

    def remove(self) -> None:
        self.path.unlink()

    def _read_head(self) -> dict[str, str] | None:
        """None for a journal whose beginning was never whole."""
        line = self._file.readline(2**20)
        if not line.endswith(b"\n") and _BEGINNING.startswith(line[: len(_BEGINNING)]):
            return None
        try:
            head = dict(json.loads(line))
        except ValueError:
            head = {}
        if head.pop("kind", None) != _KIND:
            self._file.close()
            raise OutputError(f"{self.path}: this is no list of predictions.", "Move it away, or name another table.")
        self._rows = len(line)
        return head

    def _begin(self, asked: Mapping[str, str]) -> None:
        self._file.truncate(0)
        self._file.seek(0)
        self._rows = self._end = 0
        try:
            self.append([{"kind": _KIND, **asked}])
        except StoppedError:
            self.path.unlink()
            raise
        self._rows = self._end
        folder = os.open(self.path.parent, os.O_RDONLY)
        os.fsync(folder)
        os.close(folder)


def check_asked(path: object, head: Mapping[str, str], asked: Mapping[str, str]) -> None:
    """Raises `OutputError` where a table was begun by another model or for other pictures."""
    if dict(head) == dict(asked):
        return
    other = "another model" if any(head.get(key) != asked[key] for key in ("model", "weights")) else "other pictures"
    raise OutputError(
        f"{path}: the rows so far are of {other} ({head.get('model')}, {head.get('pictures')}).",
        "Name another table, or remove this file to begin anew.",
    )


def recall(rows: Iterable[Row]) -> Done:
    """Which pictures the rows of a journal are of."""
    return Done(array.array("Q", (_hash(row["path"]) for row in rows)))


def stop_writing(path: Path | str, error: Exception, said: str | None = None) -> StoppedError:
    """What to raise where a write failed. `said`: in the place of the system's words."""
    if isinstance(error, OSError):
        if is_full(error):
            return StoppedError(f"{path}: there is no room left on the disk.", f"Make room. {GO_ON}")
        said = said or error.strerror
    return StoppedError(f"{path}: can't be written ({said}).", f"Mend that. {GO_ON}")


def _hash(name: str) -> int:
    return int.from_bytes(hashlib.blake2b(name.encode("utf-8", "surrogatepass"), digest_size=8).digest(), "little")


def _write_line(row: Row) -> bytes:
    """As `json.loads` reads it, which takes names of any bytes."""
    return json.dumps(row, ensure_ascii=False).encode("utf-8", "surrogatepass") + b"\n"


def _read_line(line: bytes) -> Row | None:
    """None for what is not whole."""
    try:
        row = json.loads(line) if line.endswith(b"\n") else None
    except ValueError:
        return None
    return row if isinstance(row, dict) and isinstance(row.get("path"), str) else None
