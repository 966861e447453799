"""Folder or manifest → images in memory-mapped form, divided into splits: what training and analysis start from."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Collection
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from ..progress import follow
from ..recipe import Data, Recipe
from ..runtime.card import DataProvenance, FileAudit, Text
from .contradictions import Contradiction, find_contradictions, settle_contradictions
from .duplicates import find_duplicates, unite_strips
from .findings import Findings
from .folders import Dataset, SplitName, check_classes
from .image_store import check_readable, open_store
from .labels import choose_labels
from .listing import list_dataset
from .manifest import SEPARATOR
from .multi_label import mark_labels, share_labels
from .panels import STRIP, cut_strips
from .splits import check_groups, read_groups, split, unite


@dataclass(frozen=True)
class Prepared:
    """A dataset ready for training; its findings are also of the files' reading.

    `pixels`: as `ImageStore`'s; `targets`: int64 (N,), indices into `dataset.labels`, −1 where
    the class is not among them, or of multi-label images float32 (N, classes), 1 for each class of an image; `sha256`:
    of each file, in hexadecimal; `rows`: split → rows of all three; `copies`: int64 (N,), the same number for images
    that must stay together (copies of one image, or a group), −1 for an image that is not used; `contradictions`: files
    in several classes.
    """

    dataset: Dataset
    pixels: np.ndarray
    targets: np.ndarray
    sha256: tuple[str, ...]
    rows: dict[SplitName, np.ndarray]
    provenance: DataProvenance
    unreadable: int
    set_aside: int
    copies: np.ndarray
    contradictions: tuple[Contradiction, ...] = ()


def read_dataset(recipe: Recipe, place: Path) -> Dataset:
    """A folder of class folders, a folder with `manifest.csv` or a manifest → the classes that the recipe asks for.

    Raises `DatasetError`, before any image is opened.
    """
    data = recipe.data
    listed = list_images(data, place)
    dataset = check_classes(choose_labels(listed, data, recipe.labels), data.too_few)
    if data.group and not _is_divided(dataset):
        rows = np.array([row for row, entry in enumerate(dataset.entries) if entry.label], np.int64)
        dataset = check_groups(dataset, rows, read_groups(dataset, rows, data.group), data.group, data.too_few)
    return dataset


def list_images(data: Data, place: Path, known: Collection[str] = ()) -> Dataset:
    """A dataset as it lies there, all its classes, before any demand on them; `known` as in `list_dataset`.

    Raises `DatasetError`.
    """
    return list_dataset(
        place,
        data.label,
        attributes=data.attributes,
        multi_label=data.multi_label,
        label_from=data.label_from,
        encoding=data.encoding,
        known=known,
    )


def _is_divided(dataset: Dataset) -> bool:
    return any(entry.split for entry in dataset.entries)


def prepare(recipe: Recipe, place: Path, cache: Path, *, quiet: bool = False) -> Prepared:
    """Read, deduplicate and divide. Raises `DatasetError`."""
    dataset = read_dataset(recipe, place)
    found = Findings()
    found.extend(dataset.findings)
    column = recipe.data.group
    if recipe.preprocessing.fit == "strip":
        with follow("Cutting strips", quiet=quiet) as step:
            dataset = cut_strips(dataset, recipe.preprocessing, column, cache, step.update, found)
        column = column or STRIP
    with follow("Reading pictures", quiet=quiet) as step:
        store = open_store(dataset, recipe.preprocessing, cache, step.update, recipe.data.cache)
    for row in store.warnings:
        found.add("pictures that end early, read without their last rows", dataset.place(dataset.entries[row]))
    dataset = replace(dataset, findings=tuple(found))
    usable = check_readable(dataset, store, recipe.data.unreadable)
    if recipe.data.multi_label:
        dataset = share_labels(dataset, store.sha256, usable)
    contradictions = find_contradictions(dataset, store.sha256, usable)
    usable = settle_contradictions(dataset, contradictions, usable, recipe.data.contradictions)
    duplicates = find_duplicates(store, usable, recipe.data.near_duplicate_distance)
    alike = None
    if recipe.preprocessing.fit == "strip":
        alike = duplicates.group
        strip = np.unique([str(dataset.entries[row].file) for row in usable], return_inverse=True)[1]
        duplicates = replace(duplicates, group=unite_strips(strip, alike))
    if column:
        if not _is_divided(dataset):
            # Duplicates unite groups: a class may have fewer than the column says.
            group = unite(duplicates.group, read_groups(dataset, usable, column))
            dataset = check_groups(dataset, usable, group, column, recipe.data.too_few)
        inside = np.array([bool(dataset.entries[row].label) for row in usable])
        usable, duplicates = usable[inside], replace(duplicates, group=duplicates.group[inside])
        alike = None if alike is None else alike[inside]
    splits = split(dataset, usable, duplicates, recipe.data.split, column, recipe.data.stratify, alike)
    group = unite(duplicates.group, read_groups(dataset, usable, column)) if column else duplicates.group
    digest = hashlib.sha256()
    for name in ("train", "validation", "test"):
        for row in splits.rows[name]:
            entry = dataset.entries[row]
            line = f"{name}\0{dataset.place(entry)}\0{SEPARATOR.join(entry.labels)}\0{store.sha256[row]}\n"
            digest.update(line.encode("utf-8", "surrogateescape"))
    provenance = DataProvenance(
        name=recipe.data.name or Text(en=dataset.root.resolve().name, ko=dataset.root.resolve().name),
        procedural=dataset.procedural,
        counts={
            name: dict(sorted(Counter(label for row in rows for label in dataset.entries[row].labels).items()))
            for name, rows in sorted(splits.rows.items())
        },
        exact_duplicates=duplicates.exact,
        near_duplicates=duplicates.near,
        validation_within_groups=splits.borrowed,
        fingerprint=digest.hexdigest(),
    )
    return Prepared(
        dataset=dataset,
        pixels=store.pixels,
        targets=mark_labels(dataset) if recipe.data.multi_label else number_labels(dataset),
        sha256=store.sha256,
        rows=splits.rows,
        provenance=provenance,
        unreadable=len(store.errors),
        set_aside=splits.set_aside,
        copies=_number_copies(len(dataset.entries), usable, group),
        contradictions=contradictions,
    )


def number_labels(dataset: Dataset) -> np.ndarray:
    """int64 (N,): each image's class as an index into `dataset.labels`, −1 where it is not among them."""
    index = {label: number for number, label in enumerate(dataset.labels)}
    return np.array([index.get(entry.label, -1) for entry in dataset.entries], np.int64)


def _number_copies(total: int, rows: np.ndarray, group: np.ndarray) -> np.ndarray:
    copies = np.full(total, -1, np.int64)
    copies[rows] = group
    return copies


def with_audit(prepared: Prepared, audit: FileAudit | None) -> Prepared:
    """The same, with what the files give away on record."""
    return replace(prepared, provenance=prepared.provenance.model_copy(update={"file_audit": audit}))
