"""Train, validation and test: by class and seed, with duplicates and groups on one side only."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from scipy.sparse import coo_matrix, csr_matrix
from scipy.sparse.csgraph import connected_components

from ..recipe import Split
from ..runtime.errors import DatasetError
from .duplicates import Duplicates
from .folders import Dataset, SplitName
from .panels import STRIP

ORDER: tuple[SplitName, ...] = ("test", "validation", "train")  # who keeps a duplicate that given folders share

_TRIES = 10  # orders in which groups are dealt out; the one that comes nearest to the shares is taken


@dataclass(frozen=True)
class Splits:
    """Rows of the store by split, int64, and how many images were set aside because a duplicate of them, or an image
    of their group, is in a split that comes first in `ORDER`.

    `borrowed`: classes with too few groups to validate on one of their own, whose validation images are of groups
    that are also in training. Their test images are not.
    """

    rows: dict[SplitName, np.ndarray]
    set_aside: int
    borrowed: tuple[str, ...] = ()


def split(
    dataset: Dataset,
    rows: np.ndarray,
    duplicates: Duplicates,
    settings: Split,
    column: str | None = None,
    stratify: Sequence[str] = (),
    alike: np.ndarray | None = None,
) -> Splits:
    """Divide `rows`; `duplicates.group[i]` belongs to `rows[i]`, and `alike[i]`: int (N,), the same number for images
    whose groups may be divided, but of which one side only keeps any.

    Given train/val/test folders stay as they are, except that an image whose duplicate is in test (or validation) is
    set aside from the others; a split that is missing is cut from train. Otherwise each class is divided by seed; with
    a `column`, its groups are dealt out whole, so that every class comes as near to its shares as they allow; one
    with too few groups for all three goes without a group in validation, and borrows images from its training groups.
    The same holds for each combination of a class with what the columns `stratify` say. Multi-label images are dealt
    out in the same way without a `column`, each with its duplicates, since no class can be divided by itself.
    Raises `DatasetError` where a class is left without an image in a split.
    """
    group = unite(duplicates.group, read_groups(dataset, rows, column)) if column else duplicates.group
    member = find_members(dataset, rows)
    given = np.array([dataset.entries[row].split or "" for row in rows], dtype="U10")
    strata = read_strata(dataset, rows, stratify)
    several = bool((member.sum(1) > 1).any())
    assigned, set_aside = _keep_first(given, group) if given.any() else (given.copy(), 0)
    missing = [name for name in ("test", "validation") if name not in assigned]
    free = np.isin(assigned, ["", "train"])
    shares = {"test": settings.test, "validation": settings.validation}
    generator = np.random.default_rng(settings.seed)
    borrowed: list[str] = []
    has = dict(zip(sorted(dataset.labels), member.T, strict=True))
    wanted = [(name, shares[name]) for name in missing]
    if missing and (column or several):
        inside = np.nonzero(free)[0]
        kinds = find_kinds(dataset, rows[inside], stratify)
        assigned[inside] = _deal_out(member[inside], *kinds, group[inside], wanted, generator)
        borrowed = [label for label in dataset.labels if not (has[label] & (assigned == "validation")).any()]
        for label in borrowed:
            inside = np.nonzero(has[label] & (assigned == "train"))[0]
            share = settings.validation / (1 - settings.test)
            assigned[inside] = _divide(duplicates.group[inside], strata[inside], [("validation", share)], generator)
    elif missing:
        for label in dataset.labels:
            inside = np.nonzero(has[label] & free)[0]
            assigned[inside] = _divide(group[inside], strata[inside], wanted, generator)
        if not given.any():
            assigned = _unite(assigned, group)
    if alike is not None:
        assigned, more = _keep_first(assigned, alike)
        set_aside += more
    result = {name: rows[assigned == name] for name in ORDER}
    for name in ORDER:
        for label in dataset.labels:
            if not (has[label] & (assigned == name)).any():
                reason = f"too many are duplicates or share a {column}" if column else "too many are duplicates"
                raise DatasetError(
                    f"{dataset.source}: the class {label!r} has no picture left for {name}: {reason}.",
                    "Add different pictures to it or remove the class.",
                )
    return Splits(result, set_aside, tuple(borrowed))


def read_groups(dataset: Dataset, rows: np.ndarray, column: str) -> np.ndarray:
    """Int64 (N,), the same number for images with the same word in the column; an image without one is alone."""
    numbers: dict[str | int, int] = {}
    words = (dataset.entries[row].columns[column] or int(row) for row in rows)
    return np.array([numbers.setdefault(word, len(numbers)) for word in words], np.int64)


def find_members(dataset: Dataset, rows: np.ndarray) -> np.ndarray:
    """bool (N, classes): the classes of each image, in the order of their names."""
    names = sorted(dataset.labels)
    member = np.zeros((len(rows), len(names)), bool)
    number = {name: column for column, name in enumerate(names)}
    for place, row in enumerate(rows):
        member[place, [number[label] for label in dataset.entries[row].labels]] = True
    return member


def find_kinds(dataset: Dataset, rows: np.ndarray, columns: Sequence[str]) -> tuple[np.ndarray, np.ndarray]:
    """bool (N, kinds), the combinations of a class with the words in the columns that an image belongs to, one for each
    of its classes; and int64 (kinds,), the class of each combination, numbered in the order of their names."""
    entries = [dataset.entries[row] for row in rows]
    words = [
        [(label, *(each.columns.get(column, "") for column in columns)) for label in each.labels] for each in entries
    ]
    numbers = {word: number for number, word in enumerate(sorted({word for each in words for word in each}))}
    kinds = np.zeros((len(rows), len(numbers)), bool)
    for place, each in enumerate(words):
        kinds[place, [numbers[word] for word in each]] = True
    order = sorted(dataset.labels)
    return kinds, np.array([order.index(word[0]) for word in numbers], np.int64)


def read_strata(dataset: Dataset, rows: np.ndarray, columns: Sequence[str]) -> np.ndarray:
    """Int64 (N,), the same number for images of one class with the same words in all of the columns."""
    entries = [dataset.entries[row] for row in rows]
    words = [(entry.label, *(entry.columns.get(column, "") for column in columns)) for entry in entries]
    numbers = {word: number for number, word in enumerate(sorted(set(words)))}
    return np.array([numbers[word] for word in words], np.int64)


def unite(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Images that are in one group by either numbering, or by a chain of both, are in one group."""
    if not len(first):
        return first
    edges = coo_matrix((np.ones(len(first), bool), (first, second + first.max() + 1)))
    size = int(first.max() + second.max()) + 2
    _, component = connected_components(coo_matrix((edges.data, (edges.row, edges.col)), shape=(size, size)), False)
    return component[first]


def check_groups(
    dataset: Dataset, rows: np.ndarray, group: np.ndarray, column: str, too_few: Literal["error", "drop"]
) -> Dataset:
    """Refuse or drop the classes of a single group where the split is still to be made.

    Such a class would be missing from training or from the test, where its score would be zero whatever was learned.
    `group[i]` belongs to `rows[i]`. Raises `DatasetError`.
    """
    groups: dict[str, set[int]] = {}
    for row, number in zip(rows, group, strict=True):
        for label in dataset.entries[row].labels:
            groups.setdefault(label, set()).add(int(number))
    few = [label for label in dataset.labels if len(groups.get(label, ())) < 2]
    if not few:
        return dataset
    kept = [label for label in dataset.labels if label not in few]
    if too_few == "error" or len(kept) < 2:
        label = few[0]
        more = f" The same goes for {', '.join(few[1:])}." if len(few) > 1 else ""
        instead = f"pass data.too_few=drop or data.labels=[{', '.join(kept)}]" if len(kept) > 1 else "leave it out"
        if column == STRIP:
            what = "a single strip, or strips that are one group because panels of theirs are alike"
            remedy = f"Add other strips, {instead}, or pass data.near_duplicate_distance=0 if none is a copy."
        else:
            what = f"a single group by {column!r}"
            remedy = f"Add pictures of another {column!r}, {instead}, or divide without regard to it: data.group=null."
        raise DatasetError(
            f"{dataset.source}: the class {label!r} has {what}, which can't be in training and in the test.{more}",
            remedy,
        )
    return dataset.drop(few)


def _deal_out(
    member: np.ndarray,
    kinds: np.ndarray,
    class_of: np.ndarray,
    group: np.ndarray,
    shares: list[tuple[str, float]],
    generator: np.random.Generator,
) -> np.ndarray:
    """Assign whole groups so that each stratum comes near its shares in each split; the rest is train.

    `member`: bool (N, classes); `kinds`: bool (N, strata); `class_of`: int (strata,), see `find_kinds`. An image of
    several classes counts in each, as in iterative stratification (Sechidis et al. 2011). A class with fewer groups
    than there are splits does without validation.

    Groups are dealt in random order, each to the split that its strata miss most (by squared relative error, as in
    scikit-learn's StratifiedGroupKFold), the best of several orders is taken, and then a split that lacks a class gets
    a group of it from a split that has two.
    """
    names = [*(name for name, _ in shares), "train"]
    share = np.array([*(part for _, part in shares), 1 - sum(part for _, part in shares)])
    _, number = np.unique(group, return_inverse=True)
    counts, by_class = _count(number, kinds), _count(number, member)
    total = np.asarray(counts.sum(0)).ravel()
    wanted = np.ones((len(names), by_class.shape[1]), bool)
    if "validation" in names:
        wanted[names.index("validation"), np.asarray((by_class > 0).sum(0)).ravel() < len(names)] = False
    sparse = [(row.indices, row.data) for row in counts]
    best, least = np.zeros(len(sparse), np.int64), np.inf
    for _ in range(max(1, min(_TRIES, 100_000 // len(sparse)))):
        missing = share[:, None] * total * wanted[:, class_of]  # (splits, classes), images still wanted
        side = np.zeros(len(sparse), np.int64)
        for each in generator.permutation(len(sparse)):
            present, images = sparse[each]
            side[each] = (missing[:, present] * images / total[present] ** 2).sum(1).argmax()
            missing[side[each], present] -= images
        error = ((missing / total) ** 2).sum()
        if error < least:
            best, least = side, error
    _fill_empty(best, by_class.toarray(), wanted)
    return np.array(names, dtype="U10")[best][number]


def _count(group: np.ndarray, kinds: np.ndarray) -> csr_matrix:
    """Images by group and kind, (groups, kinds); `kinds`: bool (N, kinds)."""
    images, kind = np.nonzero(kinds)
    shape = (int(group.max()) + 1, kinds.shape[1])
    return coo_matrix((np.ones(len(images)), (group[images], kind)), shape=shape).tocsr()


def _fill_empty(side: np.ndarray, counts: np.ndarray, wanted: np.ndarray) -> None:
    """Move groups, in place, until every class is on every side where it is wanted, or no move is left.

    `counts`: (groups, classes); `wanted`: bool (sides, classes). A group may only leave a side where each of its
    classes that is wanted there has another one; the class with the fewest groups chooses first, its smallest moves.
    """
    present = counts > 0
    for label in np.argsort(present.sum(0), kind="stable"):
        members = np.nonzero(present[:, label])[0]
        members = members[np.argsort(counts[members, label], kind="stable")]
        for target in np.nonzero(wanted[:, label])[0]:
            if (side[members] == target).any():
                continue
            for candidate in members:
                stays = (side == side[candidate]) & (np.arange(len(side)) != candidate)
                missed = present[candidate] & wanted[side[candidate]]
                if present[np.ix_(stays, missed)].any(0).all():
                    side[candidate] = target
                    break


def _keep_first(given: np.ndarray, group: np.ndarray) -> tuple[np.ndarray, int]:
    """Blank (`aside`) every image whose group has one in a split that comes earlier in `ORDER`; and how many."""
    order: list[str] = [*ORDER, "aside"]
    rank = np.array([order.index(name) for name in given])
    best = np.full(group.max() + 1, len(order))
    np.minimum.at(best, group, rank)
    later = (rank > best[group]) & (given != "aside")
    return np.where(later, "aside", given), int(later.sum())


def _divide(
    group: np.ndarray, strata: np.ndarray, shares: list[tuple[str, float]], generator: np.random.Generator
) -> np.ndarray:
    """Shuffle the groups of one class and fill each wanted split to its share; the rest is train.

    The groups of a stratum (that of a group's first image) are spread evenly over the order, as in systematic
    sampling, so that each share of the order has its share of every stratum, but for one image.
    """
    _, first, member, counts = np.unique(group, return_index=True, return_inverse=True, return_counts=True)
    assigned = np.full(len(first), "train", dtype="U10")
    order = generator.permutation(len(first))
    kind = strata[first][order]
    if len(np.unique(kind)) > 1:
        place = np.empty(len(order))
        for each in np.unique(kind):
            inside = np.nonzero(kind == each)[0]
            place[inside] = (np.arange(len(inside)) + generator.random()) / len(inside)
        order = order[np.argsort(place, kind="stable")]
    position = 0
    for name, share in shares:
        wanted = max(1, round(share * len(group)))
        filled = 0
        while filled < wanted and position < len(order) - 1:
            assigned[order[position]] = name
            filled += counts[order[position]]
            position += 1
    return assigned[member]


def _unite(assigned: np.ndarray, group: np.ndarray) -> np.ndarray:
    """A group whose copies lie in two classes was divided twice: all of it goes where its first image went."""
    _, first, inverse = np.unique(group, return_index=True, return_inverse=True)
    return assigned[first][inverse]
