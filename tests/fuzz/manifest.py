"""A table of a stranger's, of any form, beside three pictures → the list of them, or `DatasetError`."""

from __future__ import annotations

import tempfile
from contextlib import suppress
from functools import cache
from pathlib import Path

from model_training.datasets.manifest import count_pictures, lists_boxes, read_manifest
from model_training.runtime.errors import DatasetError

PICTURES = ("a.png", "b/한국.jpg", "c.png")


@cache
def _make_folder() -> tuple[tempfile.TemporaryDirectory[str], Path]:
    kept = tempfile.TemporaryDirectory()
    root = Path(kept.name)
    for name in PICTURES:
        (root / name).parent.mkdir(exist_ok=True)
        (root / name).touch()
    return kept, root


def feed(data: bytes) -> None:
    _, root = _make_folder()
    path = root / "manifest.csv"
    path.write_bytes(data)
    count_pictures(path, root=root)
    lists_boxes(path)
    for multi_label in (False, True):
        with suppress(DatasetError):
            found = read_manifest(path, multi_label=multi_label)
            assert len(found.entries) <= len(PICTURES)
