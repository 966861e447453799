"""Every image decoded and fitted once, into one memory-mapped file.

Training reads it as often as it has epochs, memory stays flat however large the folder is, and a scan that was cut off
goes on where it stopped.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import imagehash
import numpy as np

from ..locks import exclusive, is_full
from ..runtime.architecture import Preprocessing
from ..runtime.errors import DatasetError, ImageError
from ..runtime.image import DECODER_VERSION, HEIF, ImageWarning, decode_with_warnings
from ..runtime.preprocess import FIT_VERSION, fit
from .file_kinds import sniff
from .folders import Dataset, Entry

Progress = Callable[[int, int], None]  # done, total

_CHUNK = 64  # images between two flushes of the index


@dataclass(frozen=True)
class ImageStore:
    """Row i belongs to `dataset.entries[i]`.

    `pixels`: uint8 (N, height, width, 3), memory-mapped; a row that could not be read is black.
    `sha256`: of each file. `hashes`: uint64 (N,), perceptual. `errors`: row → what was wrong with the file.
    `warnings`: row → what an answer would say of it.
    """

    pixels: np.ndarray
    sha256: tuple[str, ...]
    hashes: np.ndarray
    errors: dict[int, str]
    warnings: dict[int, list[ImageWarning]]


def open_store(dataset: Dataset, preprocessing: Preprocessing, cache: Path, progress: Progress) -> ImageStore:
    """Read a dataset's images, or take them from the cache folder.

    The cache is keyed by each file's path, size and time, the preprocessing, and the versions of decoder and transform.
    Raises `DatasetError` where the disk is full, or where the cache was damaged.
    """
    total = len(dataset.entries)
    shape = (total, preprocessing.height, preprocessing.width, 3)
    folder = cache / _key(dataset, preprocessing)
    finished, partial, index = folder / "pixels.npy", folder / "pixels.npy.part", folder / "index.jsonl"
    try:
        with exclusive(folder):  # several searches may start at once
            if not finished.exists():
                _scan(dataset.entries, preprocessing, shape, partial, index, progress)
                partial.replace(finished)
    except OSError as error:
        if not is_full(error):
            raise
        needed = int(np.prod(shape)) / 2**30
        raise DatasetError(
            f"{folder}: the disk is full; the prepared pictures need {needed:.1f} GiB.",
            "Free some space and run again.",
        ) from None
    hashes, sha256, errors, warnings = np.zeros(total, np.uint64), [], {}, {}
    try:
        pixels = np.load(finished, mmap_mode="r")
        with index.open(encoding="utf-8") as lines:  # one by one: all of them take more memory than what is kept
            for number, line in enumerate(lines):
                row = json.loads(line)
                sha256.append(row["sha256"])
                hashes[number] = int(row["hash"], 16)
                if row["error"]:
                    errors[number] = row["error"]
                if row["warnings"]:
                    warnings[number] = row["warnings"]
        whole = pixels.shape == shape and len(sha256) == total
    except (ValueError, EOFError, OSError, IndexError, KeyError):
        whole = False
    if not whole:
        raise DatasetError(f"{folder}: this cache of pictures is damaged.", f"Remove {folder} and run again.")
    return ImageStore(
        pixels=pixels,
        sha256=tuple(sha256),
        hashes=hashes,
        errors=errors,
        warnings=warnings,
    )


def _scan(
    entries: Sequence[Entry],
    preprocessing: Preprocessing,
    shape: tuple[int, ...],
    partial: Path,
    index: Path,
    progress: Progress,
) -> None:
    done = _cut_to_whole_lines(index) if index.exists() and partial.exists() else 0
    if done:
        pixels = np.lib.format.open_memmap(partial, mode="r+")
    else:
        index.unlink(missing_ok=True)
        partial.unlink(missing_ok=True)
        pixels = np.lib.format.open_memmap(partial, mode="w+", dtype=np.uint8, shape=shape)
        # Claim the space now: writing to a hole of a mapped file on a full disk would kill the process.
        if hasattr(os, "posix_fallocate"):  # not on macOS
            with partial.open("r+b") as file:
                os.posix_fallocate(file.fileno(), 0, partial.stat().st_size)
    progress(done, shape[0])
    with index.open("a", encoding="utf-8") as lines, ThreadPoolExecutor(os.cpu_count()) as readers:
        for start in range(done, shape[0], _CHUNK):
            rows = range(start, min(start + _CHUNK, shape[0]))
            read = readers.map(lambda row: _read(entries[row].path, preprocessing), rows)
            written: list[str] = []
            for row, (image, facts) in zip(rows, read, strict=True):
                pixels[row] = image
                written.append(json.dumps(facts) + "\n")
                progress(row + 1, shape[0])
            # Pixels reach the disk before the line that vouches for them.
            pixels.flush()
            lines.write("".join(written))
            lines.flush()


def _cut_to_whole_lines(index: Path) -> int:
    """Drop a last line that a kill or a full disk cut off; returns how many are left."""
    written = index.read_bytes()
    whole = written[: written.rfind(b"\n") + 1]
    os.truncate(index, len(whole))
    return whole.count(b"\n")


def _read(path: Path, preprocessing: Preprocessing) -> tuple[np.ndarray | int, dict[str, object]]:
    facts: dict[str, object] = {"sha256": "", "hash": "0", "error": "", "warnings": []}
    try:
        data = path.read_bytes()
        facts["sha256"] = hashlib.sha256(data).hexdigest()
        decoded = decode_with_warnings(data, at_least=max(preprocessing.height, preprocessing.width))
        facts["hash"] = str(imagehash.phash(decoded.image))
        facts["warnings"] = decoded.warnings
        return fit(decoded.image, preprocessing), facts
    except ImageError as error:
        facts["error"] = error.message
    except OSError as error:
        facts["error"] = error.strerror or str(error)
    return 0, facts


def _key(dataset: Dataset, preprocessing: Preprocessing) -> str:
    digest = hashlib.sha256()
    for line in _identity(dataset, preprocessing):
        digest.update(line.encode("utf-8", "surrogateescape"))
    return digest.hexdigest()[:20]


def _identity(dataset: Dataset, preprocessing: Preprocessing) -> Iterator[str]:
    size = f"{preprocessing.height}×{preprocessing.width}"
    encoding = "" if preprocessing.jpeg_quality is None else f" jpeg {preprocessing.jpeg_quality}"
    heif = " heif" if HEIF else ""  # with its reader, what was no picture can be one
    yield f"decoder {DECODER_VERSION}{heif} fit {FIT_VERSION} {preprocessing.fit} {size}{encoding}\n"
    for entry in dataset.entries:
        status = entry.path.stat()
        yield f"{dataset.place(entry)}\0{status.st_size}\0{status.st_mtime_ns}\n"


def average(pixels: np.ndarray, rows: np.ndarray) -> np.ndarray:
    """The mean image of `rows`, float32 (height, width, 3) in 0…255; `pixels`: uint8 (N, height, width, 3)."""
    total = np.zeros(pixels.shape[1:], np.int64)
    in_order = np.sort(rows)  # as they lie on the disk
    for start in range(0, len(rows), _CHUNK):
        total += pixels[in_order[start : start + _CHUNK]].sum(0, dtype=np.int64)
    return (total / len(rows)).astype(np.float32)


def check_readable(dataset: Dataset, store: ImageStore, unreadable: str) -> np.ndarray:
    """Rows of the dataset's classes that can be used, int64.

    With `unreadable="error"`, raises `DatasetError` naming the first that can't.
    """
    rows = [row for row, entry in enumerate(dataset.entries) if entry.label]
    broken = [row for row in rows if row in store.errors]
    if broken and unreadable == "error":
        is_heic = sniff(dataset.entries[broken[0]].path) == "HEIF"
        heic = " It is a HEIC picture, which pip install pi-heif reads." if is_heic else ""
        more = f" and {len(broken) - 1} more" if len(broken) > 1 else ""
        raise DatasetError(
            f"{dataset.entries[broken[0]].path}{more}: {store.errors[broken[0]]}{heic}",
            "Mend or remove it, or pass data.unreadable=skip.",
        )
    return np.array([row for row in rows if row not in store.errors], np.int64)
