"""Prepared images on the disk in one of two forms, read alike: raw in a memory-mapped array, or compressed losslessly.

Compressed, they are WebP without loss, one after another in one file: of 80 paintings at 224×224 pixels it leaves 1 of
2.3 bytes (PNG 1 of 1.7), of which a core reads some 700 a second.
"""

from __future__ import annotations

import io
import os
import shutil
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, Literal, Protocol

import numpy as np
from PIL import Image

Form = Literal["raw", "compressed"]
#: (images, height, width, 3)
Shape = tuple[int, int, int, int]

#: Raw images may take as much of the free disk: training leaves features and checkpoints on it, too.
MOST_OF_THE_DISK = 0.5


def suits(shape: Shape, folder: Path) -> Form:
    """The form for images of which none is there yet, by the disk that `folder` is or will be on."""
    there = next(each for each in (folder, *folder.absolute().parents) if each.exists())
    needed = int(np.prod(shape))
    return "raw" if needed <= MOST_OF_THE_DISK * shutil.disk_usage(there).free else "compressed"


class Writer(Protocol):
    """Writes images in order, beginning after those that are there.

    `ending` goes into an image's line of the index, where the form needs it to go on after a kill or to be read.
    """

    def encode(self, image: np.ndarray | int) -> np.ndarray | bytes | int:
        """In any thread. `image`: uint8 (height, width, 3), or 0 for a black one."""

    def write(self, row: int, encoded: Any) -> int:
        """Returns the ending."""

    def flush(self) -> None:
        """What was written is on the disk afterwards."""


class RawWriter:
    """A file of numpy's, as large as it will be from the beginning."""

    def __init__(self, path: Path, shape: Shape, ends: Sequence[int]) -> None:
        """`ends`: of the images that are there."""
        if ends:
            self.pixels = np.lib.format.open_memmap(path, mode="r+")
            return
        path.unlink(missing_ok=True)
        self.pixels = np.lib.format.open_memmap(path, mode="w+", dtype=np.uint8, shape=shape)
        # Claim the space now: writing to a hole of a mapped file on a full disk would kill the process.
        if hasattr(os, "posix_fallocate"):  # not on macOS
            with path.open("r+b") as file:
                os.posix_fallocate(file.fileno(), 0, path.stat().st_size)

    def encode(self, image: np.ndarray | int) -> np.ndarray | int:
        return image

    def write(self, row: int, encoded: np.ndarray | int) -> int:
        self.pixels[row] = encoded
        return 0

    def flush(self) -> None:
        self.pixels.flush()


class CompressedWriter:
    """A file that grows; a black image, which stands for one that can't be read, takes no byte of it."""

    def __init__(self, path: Path, shape: Shape, ends: Sequence[int]) -> None:
        del shape
        self.file: IO[bytes] = path.open("ab")
        self.file.truncate(ends[-1] if ends else 0)
        self.file.seek(0, os.SEEK_END)

    def encode(self, image: np.ndarray | int) -> bytes:
        if isinstance(image, int):
            return b""
        kept = io.BytesIO()
        # Its quickest method; slower ones save another tenth and take thrice as long.
        Image.fromarray(image).save(kept, "WEBP", lossless=True, method=0, quality=0)
        return kept.getvalue()

    def write(self, row: int, encoded: bytes) -> int:
        del row
        self.file.write(encoded)
        return self.file.tell()

    def flush(self) -> None:
        self.file.flush()
        os.fsync(self.file.fileno())


@dataclass(frozen=True)
class CompressedPixels:
    """Is indexed as a uint8 array (N, height, width, 3) is along its first axis, and gives arrays.

    `ends`: int64 (N,), where each image's bytes end in the file.
    """

    file: np.ndarray
    ends: np.ndarray
    shape: Shape
    readers: ThreadPoolExecutor
    dtype = np.dtype(np.uint8)

    def __len__(self) -> int:
        return self.shape[0]

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray:
        del copy
        return self[:].astype(dtype or np.uint8, copy=False)

    def __getitem__(self, rows: Any) -> np.ndarray:
        """`rows`: a number, a slice, or numbers in a list or an array, negative ones from the end."""
        if isinstance(rows, int | np.integer):
            return self._read(int(rows))
        if isinstance(rows, slice):
            rows = range(*rows.indices(len(self)))
        images = np.empty((len(rows), *self.shape[1:]), np.uint8)
        for place, image in enumerate(self.readers.map(self._read, rows)):
            images[place] = image
        return images

    def _read(self, row: int) -> np.ndarray:
        if not -len(self) <= row < len(self):
            raise IndexError(row)
        row %= len(self)
        encoded = self.file[self.ends[row - 1] if row else 0 : self.ends[row]].tobytes()
        if not encoded:
            return np.zeros(self.shape[1:], np.uint8)
        with Image.open(io.BytesIO(encoded), formats=["WEBP"]) as image:
            return np.asarray(image)


WRITERS: dict[Form, type[RawWriter] | type[CompressedWriter]] = {"raw": RawWriter, "compressed": CompressedWriter}
#: What the finished file is called.
NAMES: dict[Form, str] = {"raw": "pixels.npy", "compressed": "pixels.webps"}
#: And the file that has a line for each of its images.
INDICES: dict[Form, str] = {"raw": "index.jsonl", "compressed": "compressed.jsonl"}


def open_pixels(path: Path, form: Form, shape: Shape, ends: np.ndarray) -> np.ndarray | CompressedPixels:
    """`ends`: int64 (N,), for compressed ones.

    Raises `ValueError`, `EOFError` or `OSError` where the file is not what `shape` and `ends` say.
    """
    if form == "raw":
        pixels: np.ndarray = np.load(path, mmap_mode="r")
        if pixels.shape != shape:
            raise ValueError(f"{pixels.shape} is not {shape}")
        return pixels
    size = path.stat().st_size
    if size != (ends[-1] if len(ends) else 0):
        raise ValueError(f"{size} bytes, not {ends[-1:]}")
    file = np.memmap(path, np.uint8, "r") if size else np.empty(0, np.uint8)
    return CompressedPixels(file, ends, shape, ThreadPoolExecutor(os.cpu_count()))
