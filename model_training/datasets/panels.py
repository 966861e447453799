"""Long strips → their panels, each a file of its own, so that all that follows sees pictures.

A panel is written without loss: what is made of it is what serving makes of it within its strip.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

from ..locks import exclusive, is_full
from ..runtime.architecture import Preprocessing
from ..runtime.errors import DatasetError, ImageError
from ..runtime.facts import LOWEST_CONTRAST, FileFacts, measure_contrast, read_file_facts
from ..runtime.image import DECODER_VERSION, decode
from ..runtime.preprocess import choose_decoded_side
from ..runtime.strip import STRIP_VERSION, cut_strip
from .findings import Findings
from .folders import Dataset, Entry
from .image_store import Progress

#: The column that holds a panel's strip, where the recipe names no group.
STRIP = "strip"


class Pieces(NamedTuple):
    """The files of an image's panels in order, and how many more are blank."""

    panels: list[Path]
    blank: int


def cut_strips(
    dataset: Dataset, preprocessing: Preprocessing, group: str | None, cache: Path, progress: Progress, found: Findings
) -> Dataset:
    """The same dataset with panels in the place of its strips.

    The panels of a strip are in one group: that of the column `group` where the strip is in one, else the strip itself.
    Blank ones are left out: they say nothing of a class, and would make copies of strips that have nothing in common.
    A file that can't be read stays, for whoever reads it next to say so. The cache is keyed by each file's place and
    content, and by the versions of decoder and cutter. Raises `DatasetError` where the disk is full.
    """
    folder = cache / "panels"
    column = group or STRIP
    entries: list[Entry] = []

    def cut(entry: Entry) -> Pieces:
        return _cut(entry.path, dataset.place(entry), preprocessing, folder)

    try:
        with exclusive(folder), ThreadPoolExecutor(os.cpu_count()) as readers:  # several searches may start at once
            pieces = list(_follow(readers.map(cut, dataset.entries), len(dataset.entries), progress))
    except OSError as error:
        if not is_full(error):
            raise
        raise DatasetError(f"{folder}: the disk is full.", "Free some space and run again.") from None
    for entry, (panels, blank) in zip(dataset.entries, pieces, strict=True):
        columns = {**entry.columns, column: entry.columns.get(column) or dataset.place(entry)}
        if panels == [entry.path]:
            entries.append(replace(entry, columns=columns))
        else:
            entries += [replace(entry, path=path, columns=columns, strip=entry.path) for path in panels]
            found.add("strips cut into panels", entry.path.name)
            found.add("panels of strips", count=len(panels))
            if blank:
                found.add("blank panels of strips left out", entry.path.name, blank)
    return replace(dataset, entries=tuple(entries))


def read_served_facts(entry: Entry) -> FileFacts:
    """Of an entry's file; of a panel what serving sees of it, whose file is the strip's."""
    facts = read_file_facts(entry.path.read_bytes())
    if entry.strip is None:
        return facts
    strip = read_file_facts(entry.strip.read_bytes())
    # The decoder may have halved the strip before it was cut.
    shrunk = strip.height / facts.height if strip.width > strip.height else strip.width / facts.width
    return FileFacts(round(facts.width * shrunk), round(facts.height * shrunk), strip.jpeg_quality)


def _follow(pieces: Iterable[Pieces], total: int, progress: Progress) -> Iterator[Pieces]:
    for number, each in enumerate(pieces, 1):
        progress(number, total)
        yield each


def _cut(path: Path, place: str, preprocessing: Preprocessing, folder: Path) -> Pieces:
    """An image's own file where it is no strip, can't be read, or is blank throughout."""
    whole = Pieces([path], 0)
    try:
        data = path.read_bytes()
    except OSError:
        return whole
    side = choose_decoded_side(preprocessing)
    key = f"{place}\0{side}\0{DECODER_VERSION}\0{STRIP_VERSION}\0".encode("utf-8", "surrogateescape")
    done = folder / hashlib.sha256(key + data).hexdigest()[:20]
    if not done.is_dir():
        try:
            image = decode(data, at_least=side)
        except ImageError:
            return whole
        places = cut_strip(image)
        if len(places) == 1:
            return whole
        partial = done.with_suffix(".part")
        partial.mkdir(parents=True, exist_ok=True)
        for number, box in enumerate(places):
            panel = image.crop(box)
            if measure_contrast(panel.convert("L")) < LOWEST_CONTRAST:
                (partial / f"{number:04}.blank").touch()
            else:
                panel.save(partial / f"{number:04}.png", compress_level=1)
        partial.replace(done)
    panels = sorted(done.glob("*.png"))
    return Pieces(panels, len(list(done.glob("*.blank")))) if panels else whole
