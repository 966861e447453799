"""One picture of many: what it is called, and how its bytes are had."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from model_training.runtime.errors import DatasetError, ImageError
from model_training.runtime.image import MAX_BYTES


@dataclass(frozen=True)
class Item:
    """One picture. `name`: its path as the table says it; `place`: where it lies within its source, from which copies
    take their names; `read`: gives its bytes or raises `ImageError`; `file`: None inside an archive or a bucket. It can
    be pickled, for other processes to read it."""

    name: str
    place: str
    read: Callable[[], bytes]
    file: Path | None = None


def make_item(path: Path, place: str | None = None) -> Item:
    if place is None:
        place = path.relative_to(path.anchor).as_posix()
    return Item(str(path), place, partial(read_file, path), path)


def read_file(path: Path) -> bytes:
    """A picture's bytes; of one that is too large no more than show that it is. Raises `ImageError`."""
    try:
        # Opening a pipe would wait for whoever fills it.
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
        with os.fdopen(descriptor, "rb") as file:
            if not stat.S_ISREG(os.fstat(descriptor).st_mode):
                raise ImageError("This is no file.", "Give the path of a picture.")
            return file.read(MAX_BYTES + 1)
    except OSError as error:
        raise ImageError(f"The file can't be read ({error.strerror}).", "Give the path of a picture.") from None
    except ValueError:  # a NUL in the path
        raise ImageError("There is no file of this name.", "Give the path of a picture.") from None


def check_file(path: Path, remedy: str) -> None:
    """Raises `DatasetError` where a file can't be opened."""
    try:
        with path.open("rb"):
            pass
    except OSError as error:
        raise DatasetError(f"{path}: can't be read ({error.strerror}).", remedy) from None
