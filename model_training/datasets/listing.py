"""A place → its dataset: by its manifest, by one in each split, by a table beside its pictures, or by folders."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

from ..runtime.errors import DatasetError
from .class_names import find_names
from .findings import Findings
from .folders import Dataset, is_procedural, list_tree, offer_pattern, sort_entries
from .layout import UNLABELLED, Layout, find_parts
from .manifest import NAME, count_pictures, count_unlisted, lists_boxes, read_manifest
from .split_names import SplitName, are_parts, is_filler, read_split
from .tree import LEFT_OUT, Folder, read_tree

#: What a manifest is called in a folder; the first one that is there is taken.
_NAMES = (NAME, *(f"manifest.{suffix}" for suffix in ("tsv", "jsonl", "json", "xlsx", "ods", "xls")))
#: What Hugging Face's and Roboflow's image folders hold; a caption or a note on a folder may be called so, too.
_METADATA = ("metadata.csv", "metadata.jsonl", "_classes.csv")
_TABLES = frozenset({".csv", ".tsv", ".psv", ".txt", ".lst", ".json", ".jsonl", ".ndjson", ".xlsx", ".ods", ".xls"})
#: What Kaggle's contests give to be filled in: its classes are an example.
_FORMS = ("submission", "sample_sub", "samplesub")

#: What the names of tables say beside their split.
_OF_TABLES = re.compile(r"labels?|annotations?|solution|list|meta(data)?")

#: Folders of what was drawn on the images.
_ASIDE = frozenset({"annotations", "annotation", "labels", "masks", "mask", "trimaps", "segmentation", "xmls", "gt"})
#: What images are packed in that are no files.
_PACKED = {
    ".parquet": "Parquet", ".arrow": "Arrow", ".tfrecord": "TFRecord", ".tfrec": "TFRecord", ".npz": "NumPy's arrays",
    ".npy": "NumPy's arrays", ".h5": "HDF5", ".hdf5": "HDF5", ".mdb": "LMDB", ".rec": "RecordIO", ".pkl": "a pickle",
}  # fmt: skip

#: Tables that are looked into; where all of so many list an image each, so do the others.
_MOST_TABLES = 40

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
            if (place / name).is_file() and (name in _NAMES or count_pictures(place / name))
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
    if not dataset.entries:
        _refuse_packed(tree)
    if label_from is None and not _names_classes(dataset, known):
        if tables := _find_tables(tree, label):
            return _read_tables(tree, tables, read)
        shown = [entry.path for entry in dataset.entries if entry.label.lower() not in _ASIDE]
        if shown and (are_parts(dataset.labels) or len(shown) < len(dataset.entries)):
            raise offer_pattern(place, shown)
    if label_from is None:
        dataset = _label_splits(tree, layout, dataset, read, label)
    findings = Findings()
    findings.extend(dataset.findings)
    find_names(tree, dataset.labels, findings)
    return replace(dataset, findings=tuple(findings))


def _join_parts(tree: Folder, layout: Layout, given: dict[Path, Path], read: _Reader) -> Dataset:
    """The manifests in the folders of splits, or in the one that wraps the others."""
    findings = Findings()
    findings.extend(layout.findings)
    unlabelled = [*layout.unlabelled]
    listed: set[str] = set()
    parts: list[tuple[SplitName | None, Dataset]] = []
    for folder, split in layout.parts:
        if folder.path in given:
            findings.add("tables beside the pictures, read as the manifest", given[folder.path].name)
            parts.append((split, read(given[folder.path], listed=listed)))
        elif images := folder.list_images():
            unlabelled += images
            findings.add(UNLABELLED, folder.name, len(images))
    dataset = _unite(tree, parts, findings, unlabelled)
    count_unlisted(tree, listed.union(map(str, unlabelled)), given.values(), findings)
    return replace(dataset, findings=tuple(findings))


def _unite(
    tree: Folder, parts: Sequence[tuple[SplitName | None, Dataset]], findings: Findings, unlabelled: Sequence[Path]
) -> Dataset:
    """One dataset of several manifests, or the only one; an image's own split counts before its manifest's.

    Raises `DatasetError` for an image that two of them list.
    """
    for _, part in parts:
        findings.extend(part.findings)
    if len(parts) == 1 and parts[0][0] is None:
        return replace(parts[0][1], root=tree.path, findings=tuple(findings), unlabelled=tuple(unlabelled))
    tables: dict[Path, Path] = {}
    for _, part in parts:
        for each in part.entries:
            if (other := tables.setdefault(each.path, part.source)) != part.source:
                raise DatasetError(
                    f"{part.source}: {each.path.name} is in {other.name} already.", "Remove it from one of the two."
                )
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
    """Whether folders' names say more than `images`, `test` or `part_1`, which a table beside them explains."""
    said = [
        each for each in dataset.labels if not is_filler(each) and not read_split(each) and each.lower() not in _ASIDE
    ]
    return bool(said) and (len(dataset.labels) > 1 or said[0] in known) and not are_parts(dataset.labels)


def _refuse_packed(tree: Folder) -> None:
    """Raises `DatasetError` for a folder whose images are inside other files."""
    files = [path for folder in tree.walk() for path in folder.others]
    packed = next((path for path in files if path.suffix.lower() in _PACKED), None)
    if packed is not None:
        raise DatasetError(
            f"{packed}: the pictures are packed in {_PACKED[packed.suffix.lower()]}.",
            "Write them out as files, one folder per class.",
        )
    archives = [each for folder in tree.walk() for each in folder.left_out if "archives" in each.what]
    if archives:
        raise DatasetError(f"{tree.path}: there are only archives ({archives[0].examples[0]}).", "Unpack them first.")


def _find_tables(tree: Folder, label: str) -> dict[Path, int]:
    """The tables at most two folders deep that list images below their folder with a class each → how many.

    Raises `DatasetError` where all that is there are tables of boxes.
    """
    top = [tree, *tree.folders, *(inside for each in tree.folders for inside in each.folders)]
    files = [path for folder in top for path in folder.others if path.suffix.lower() in _TABLES]
    named = [path for path in files[:_MOST_TABLES] if not any(form in path.stem.lower() for form in _FORMS)]
    boxes = [path for path in named if lists_boxes(path)]
    found = {path: count for path in named if path not in boxes and (count := count_pictures(path, label, tree.path))}
    if len(files) > _MOST_TABLES and len(found) == len(named):  # a table for each image
        found |= dict.fromkeys(files, 1)
    if boxes and not found:
        raise DatasetError(
            f"{boxes[0]}: this table has boxes on the pictures, not a class of each.",
            "Train a detector on it: hwapung train sketch_detector --data FOLDER.",
        )
    return found


def _read_tables(tree: Folder, tables: dict[Path, int], read: _Reader) -> Dataset:
    """The table that lists most, one for each split by their names, or one for each image. Raises `DatasetError` where
    it is not to be told which."""
    first, *others = sorted(tables, key=lambda path: -tables[path])
    splits = {path: _find_split(path) for path in tables}
    own = len(others) > 0 and set(tables.values()) == {1}
    if own:
        splits = dict.fromkeys(tables)
    elif others and (None in splits.values() or len(set(splits.values())) < len(tables)):
        if tables[others[0]] * 2 > tables[first]:
            raise DatasetError(
                f"{tree.path}: {first.name} and {others[0].name} both list the pictures.",
                f"Say which counts: --data {first}.",
            )
        splits = {first: splits[first]}
    findings = Findings()
    listed: set[str] = set()
    parts: list[tuple[SplitName | None, Dataset]] = []
    for path, split in splits.items():
        findings.add("tables beside the pictures, read as the manifest", path.name)
        root = path.parent if own else _find_root(tree, split)
        parts.append((split if len(splits) > 1 else None, read(path, root=root, listed=listed)))
    dataset = _unite(tree, parts, findings, ())
    count_unlisted(tree, listed, splits, findings)
    find_names(tree, dataset.labels, findings)
    return replace(dataset, findings=tuple(findings))


def _find_split(table: Path) -> SplitName | None:
    """`train.csv`, `train_labels.csv`, `val_annotations.txt`."""
    return read_split(_OF_TABLES.sub("", table.stem.lower()))


def _find_root(tree: Folder, split: SplitName | None) -> Path:
    """The folder of a table's own split (`train/` beside `train.csv`), since names may be there in others, too; else
    the whole."""
    own = [each for each in tree.filled if split and read_split(each.name) == split]
    return own[0].path if len(own) == 1 else tree.path


def _label_splits(tree: Folder, layout: Layout, dataset: Dataset, read: _Reader, label: str) -> Dataset:
    """The classes of images in a split without class folders, by a table of that split: `Test.csv`,
    `val/val_annotations.txt`. Only classes that the folders have are meant."""
    findings = Findings()
    findings.extend(dataset.findings)
    entries, unlabelled = [*dataset.entries], set(dataset.unlabelled)
    for folder, split in layout.parts:
        inside = folder.list_images()
        if split is None or not inside or not unlabelled.issuperset(inside):
            continue
        tables = [each for each in tree.others if _find_split(each) == split] + folder.others
        for path in tables:
            if path.suffix.lower() not in _TABLES or not count_pictures(path, label, folder.path):
                continue
            part = read(path, root=folder.path, listed=set())
            if set(part.labels) <= set(dataset.labels):
                findings.withdraw(UNLABELLED, folder.name, len(part.entries))
                findings.withdraw(LEFT_OUT, path.name)
                findings.add("tables that tell the classes of a split without class folders, read", path.name)
                entries += [replace(each, split=split) for each in part.entries]
                unlabelled -= {each.path for each in part.entries}
                break
    left = tuple(path for path in dataset.unlabelled if path in unlabelled)
    return replace(dataset, entries=sort_entries(entries), findings=tuple(findings), unlabelled=left)
