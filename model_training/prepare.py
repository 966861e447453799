"""Folder → pictures in memory-mapped form, divided into splits: what training and analysis start from."""

from __future__ import annotations

import hashlib
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from .datasets.duplicates import find_duplicates
from .datasets.folders import Dataset, SplitName, read_folder
from .datasets.pictures import check_readable, open_store
from .datasets.splits import split
from .progress import follow
from .recipe import Recipe
from .runtime.card import DataProvenance, Text


@dataclass(frozen=True)
class Prepared:
    """A dataset ready for training.

    `pixels`: uint8 (N, height, width, 3), memory-mapped; `targets`: int64 (N,), indices into `dataset.labels`;
    `rows`: split → rows of both.
    """

    dataset: Dataset
    pixels: np.ndarray
    targets: np.ndarray
    rows: dict[SplitName, np.ndarray]
    provenance: DataProvenance
    unreadable: int
    set_aside: int


def prepare(recipe: Recipe, folder: Path, cache: Path, *, quiet: bool = False) -> Prepared:
    """Read, deduplicate and divide. Raises `DatasetError`."""
    dataset = read_folder(folder)
    with follow("Reading pictures", quiet=quiet) as step:
        store = open_store(dataset, recipe.preprocessing, cache, step.update)
    usable = check_readable(dataset, store, recipe.data.unreadable)
    duplicates = find_duplicates(store, usable, recipe.data.near_duplicate_distance)
    splits = split(dataset, usable, duplicates, recipe.data.split)
    index = {label: number for number, label in enumerate(dataset.labels)}
    digest = hashlib.sha256()
    for name in ("train", "validation", "test"):
        for row in splits.rows[name]:
            entry = dataset.entries[row]
            place = entry.path.relative_to(dataset.root).as_posix()
            digest.update(f"{name}\0{place}\0{entry.label}\0{store.sha256[row]}\n".encode("utf-8", "surrogateescape"))
    provenance = DataProvenance(
        name=recipe.data.name or Text(en=dataset.root.resolve().name, ko=dataset.root.resolve().name),
        procedural=dataset.procedural,
        counts={
            name: dict(sorted(Counter(dataset.entries[row].label for row in rows).items()))
            for name, rows in sorted(splits.rows.items())
        },
        exact_duplicates=duplicates.exact,
        near_duplicates=duplicates.near,
        fingerprint=digest.hexdigest(),
    )
    return Prepared(
        dataset=dataset,
        pixels=store.pixels,
        targets=np.array([index[entry.label] for entry in dataset.entries], np.int64),
        rows=splits.rows,
        provenance=provenance,
        unreadable=len(store.errors),
        set_aside=splits.set_aside,
    )


def describe(prepared: Prepared) -> str:
    """What was found, in a line for the person who started the training."""
    counts = {name: sum(classes.values()) for name, classes in prepared.provenance.counts.items()}
    copies = f"{prepared.provenance.exact_duplicates} exact and {prepared.provenance.near_duplicates} near duplicates"
    words = [
        f"{len(prepared.dataset.labels)} classes ({', '.join(prepared.dataset.labels)})",
        f"{counts['train']} pictures to train, {counts['validation']} to validate, {counts['test']} to test",
        f"{copies} kept on one side",
    ]
    if prepared.set_aside:
        words.append(f"{prepared.set_aside} set aside because their duplicate is in a later split")
    if prepared.unreadable:
        words.append(f"{prepared.unreadable} unreadable, skipped")
    return "; ".join(words) + "."
