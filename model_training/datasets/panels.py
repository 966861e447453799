"""Long strips → their panels, each a file of its own, so that all that follows sees pictures.

A panel is written without loss: what is made of it is what serving makes of it within its strip.
"""

from __future__ import annotations

import hashlib
import os
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

from ..runtime.architecture import Preprocessing
from ..runtime.errors import ImageError
from ..runtime.image import DECODER_VERSION, decode_with_warnings
from ..runtime.strip import STRIP_VERSION, cut_strip
from .findings import Findings
from .folders import Dataset, Entry, sort_entries
from .image_store import Progress

#: The column that holds a panel's strip, where the recipe names no group.
STRIP = "strip"


def cut_strips(
    dataset: Dataset, preprocessing: Preprocessing, group: str | None, cache: Path, progress: Progress, found: Findings
) -> Dataset:
    """The same dataset with panels in the place of its strips.

    The panels of a strip are in one group: that of the column `group` where the strip is in one, else the strip itself.
    A file that can't be read stays, for whoever reads it next to say so. The cache is keyed by each file's path, size
    and time, and the versions of decoder and cutter.
    """
    folder = cache / "panels"
    column = group or STRIP
    entries: list[Entry] = []

    def cut_one(entry: Entry) -> list[Path]:
        return _cut(entry, folder / _key(dataset, entry, preprocessing), preprocessing)

    with ThreadPoolExecutor(os.cpu_count()) as readers:
        cut = readers.map(cut_one, dataset.entries)
        for number, (entry, panels) in enumerate(zip(dataset.entries, cut, strict=True), 1):
            word = entry.columns.get(column) or dataset.place(entry)
            entries += [replace(entry, path=path, columns={**entry.columns, column: word}) for path in panels]
            if len(panels) > 1:
                found.add("strips cut into panels", entry.path.name)
                found.add("panels of strips", count=len(panels))
            progress(number, len(dataset.entries))
    return replace(dataset, entries=sort_entries(entries), panels=folder)


def _key(dataset: Dataset, entry: Entry, preprocessing: Preprocessing) -> str:
    status = entry.path.stat()
    side = max(preprocessing.height, preprocessing.width)
    words = (dataset.place(entry), status.st_size, status.st_mtime_ns, side, DECODER_VERSION, STRIP_VERSION)
    return hashlib.sha256("\0".join(map(str, words)).encode("utf-8", "surrogateescape")).hexdigest()[:20]


def _cut(entry: Entry, done: Path, preprocessing: Preprocessing) -> list[Path]:
    """The files of an entry's panels in order; the file itself where it is no strip or can't be read."""
    if not done.is_dir():
        try:
            image = decode_with_warnings(
                entry.path.read_bytes(), at_least=max(preprocessing.height, preprocessing.width)
            ).image
        except (ImageError, OSError):
            return [entry.path]
        places = cut_strip(image)
        if len(places) == 1:
            return [entry.path]
        partial = done.with_suffix(".part")
        partial.mkdir(parents=True, exist_ok=True)
        for number, place in enumerate(places):
            image.crop(place).save(partial / f"{number:04}.png", compress_level=1)
        partial.replace(done)
    return sorted(done.iterdir())
