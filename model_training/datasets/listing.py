"""A place → its dataset: by its manifest, by one in each split, by a table beside its pictures, or by folders."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

from ..runtime.errors import DatasetError
from .findings import Findings
from .folders import Dataset, is_procedural, list_tree, sort_entries
from .layout import Layout, find_parts
from .manifest import NAME, lists_boxes, lists_pictures, read_manifest
from .split_names import SplitName, is_filler, read_split
from .tree import Folder, read_tree

#: What a manifest is called in a folder; the first one that is there is taken.
_NAMES = (NAME, *(f"manifest.{suffix}" for suffix in ("tsv", "jsonl", "json", "xlsx", "ods", "xls")))
#: What Hugging Face's and Roboflow's image folders hold; a caption or a note on a folder may be called so, too.
_METADATA = ("metadata.csv", "metadata.jsonl", "_classes.csv")
_TABLES = frozenset({".csv", ".tsv", ".psv", ".txt", ".lst", ".json", ".jsonl", ".ndjson", ".xlsx", ".ods", ".xls"})
#: What Kaggle's contests give to be filled in: its classes are an example.
_FORMS = ("submission", "sample_sub", "samplesub")

#: `read_manifest` with all settings: of a table, whose paths start at `root`.
_Reader = Callable[..., Dataset]


def find_manifest(place: Path) -> Path | None:
    """The manifest that `place` is or holds; None for a folder without one."""
    if place.is_file() or (place.suffix.lower() in {".csv", ".tsv"} and not place.is_dir()):
        return place
    return next(
        (
            place / name
            for name in (*_NAMES, *_METADATA)
            if (place / name).is_file() and (name in _NAMES or lists_pictures(place / name))
        ),
        None,
    )


def list_dataset(
    place: Path,
    label: str = "label",
    setting: str = "data.label",
    attributes: Sequence[str] = (),
    *,
    multi_label: bool = False,
    label_from: str | None = None,
    encoding: str | None = None,
    known: Collection[str] = (),
) -> Dataset:
    """`read_manifest` of the manifest that `place` is or holds, or of those in the folders of its splits; else
    `list_tree`, or, where the folders name no classes, `read_manifest` of the table that lists the pictures. Opens no
    image. `known`: classes that a folder is taken for, whatever lies beside it."""
    read = partial(read_manifest, label=label, setting=setting, multi_label=multi_label, encoding=encoding)
    manifest = find_manifest(place)
    if manifest is not None:
        return read(manifest)
    tree = read_tree(place)
    layout = find_parts(tree, known)
    given = {folder.path: inside for folder, _ in layout.parts if (inside := find_manifest(folder.path))}
    if any(split in (None, "train") for folder, split in layout.parts if folder.path in given):
        return _join_parts(tree, layout, given, read)
    try:
        dataset = list_tree(tree, attributes, label_from, encoding, known)
    except DatasetError:
        if label_from is None and (tables := _find_tables(tree, label)):
            return _read_tables(tree, tables, read)
        raise
    if label_from is None and not _names_classes(dataset, known) and (tables := _find_tables(tree, label)):
        return _read_tables(tree, tables, read)
    return dataset


def _join_parts(tree: Folder, layout: Layout, given: dict[Path, Path], read: _Reader) -> Dataset:
    """The manifests in the folders of splits, or in the one that wraps the others."""
    findings = Findings()
    findings.extend(layout.findings)
    unlabelled = [*layout.unlabelled]
    parts: list[tuple[SplitName | None, Dataset]] = []
    for folder, split in layout.parts:
        if folder.path in given:
            parts.append((split, read(given[folder.path])))
        elif images := folder.list_images():
            unlabelled += images
            findings.add("pictures without a class in a folder of a split, left out", folder.name, len(images))
    return _unite(tree, parts, findings, unlabelled)


def _unite(
    tree: Folder, parts: Sequence[tuple[SplitName | None, Dataset]], findings: Findings, unlabelled: Sequence[Path]
) -> Dataset:
    """One dataset of several manifests, or the only one; an image's own split counts before its manifest's."""
    for _, part in parts:
        findings.extend(part.findings)
    if len(parts) == 1 and parts[0][0] is None:
        return replace(parts[0][1], findings=tuple(findings), unlabelled=tuple(unlabelled))
    entries = [replace(each, split=each.split or split) for split, part in parts for each in part.entries]
    labels = tuple(sorted({label for _, part in parts for label in part.labels}))
    root = tree.path
    return Dataset(
        root,
        sort_entries(entries),
        labels,
        is_procedural(root),
        findings=tuple(findings),
        unlabelled=tuple(unlabelled),
    )


def _names_classes(dataset: Dataset, known: Collection[str]) -> bool:
    """Whether folders' names say more than `images` or `part_1`, which a table beside them explains."""
    said = [each for each in dataset.labels if not is_filler(each) or each in known]
    return len(said) > 1 or (bool(said) and said[0] in known)


def _find_tables(tree: Folder, label: str) -> list[Path]:
    """The tables at most two folders deep that list images below their folder, with a class each.

    Raises `DatasetError` where all that is there are tables of boxes.
    """
    top = [tree, *tree.folders, *(inside for each in tree.folders for inside in each.folders)]
    files = [path for folder in top for path in folder.others if path.suffix.lower() in _TABLES]
    named = [path for path in files if not any(form in path.stem.lower() for form in _FORMS)]
    boxes = [path for path in named if lists_boxes(path)]
    found = [path for path in named if path not in boxes and lists_pictures(path, label, tree.path)]
    if boxes and not found:
        raise DatasetError(
            f"{boxes[0]}: this table has boxes on the pictures, not a class of each.",
            "Train a detector on it: hwapung train sketch_detector --data FOLDER.",
        )
    return found


def _read_tables(tree: Folder, tables: Sequence[Path], read: _Reader) -> Dataset:
    """One table, or one for each split by their names. Raises `DatasetError` where it is not to be told which."""
    splits = {path: read_split(path.stem) for path in tables}
    if len(tables) > 1 and (None in splits.values() or len(set(splits.values())) < len(tables)):
        raise DatasetError(
            f"{tree.path}: {tables[0].name} and {tables[1].name} both list the pictures.",
            f"Say which counts: --data {tables[0]}.",
        )
    findings = Findings()
    parts: list[tuple[SplitName | None, Dataset]] = []
    for path, split in splits.items():
        findings.add("tables beside the pictures, read as the manifest", path.name)
        parts.append((split if len(tables) > 1 else None, read(path, root=_find_root(tree, path, split))))
    return _unite(tree, parts, findings, ())


def _find_root(tree: Folder, table: Path, split: SplitName | None) -> Path:
    """The folder of a table's own split (`train/` beside `train.csv`), since names may be there in others, too; else
    the whole."""
    own = [each for each in tree.filled if split and read_split(each.name) == split]
    return own[0].path if len(own) == 1 else tree.path
