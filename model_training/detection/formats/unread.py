"""Labels that are not read → what they are, so that a person knows what to export instead."""

from __future__ import annotations

import re
from pathlib import Path

from .tree import Tree

_HEAD = 4096
#: What the first bytes of a file hold → of which format it is.
_MARKS = {
    ".json": (
        (re.compile(rb'"box2d"'), "BDD100K's or Scalabel's JSON"),
        (re.compile(rb'"data_?row"|"Labeled Data"', re.IGNORECASE), "Labelbox's export"),
        (re.compile(rb'\A\s*\[\s*\{[^{}]*"score"\s*:'), "COCO's results, which are a model's answers"),
    ),
    ".ndjson": ((re.compile(rb'"data_?row"'), "Labelbox's export"),),
    ".txt": (
        (re.compile(rb"\A\s*imagesource:"), "DOTA's text"),
        (re.compile(rb"\A\s*(-?[\d.]+\s+){8}[A-Za-z]\S*[ \t]+[0-2]\s*$", re.MULTILINE), "DOTA's text"),
        (re.compile(rb"\A\S+\.jpe?g\s*\n\d+\s*\n(\d+\s+){9}\d", re.IGNORECASE), "WIDER FACE's list"),
    ),
    ".vott": ((re.compile(rb""), "VoTT's project, whose export as JSON is read"),),
    ".tfrecord": ((re.compile(rb""), "TFRecord, which holds the pictures too"),),
}


def name_unread(tree: Tree) -> str:
    """`labels.json is Labelbox's export`, of the first file that is known; else how many files of each kind there are.

    Empty where there are only pictures.
    """
    for suffix, marks in _MARKS.items():
        for path in tree.others.get(suffix, ())[:5]:
            head = _read_head(path)
            if (found := next((name for mark, name in marks if mark.search(head)), None)) is not None:
                return f"{path.name} is {found}"
    counts = {suffix: len(files) for suffix, files in tree.others.items() if files}
    listed = ", ".join(f"{count} {suffix or 'without suffix'}" for suffix, count in counts.items())
    return f"beside pictures there are: {listed}" if listed else ""


def _read_head(path: Path) -> bytes:
    with path.open("rb") as file:
        return file.read(_HEAD)
