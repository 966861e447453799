"""Every image decoded and fitted once, into one memory-mapped file (`pixel_files.py`).

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
from typing import Any, Literal

import imagehash
import numpy as np

from ..locks import exclusive, is_full
from ..progress import console
from ..runtime.architecture import Preprocessing
from ..runtime.errors import DatasetError, ImageError
from ..runtime.image import DECODER_VERSION, HEIF, ImageWarning, decode_with_warnings
from ..runtime.preprocess import FIT_VERSION, choose_decoded_side, fit
from .file_kinds import sniff
from .folders import Dataset, Entry
from .pixel_files import INDICES, NAMES, WRITERS, Form, Shape, Writer, open_pixels, suits

Progress = Callable[[int, int], None]  # done, total

_CHUNK = 64  # images between two flushes of the index


@dataclass(frozen=True)
class ImageStore:
    """Row i belongs to `dataset.entries[i]`.

    `pixels`: uint8 (N, height, width, 3), memory-mapped, or what is indexed like it and reads a compressed file; a row
    that could not be read is black.
    `sha256`: of each file. `hashes`: uint64 (N,), perceptual. `errors`: row → what was wrong with the file.
    `warnings`: row → what an answer would say of it.
    """

    pixels: np.ndarray
    sha256: tuple[str, ...]
    hashes: np.ndarray
    errors: dict[int, str]
    warnings: dict[int, list[ImageWarning]]


def open_store(
    dataset: Dataset,
    preprocessing: Preprocessing,
    cache: Path,
    progress: Progress,
    asked: Literal["auto", "raw", "compressed"] = "auto",
) -> ImageStore:
    """Read a dataset's images, or take them from the cache folder.

    The cache is keyed by each file's path, size and time, the preprocessing, and the versions of decoder and transform.
    `asked`: the form of the files (`pixel_files.py`); `auto` takes what is there, finished or begun, else what suits
    the disk. The images are the same in both.
    Raises `DatasetError` where the disk is full, or where the cache was damaged.
    """
    shape = (len(dataset.entries), preprocessing.height, preprocessing.width, 3)
    folder = cache / _key(dataset, preprocessing)
    form = _choose_form(folder, shape) if asked == "auto" else asked
    finished, index = folder / NAMES[form], folder / INDICES[form]
    partial = finished.with_name(finished.name + ".part")
    try:
        with exclusive(folder):  # several searches may start at once
            if not finished.exists():
                _scan(dataset.entries, preprocessing, shape, form, partial, index, progress)
                partial.replace(finished)
    except OSError as error:
        if not is_full(error):
            raise
        needed = int(np.prod(shape)) / 2**30
        advice = "Free some space and run again" + (", or pass data.cache=compressed." if form == "raw" else ".")
        raise DatasetError(
            f"{folder}: the disk is full; the prepared pictures need {needed:.1f} GiB, compressed less than half.",
            advice,
        ) from None
    return _open(finished, index, form, shape)


def _choose_form(folder: Path, shape: Shape) -> Form:
    forms: tuple[Form, ...] = ("raw", "compressed")
    for name in ("{}", "{}.part"):
        for form in forms:
            if (folder / name.format(NAMES[form])).exists():
                return form
    form = suits(shape, folder)
    if form == "compressed":
        console.print(
            f"The prepared pictures would take {np.prod(shape) / 2**30:.3g} GiB, more than half of the free disk: they "
            "are kept compressed, without loss (data.cache=raw keeps them as they are)."
        )
    return form


def _open(finished: Path, index: Path, form: Form, shape: Shape) -> ImageStore:
    total = shape[0]
    hashes, ends = np.zeros(total, np.uint64), np.zeros(total, np.int64)
    sha256, errors, warnings = [], {}, {}
    try:
        with index.open(encoding="utf-8") as lines:  # one by one: all of them take more memory than what is kept
            for number, line in enumerate(lines):
                row = json.loads(line)
                sha256.append(row["sha256"])
                ends[number] = row.get("end", 0)  # older indices of raw pixels have none
                hashes[number] = int(row["hash"], 16)
                if row["error"]:
                    errors[number] = row["error"]
                if row["warnings"]:
                    warnings[number] = row["warnings"]
        if len(sha256) != total:
            raise ValueError(f"{len(sha256)} lines, not {total}")
        pixels: Any = open_pixels(finished, form, shape, ends)
    except (ValueError, EOFError, OSError, IndexError, KeyError):
        folder = finished.parent
        raise DatasetError(f"{folder}: this cache of pictures is damaged.", f"Remove {folder} and run again.") from None
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
    shape: Shape,
    form: Form,
    partial: Path,
    index: Path,
    progress: Progress,
) -> None:
    ends = _cut_to_whole_lines(index) if index.exists() and partial.exists() else []
    if not ends:
        index.unlink(missing_ok=True)
    writer: Writer = WRITERS[form](partial, shape, ends)
    done = len(ends)
    progress(done, shape[0])

    def read(row: int) -> tuple[Any, dict[str, object]]:
        image, facts = _read(entries[row].path, preprocessing)
        return writer.encode(image), facts

    with index.open("a", encoding="utf-8") as lines, ThreadPoolExecutor(os.cpu_count()) as readers:
        for start in range(done, shape[0], _CHUNK):
            rows = range(start, min(start + _CHUNK, shape[0]))
            written: list[str] = []
            for row, (encoded, facts) in zip(rows, readers.map(read, rows), strict=True):
                end = writer.write(row, encoded)
                written.append(json.dumps({**facts, "end": end}) + "\n")
                progress(row + 1, shape[0])
            # Pixels reach the disk before the line that vouches for them.
            writer.flush()
            lines.write("".join(written))
            lines.flush()


def _cut_to_whole_lines(index: Path) -> list[int]:
    """Drop a last line that a kill or a full disk cut off; returns the `end` of each that is left."""
    written = index.read_bytes()
    whole = written[: written.rfind(b"\n") + 1]
    os.truncate(index, len(whole))
    return [json.loads(line).get("end", 0) for line in whole.splitlines()]


def _read(path: Path, preprocessing: Preprocessing) -> tuple[np.ndarray | int, dict[str, object]]:
    facts: dict[str, object] = {"sha256": "", "hash": "0", "error": "", "warnings": []}
    try:
        data = path.read_bytes()
        facts["sha256"] = hashlib.sha256(data).hexdigest()
        decoded = decode_with_warnings(data, at_least=choose_decoded_side(preprocessing))
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
