"""A folder of images → a list of entries: one folder per class, or train/val/test folders of class folders."""

from __future__ import annotations

import json
import unicodedata
from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import zip_longest
from pathlib import Path
from typing import Literal

from ..runtime.errors import DatasetError
from ..runtime.image import SUFFIXES
from .findings import Finding

SplitName = Literal["train", "validation", "test"]

SPLIT_FOLDERS: dict[str, SplitName] = {
    "train": "train",
    "val": "validation",
    "valid": "validation",
    "validation": "validation",
    "test": "test",
}
FEWEST_A_CLASS = 5  # so that a 60/20/20 split has one for validation and one for test


@dataclass(frozen=True, slots=True)
class Entry:
    """One image: its file, its class, and the split that the folder or the manifest gave it, if any.

    `label` is empty where the class is not among the dataset's. `columns` are those of a manifest, or the attributes
    that folders inside a class folder name; `line` is where a manifest says so, 0 where a folder does; `also` are
    further classes of a multi-label image.
    """

    path: Path
    label: str
    split: SplitName | None
    columns: Mapping[str, str] = field(default_factory=dict, hash=False)
    line: int = 0
    also: tuple[str, ...] = ()

    @property
    def labels(self) -> tuple[str, ...]:
        """All classes; none where they are not among the dataset's."""
        return (self.label, *self.also) if self.label else ()

    def relabel(self, labels: Iterable[str]) -> Entry:
        """The same image with other classes, each once."""
        first, *others = dict.fromkeys(labels) or ("",)
        return replace(self, label=first, also=tuple(others))


@dataclass(frozen=True)
class Dataset:
    """`entries` are sorted by path, so that a seed means the same everywhere.

    `labels` are the classes to tell apart; an entry of another class is listed, so that caches serve every choice of
    classes, but not used. `source` is the folder or the manifest, `dropped` are classes that had too few images.
    `findings`: what was left out while listing, and what was taken for what.
    """

    root: Path
    entries: tuple[Entry, ...]
    labels: tuple[str, ...]
    procedural: bool
    manifest: Path | None = None
    dropped: tuple[str, ...] = ()
    findings: tuple[Finding, ...] = ()

    @property
    def source(self) -> Path:
        return self.manifest or self.root

    def place(self, entry: Entry) -> str:
        """The file's path from the root where it lies below it, else the whole path."""
        inside = entry.path.is_relative_to(self.root)
        return (entry.path.relative_to(self.root) if inside else entry.path).as_posix()

    def keep(self, labels: Sequence[str]) -> Dataset:
        """The same images, of which only those of `labels` are used."""
        kept = set(labels)
        entries = tuple(
            entry if kept.issuperset(entry.labels) else entry.relabel(each for each in entry.labels if each in kept)
            for entry in self.entries
        )
        return replace(self, entries=entries, labels=tuple(labels))

    def drop(self, labels: Collection[str]) -> Dataset:
        """Leave out classes that are too small, and remember which."""
        kept = self.keep([label for label in self.labels if label not in labels])
        return replace(kept, dropped=(*self.dropped, *labels))


def list_folder(root: Path, attributes: Sequence[str] = ()) -> Dataset:
    """List the images of a dataset.

    A class is named by its folder in Unicode NFC (a Hangul name unpacked on a Mac is the same class); folders inside a
    class folder belong to it; hidden files and files of other kinds are passed over. `attributes` name the levels of
    folders inside a class folder: with `(colour, view)`, `AI/Green/overhead/1.jpg` has the columns colour Green and
    view overhead. A level that an image does not have is an empty cell, deeper ones are passed over.
    Raises `DatasetError` for a missing folder or a class folder without images.
    """
    if not root.is_dir():
        raise DatasetError(
            f"{root}: there is no such folder.", "Give --data FOLDER, with one folder of pictures per class."
        )
    folders = _subfolders(root)
    splits = {folder: SPLIT_FOLDERS[folder.name.lower()] for folder in folders if folder.name.lower() in SPLIT_FOLDERS}
    entries: list[Entry] = []
    empty: list[Path] = []
    if splits and "train" in splits.values():
        for folder, split in splits.items():
            for class_folder in _subfolders(folder):
                _collect(class_folder, split, attributes, entries, empty)
    else:
        for class_folder in folders:
            _collect(class_folder, None, attributes, entries, empty)
    if empty:
        raise DatasetError(
            f"{empty[0]}: the class has no picture.", "Put pictures (JPEG, PNG, WebP, …) into the folder or remove it."
        )
    labels = tuple(sorted({entry.label for entry in entries}))
    return Dataset(root, sort_entries(entries), labels, is_procedural(root))


def sort_entries(entries: list[Entry]) -> tuple[Entry, ...]:
    return tuple(sorted(entries, key=lambda entry: entry.path.as_posix()))


def is_procedural(root: Path) -> bool:
    """Whether a program drew the images and says so."""
    marker = root / "procedural.json"
    return marker.is_file() and bool(json.loads(marker.read_text("utf-8")).get("procedural"))


def _subfolders(folder: Path) -> list[Path]:
    return sorted(each for each in folder.iterdir() if each.is_dir() and not each.name.startswith("."))


def _collect(
    folder: Path, split: SplitName | None, attributes: Sequence[str], entries: list[Entry], empty: list[Path]
) -> None:
    label = unicodedata.normalize("NFC", folder.name)
    before = len(entries)
    entries.extend(
        Entry(path, label, split, _name_levels(path.relative_to(folder).parts[:-1], attributes))
        for path in folder.rglob("*")
        if path.suffix.lower() in SUFFIXES and not path.name.startswith(".") and path.is_file()
    )
    if len(entries) == before:
        empty.append(folder)


def _name_levels(levels: Sequence[str], attributes: Sequence[str]) -> dict[str, str]:
    names = [unicodedata.normalize("NFC", level) for level in levels]
    return dict(zip_longest(attributes, names[: len(attributes)], fillvalue=""))


def check_classes(dataset: Dataset, too_few: Literal["error", "drop"] = "error") -> Dataset:
    """Refuse or drop classes that can't be divided into train, validation and test.

    Raises `DatasetError` for fewer than two classes, a class with too few images, or one that a given split lacks.
    """
    counted = Counter((label, entry.split) for entry in dataset.entries for label in entry.labels)
    splits = {split for _, split in counted}
    few: dict[str, str] = {}
    for label in dataset.labels:
        if splits == {None}:
            if counted[label, None] < FEWEST_A_CLASS:
                few[label] = f"has {counted[label, None]} pictures, fewer than {FEWEST_A_CLASS}"
        elif missing := sorted(str(split) for split in splits if not counted[label, split]):
            few[label] = f"has no picture in {missing[0]}"
    if few and too_few == "error":
        label, reason = next(iter(few.items()))
        raise DatasetError(
            f"{dataset.source}: the class {label!r} {reason}.",
            "Add pictures to it, remove it, or pass data.too_few=drop to leave such classes out.",
        )
    if few:
        dataset = dataset.drop(few)
    if len(dataset.labels) < 2:
        none = "no class" if dataset.manifest or few else "no class folder"
        found = f"only the class {dataset.labels[0]!r}" if dataset.labels else none
        where = (
            "Name at least two in the label column" if dataset.manifest else "Make one folder per class, at least two"
        )
        raise DatasetError(f"{dataset.source}: there is {found}.", f"{where}, with pictures of each.")
    return dataset
