"""Marks of the split before the classes' names: `Training/TS_cat` and `Validation/VS_cat`, as AI-Hub packs them."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING

from .findings import Findings
from .split_names import SplitName

if TYPE_CHECKING:
    from .folders import Entry

_MARK = re.compile(r"([A-Z]{1,3})\d*[_.]\s*(?=\S)")


def drop_marks(found: Sequence[tuple[str, Entry]], findings: Findings) -> list[tuple[str, Entry]]:
    """The same images and their folders' names, without marks that all classes of a split have and that differ
    between splits, where the classes are the same without them."""
    names: dict[SplitName | None, set[str]] = {}
    for _, entry in found:
        names.setdefault(entry.split, set()).add(entry.label)
    marks = {split: {mark[1] for each in labels if (mark := _MARK.match(each))} for split, labels in names.items()}
    marked = all(_MARK.match(each) for labels in names.values() for each in labels)
    distinct = {letters for each in marks.values() for letters in each}
    if len(names) < 2 or not marked or any(len(each) > 1 for each in marks.values()) or len(distinct) < len(names):
        return list(found)
    bare = [{_MARK.sub("", each, count=1) for each in labels} for labels in names.values()]
    if not set.intersection(*bare):
        return list(found)
    for letters in sorted(distinct):
        findings.add("marks of the split before the classes' names, passed over", letters)
    return [
        (_MARK.sub("", name, count=1), entry.relabel([_MARK.sub("", entry.label, count=1)])) for name, entry in found
    ]
