"""One file in two classes: at least one of its labels is wrong."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from ..runtime.errors import DatasetError
from .folders import Dataset


@dataclass(frozen=True)
class Contradiction:
    """The rows of one file's copies, whose classes differ, and their places in the dataset."""

    rows: tuple[int, ...]
    places: tuple[str, ...]
    labels: tuple[str, ...]


def find_contradictions(dataset: Dataset, sha256: Sequence[str], rows: np.ndarray) -> tuple[Contradiction, ...]:
    """Files that lie in several classes, by content. `sha256` belongs to `dataset.entries`, `rows` are those in use.

    Near duplicates are not meant: they may be two drawings, and a hash that collides must not cost a label.
    """
    copies: dict[str, list[int]] = {}
    for row in rows:
        if dataset.entries[row].label:
            copies.setdefault(sha256[row], []).append(int(row))
    found = []
    for same in copies.values():
        labels = {dataset.entries[row].labels for row in same}
        if len(labels) > 1:
            named = tuple(sorted({label for each in labels for label in each}))
            found.append(Contradiction(tuple(same), tuple(dataset.place(dataset.entries[row]) for row in same), named))
    return tuple(found)


def settle_contradictions(
    dataset: Dataset, found: Sequence[Contradiction], rows: np.ndarray, wanted: Literal["error", "drop", "keep"]
) -> np.ndarray:
    """The rows to use, int64: all with `keep`, those without contradiction with `drop`. Raises `DatasetError` with
    `error` where there is one."""
    if not found or wanted == "keep":
        return rows
    if wanted == "error":
        first = found[0]
        more = f", and so do {len(found) - 1} more files" if len(found) > 1 else ""
        raise DatasetError(
            f"{dataset.source}: the classes {' and '.join(map(repr, first.labels))} hold the same picture "
            f"({', '.join(first.places)}){more}.",
            "Remove it where it is wrong, or pass data.contradictions=drop (or keep).",
        )
    return rows[~np.isin(rows, [row for each in found for row in each.rows])]
