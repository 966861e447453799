"""A text file with a path on each line → pictures."""

from __future__ import annotations

import codecs
import os
from collections.abc import Iterator
from pathlib import Path

from .buckets import is_bucket, make_object
from .items import Item, make_item


def walk_list(path: Path) -> Iterator[Item]:
    """Paths are relative to the list's own folder, as a manifest's are. A line is UTF-8, with or without a mark, or the
    CP949 of a Korean Windows where no file has the first name; empty ones count for nothing."""
    with path.open("rb") as file:
        for number, line in enumerate(file):
            written = line.removeprefix(codecs.BOM_UTF8) if number == 0 else line
            if name := written.strip(b"\r\n"):
                text = name.decode("utf-8", "surrogateescape")
                yield make_object(text) if is_bucket(text) else make_item(_find(path.parent, name))


def _find(folder: Path, name: bytes) -> Path:
    found = folder / os.fsdecode(name)
    try:
        name.decode()
    except UnicodeDecodeError:
        if not os.path.lexists(found):
            return folder / name.decode("cp949", "surrogateescape")
    return found
