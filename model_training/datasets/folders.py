"""A folder of images → a list of entries: one folder per class, train/val/test folders of class folders, or names."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import zip_longest
from pathlib import Path
from typing import Literal

from ..runtime.errors import DatasetError
from .file_names import Pattern, guess_pattern
from .findings import Finding, Findings
from .layout import Layout, find_classes, find_parts
from .names import class_key, read_name
from .split_names import SplitName
from .split_prefixes import drop_marks
from .tree import MARKER, Folder, read_tree

FEWEST_A_CLASS = 5  # so that a 60/20/20 split has one for validation and one for test


@dataclass(frozen=True, slots=True)
class Entry:
    """One image: its file, its class, and the split that the folder or the manifest gave it, if any.

    `label` is empty where the class is not among the dataset's. `columns` are those of a manifest, or the attributes
    that folders inside a class folder name; `line` is where a manifest says so, 0 where a folder does; `also` are
    further classes of a multi-label image; `strip` is the file that a panel was cut out of.
    """

    path: Path
    label: str
    split: SplitName | None
    columns: Mapping[str, str] = field(default_factory=dict, hash=False)
    line: int = 0
    also: tuple[str, ...] = ()
    strip: Path | None = None

    @property
    def file(self) -> Path:
        """The file as people have it."""
        return self.strip or self.path

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
    classes, but not used. `source` is the folder or the manifest, `dropped` are classes that had too few images,
    `findings`: what was left out while listing, and what was taken for what; `unlabelled`: images without a class.
    """

    root: Path
    entries: tuple[Entry, ...]
    labels: tuple[str, ...]
    procedural: bool
    manifest: Path | None = None
    dropped: tuple[str, ...] = ()
    findings: tuple[Finding, ...] = ()
    unlabelled: tuple[Path, ...] = ()

    @property
    def source(self) -> Path:
        return self.manifest or self.root

    def place(self, entry: Entry) -> str:
        """The file's path from the root where it lies below it, else the whole path; a panel's lies in its strip."""
        file = entry.file.relative_to(self.root) if entry.file.is_relative_to(self.root) else entry.file
        return (file / entry.path.name if entry.strip else file).as_posix()

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


def list_folder(
    root: Path, attributes: Sequence[str] = (), label_from: str | None = None, encoding: str | None = None
) -> Dataset:
    """`list_tree` of the folder `root`. Raises `DatasetError`, also for a missing folder."""
    return list_tree(read_tree(root), attributes, label_from, encoding)


def list_tree(
    tree: Folder,
    attributes: Sequence[str] = (),
    label_from: str | None = None,
    encoding: str | None = None,
    known: Collection[str] = (),
) -> Dataset:
    """List the images of a dataset and find its classes: `find_classes` says how, `judge_file` what an image is.

    A class is named by its folder; names that differ in case, width, spaces or Unicode's normal form only are one
    class, in the spelling of the most images. Folders inside a class folder belong to it. `attributes` name their
    levels: with `(colour, view)`, `AI/Green/overhead/1.jpg` has the columns colour Green and view overhead. A level
    that an image does not have is an empty cell, deeper ones are passed over. With `label_from` the names of the files
    hold the classes instead (`Pattern`). `encoding` is that of names that are no UTF-8; `known` are classes that a
    folder is taken for, whatever lies beside it.

    What is left out, and what was taken for what, is in the dataset's `findings`; images of no class in `unlabelled`.
    Raises `DatasetError` for a class folder without images, or where images lie in no class.
    """
    root = tree.path
    if label_from is None:
        layout = find_classes(tree, attributes, known)
        found = drop_marks(_read_folders(layout, attributes, encoding), layout.findings)
        if layout.unlabelled and not _can_train(found):
            raise offer_pattern(root, layout.unlabelled)
    else:
        layout = find_parts(tree)
        found = _read_file_names(layout, Pattern(label_from), encoding)
        if not found and layout.unlabelled:
            raise DatasetError(
                f"{root}: no picture has a name like {label_from} ({layout.unlabelled[0].name} has not).",
                "Change data.label_from: {label} stands for the class, {} for anything.",
            )
    entries = _unite_spellings(found, layout.findings)
    layout.findings.extend(tree.list_left_out())
    return Dataset(
        root,
        sort_entries(entries),
        tuple(sorted({entry.label for entry in entries})),
        is_procedural(root),
        findings=tuple(layout.findings),
        unlabelled=tuple(layout.unlabelled),
    )


def _read_folders(layout: Layout, attributes: Sequence[str], encoding: str | None) -> list[tuple[str, Entry]]:
    """Each image with the class folder's name as it is on the disk."""
    found: list[tuple[str, Entry]] = []
    for folder, split in layout.classes:
        label = read_name(folder.path, encoding, layout.findings)
        for inside in folder.walk():
            columns = {}
            if attributes:
                parts = inside.path.relative_to(folder.path).parts
                levels = [read_name(Path(each), encoding, layout.findings) for each in parts]
                columns = dict(zip_longest(attributes, levels[: len(attributes)], fillvalue=""))
            found += [(folder.name, Entry(path, label, split, columns)) for path in inside.images]
    return found


def _read_file_names(layout: Layout, pattern: Pattern, encoding: str | None) -> list[tuple[str, Entry]]:
    found: list[tuple[str, Entry]] = []
    for part, split in layout.parts:
        for path in part.list_images():
            named = pattern.read(path, encoding, layout.findings)
            if named is None:
                layout.unlabelled.append(path)
                layout.findings.add("pictures whose names do not fit data.label_from, left out", path.name)
            else:
                found.append((named[0], Entry(path, named[0], split, named[1])))
    return found


def _can_train(found: Sequence[tuple[str, Entry]]) -> bool:
    return any(entry.split in (None, "train") for _, entry in found)


def offer_pattern(root: Path, images: Sequence[Path]) -> DatasetError:
    pattern = guess_pattern(images) or "{label}_{}.jpg"
    return DatasetError(
        f"{root}: {len(images)} pictures lie in no class folder ({images[0].name}).",
        "Make one folder per class, or write a manifest. If the files' names hold the class, pass "
        f'data.label_from="{pattern}".',
    )


def _unite_spellings(found: Sequence[tuple[str, Entry]], findings: Findings) -> list[Entry]:
    names: dict[str, set[str]] = {}
    spellings: dict[str, Counter[str]] = {}
    for name, entry in found:
        key = class_key(entry.label)
        names.setdefault(key, set()).add(name)
        spellings.setdefault(key, Counter())[entry.label] += 1
    for different in names.values():
        if len(different) > 1:
            shown = " = ".join(repr(each) for each in sorted(different))
            findings.add("classes whose names differ in case, width or spaces only, taken as one", shown)
    chosen = {key: max(sorted(counts), key=lambda label: counts[label]) for key, counts in spellings.items()}
    return [replace(entry, label=chosen[class_key(entry.label)]) for _, entry in found]


def sort_entries(entries: list[Entry]) -> tuple[Entry, ...]:
    return tuple(sorted(entries, key=lambda entry: entry.path.as_posix()))


def is_procedural(root: Path) -> bool:
    """Whether a program drew the images and says so."""
    marker = root / MARKER
    try:
        said = json.loads(marker.read_text("utf-8")) if marker.is_file() else {}
    except (ValueError, RecursionError):
        raise DatasetError(f"{marker}: this is no JSON.", "Mend or remove it.") from None
    return isinstance(said, dict) and bool(said.get("procedural"))


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
        pattern = None if dataset.manifest else guess_pattern([entry.path for entry in dataset.entries])
        offer = f' Or read it from the files\' names: data.label_from="{pattern}".' if pattern else ""
        raise DatasetError(f"{dataset.source}: there is {found}.", f"{where}, with pictures of each.{offer}")
    return dataset
