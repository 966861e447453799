"""Images of several classes: their targets, and what copies of one image have in common."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from .folders import Dataset


def mark_labels(dataset: Dataset) -> np.ndarray:
    """float32 (N, classes): 1 for each of an image's classes, in the order of `dataset.labels`, else 0."""
    number = {label: column for column, label in enumerate(dataset.labels)}
    marked = np.zeros((len(dataset.entries), len(number)), np.float32)
    for row, entry in enumerate(dataset.entries):
        marked[row, [number[label] for label in entry.labels]] = 1
    return marked


def share_labels(dataset: Dataset, sha256: Sequence[str], rows: np.ndarray) -> Dataset:
    """Copies of one file each get the classes of all: in folders, a copy in each is how several classes are said.

    `sha256` belongs to `dataset.entries`, `rows` are those in use. Near duplicates keep their own: they may be
    different episodes under one cover, and a hash that collides must not change a label.
    """
    found: dict[str, set[str]] = {}
    for row in rows:
        found.setdefault(sha256[row], set()).update(dataset.entries[row].labels)
    entries = list(dataset.entries)
    for row in rows:
        shared = found[sha256[row]]
        if len(shared) > len(entries[row].labels):
            entries[row] = entries[row].relabel(label for label in dataset.labels if label in shared)
    return replace(dataset, entries=tuple(entries))
