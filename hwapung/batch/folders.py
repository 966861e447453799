"""A folder's pictures in the order of their names, at any depth, of which only compact names are in memory."""

from __future__ import annotations

import heapq
import itertools
import os
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import numpy as np

from model_training.datasets.file_kinds import is_system, judge_name, sniff
from model_training.datasets.findings import Findings
from model_training.datasets.tree import LEFT_OUT, count_files
from model_training.runtime.errors import DatasetError, ImageError

from .items import Item, make_item

#: Names that are sorted at a time.
_CHUNK = 65_536


def walk_folder(root: Path, above: str, left_out: Findings) -> Iterator[Item]:
    """What looks like a picture by name or content. A dead link to one, a file that goes meanwhile and a folder that
    can't be opened are items, too: none of them is passed over in silence. Links to folders are followed, but for those
    that lead back above themselves. `above`: what a place begins with. Raises `DatasetError` for the root."""
    try:
        # By hand: folders may be nested deeper than Python calls.
        stack = [(root, _sort_names(root), frozenset({os.path.realpath(root)}))]
    except OSError as error:
        raise DatasetError(f"{root}: can't be opened ({error.strerror}).", "Give a folder that can be read.") from None
    while stack:
        folder, names, inside = stack[-1]
        name = next(names, None)
        if name is None:
            stack.pop()
            continue
        path = folder / name
        place = above + path.relative_to(root).as_posix()
        if not path.is_dir():
            kind = judge_name(name, lambda path=path: sniff(path) if path.is_file() else None, left_out)  # type: ignore[misc]
            if kind == "image":
                yield make_item(path, place)
            elif kind == "other":
                left_out.add(LEFT_OUT, name)
        elif is_system(name):
            count_files(path, left_out, hidden=name.startswith("."))
        elif (real := os.path.realpath(path)) in inside:
            left_out.add("links to a folder above them, left out", name)
        else:
            try:
                stack.append((path, _sort_names(path), inside | {real}))
            except OSError as error:
                yield _unopened(path, place, error.strerror)


def _sort_names(folder: Path) -> Iterator[str]:
    """The names in a folder by their bytes. A million of them as strings would take a hundred megabytes."""
    chunks = []
    with os.scandir(os.fsencode(folder)) as listing:
        while chunk := [each.name for each in itertools.islice(listing, _CHUNK)]:
            chunks.append(np.sort(np.array(chunk)))
    return (os.fsdecode(bytes(each)) for each in heapq.merge(*chunks))


def _unopened(path: Path, place: str, reason: str | None) -> Item:
    return Item(str(path), place, partial(_refuse, reason), path)


def _refuse(reason: str | None) -> bytes:
    raise ImageError(f"The folder can't be opened ({reason}).", "Let it be read, or remove it.")
