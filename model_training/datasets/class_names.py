"""Files that say what the numbers of classes mean: ImageNet's synsets, `cat_to_name.json`, a list of names."""

from __future__ import annotations

import json
import re
from collections.abc import Collection
from pathlib import Path

from .findings import Findings
from .tree import Folder

_ID = re.compile(r"n\d{8}|\d+")
_SUFFIXES = frozenset({".json", ".txt", ".csv", ".tsv"})
#: A longer file is no list of names; ImageNet's has 82,000 lines for all of WordNet.
_LARGEST = 8_000_000


def find_names(tree: Folder, labels: Collection[str], findings: Findings) -> None:
    """Say what a file at most two folders deep calls the classes, where all of them are numbers or synsets. They keep
    their own names, which recipes and older models know them by."""
    if not labels or not all(_ID.fullmatch(label) for label in labels):
        return
    top = [tree, *tree.folders, *(inside for each in tree.folders for inside in each.folders)]
    for path in (path for folder in top for path in folder.others if path.suffix.lower() in _SUFFIXES):
        names = _read(path)
        if names.keys() >= set(labels):
            for label in sorted(labels):
                findings.add(
                    "classes that a file beside them names, which --label takes over", f"{label}={names[label]!r}"
                )
            return


def _read(path: Path) -> dict[str, str]:
    """Number → name; empty for what says nothing of the kind."""
    try:
        text = path.read_text("utf-8-sig") if path.stat().st_size < _LARGEST else ""
        content = json.loads(text) if path.suffix.lower() == ".json" else None
    except (OSError, ValueError, RecursionError):
        return {}
    if isinstance(content, dict):
        pairs = [
            (str(key), value[-1] if isinstance(value, list) and value else value) for key, value in content.items()
        ]
    else:
        split = (re.split(r"[\t,;]|(?<=\d) +", line.strip(), maxsplit=1) for line in text.splitlines())
        pairs = [(each[0].strip(), each[1].split(",")[0]) for each in split if len(each) == 2]
    return {key: name.strip() for key, name in pairs if _ID.fullmatch(key) and isinstance(name, str) and name.strip()}
