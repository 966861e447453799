"""Train, validation and test: by class and seed, with duplicates on one side only."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

import numpy as np

from ..recipe import Split
from ..runtime.errors import DatasetError
from .duplicates import Duplicates
from .folders import Dataset, SplitName

ORDER: tuple[SplitName, ...] = ("test", "validation", "train")  # who keeps a duplicate that given folders share


@dataclass(frozen=True)
class Splits:
    """Rows of the store by split, int64, and how many pictures were set aside because a given folder's duplicate of
    them is in a split that comes first in `ORDER`."""

    rows: dict[SplitName, np.ndarray]
    set_aside: int


def split(dataset: Dataset, rows: np.ndarray, duplicates: Duplicates, settings: Split) -> Splits:
    """Divide `rows`; `duplicates.group[i]` belongs to `rows[i]`.

    Given train/val/test folders stay as they are, except that a picture whose duplicate is in test (or validation) is
    set aside from the others; a split that is missing is cut from train. Otherwise each class is divided by seed.
    Raises `DatasetError` where a class is left without a picture in a split.
    """
    labels = np.array([dataset.entries[row].label for row in rows])
    given = np.array([dataset.entries[row].split or "" for row in rows], dtype="U10")
    assigned, set_aside = _keep_first(given, duplicates.group) if given.any() else (given.copy(), 0)
    missing = [name for name in ("test", "validation") if name not in assigned]
    free = np.isin(assigned, ["", "train"])
    shares = {"test": settings.test, "validation": settings.validation}
    generator = np.random.default_rng(settings.seed)
    if missing:
        for label in dataset.labels:
            inside = np.nonzero((labels == label) & free)[0]
            assigned[inside] = _divide(duplicates.group[inside], [(name, shares[name]) for name in missing], generator)
        if not given.any():
            assigned = _unite(assigned, duplicates.group)
    result = {name: rows[assigned == name] for name in ORDER}
    for name in ORDER:
        present = Counter(labels[assigned == name])
        for label in dataset.labels:
            if not present[label]:
                raise DatasetError(
                    f"{dataset.root}: the class {label!r} has no picture left for {name}: too many are duplicates.",
                    "Add different pictures to it or remove the class.",
                )
    return Splits(result, set_aside)


def _keep_first(given: np.ndarray, group: np.ndarray) -> tuple[np.ndarray, int]:
    """Blank (`aside`) every picture whose group has one in a split that comes earlier in `ORDER`."""
    assigned = given.copy()
    rank = np.array([ORDER.index(name) for name in given])
    best = np.full(group.max() + 1, len(ORDER))
    np.minimum.at(best, group, rank)
    aside = rank > best[group]
    assigned[aside] = "aside"
    return assigned, int(aside.sum())


def _divide(group: np.ndarray, shares: list[tuple[str, float]], generator: np.random.Generator) -> np.ndarray:
    """Shuffle the groups of one class and fill each wanted split to its share; the rest is train."""
    assigned = np.full(len(group), "train", dtype="U10")
    order = generator.permutation(np.unique(group))
    sizes = np.array([(group == each).sum() for each in order])
    position = 0
    for name, share in shares:
        wanted = max(1, round(share * len(group)))
        filled = 0
        while filled < wanted and position < len(order) - 1:
            assigned[group == order[position]] = name
            filled += sizes[position]
            position += 1
    return assigned


def _unite(assigned: np.ndarray, group: np.ndarray) -> np.ndarray:
    """A group whose copies lie in two classes was divided twice: all of it goes where its first picture went."""
    _, first, inverse = np.unique(group, return_index=True, return_inverse=True)
    return assigned[first][inverse]
