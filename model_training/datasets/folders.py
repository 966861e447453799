"""A folder of pictures → a list of entries: one folder per class, or train/val/test folders of class folders."""

from __future__ import annotations

import json
import unicodedata
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from ..runtime.errors import DatasetError

SplitName = Literal["train", "validation", "test"]

SUFFIXES = {".jpg", ".jpeg", ".png", ".webp", ".gif", ".bmp", ".tif", ".tiff", ".avif"}
SPLIT_FOLDERS: dict[str, SplitName] = {
    "train": "train",
    "val": "validation",
    "valid": "validation",
    "validation": "validation",
    "test": "test",
}
FEWEST_A_CLASS = 5  # so that a 60/20/20 split has one for validation and one for test


@dataclass(frozen=True)
class Entry:
    """One picture: its file, its class, and the split that the folder gave it, if any."""

    path: Path
    label: str
    split: SplitName | None


@dataclass(frozen=True)
class Dataset:
    """`labels` are sorted; `entries` are sorted by path, so that a seed means the same everywhere."""

    root: Path
    entries: tuple[Entry, ...]
    labels: tuple[str, ...]
    procedural: bool


def read_folder(root: Path) -> Dataset:
    """List the pictures of a dataset.

    A class is named by its folder in Unicode NFC (a Hangul name unpacked on a Mac is the same class); folders inside a
    class folder belong to it; hidden files and files of other kinds are passed over.
    Raises `DatasetError` for a missing folder, fewer than two classes, or a class with too few pictures.
    """
    if not root.is_dir():
        raise DatasetError(
            f"{root}: there is no such folder.", "Give DATA=folder, with one folder of pictures per class."
        )
    folders = _subfolders(root)
    splits = {folder: SPLIT_FOLDERS[folder.name.lower()] for folder in folders if folder.name.lower() in SPLIT_FOLDERS}
    entries: list[Entry] = []
    empty: list[Path] = []
    if splits and "train" in splits.values():
        for folder, split in splits.items():
            for class_folder in _subfolders(folder):
                _collect(class_folder, split, entries, empty)
    else:
        for class_folder in folders:
            _collect(class_folder, None, entries, empty)
    if empty:
        raise DatasetError(
            f"{empty[0]}: the class has no picture.", "Put pictures (JPEG, PNG, WebP, …) into the folder or remove it."
        )
    labels = tuple(sorted({entry.label for entry in entries}))
    if len(labels) < 2:
        found = f"only the class {labels[0]!r}" if labels else "no class folder"
        raise DatasetError(
            f"{root}: there is {found}.", "Make one folder per class, at least two, with pictures in each."
        )
    _check_counts(root, entries, given=bool(splits))
    marker = root / "procedural.json"
    procedural = marker.is_file() and bool(json.loads(marker.read_text("utf-8")).get("procedural"))
    return Dataset(root, tuple(sorted(entries, key=lambda entry: entry.path.as_posix())), labels, procedural)


def _subfolders(folder: Path) -> list[Path]:
    return sorted(each for each in folder.iterdir() if each.is_dir() and not each.name.startswith("."))


def _collect(folder: Path, split: SplitName | None, entries: list[Entry], empty: list[Path]) -> None:
    label = unicodedata.normalize("NFC", folder.name)
    before = len(entries)
    entries.extend(
        Entry(path, label, split)
        for path in folder.rglob("*")
        if path.suffix.lower() in SUFFIXES and not path.name.startswith(".") and path.is_file()
    )
    if len(entries) == before:
        empty.append(folder)


def _check_counts(root: Path, entries: list[Entry], *, given: bool) -> None:
    counted = Counter((entry.label, entry.split) for entry in entries)
    splits = {split for _, split in counted}
    for label in sorted({label for label, _ in counted}):
        if not given:
            if counted[label, None] < FEWEST_A_CLASS:
                raise DatasetError(
                    f"{root}: the class {label!r} has {counted[label, None]} pictures, fewer than {FEWEST_A_CLASS}.",
                    "Add pictures to it or remove the class.",
                )
        elif missing := [split for split in splits if not counted[label, split]]:
            raise DatasetError(
                f"{root}: the class {label!r} has no picture in {missing[0]}.",
                "Give every split the same class folders.",
            )
