"""Labelled scenes in the formats of the field's tools: a module a format, all by way of `labelled.Labelled`."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from pathlib import Path
from typing import Any

from ...datasets.findings import Findings
from ...runtime.errors import DatasetError
from ..annotations import Scenes
from . import coco, create_ml, cvat, datumaro, kitti, label_studio, labelme, supervisely, table, via, voc, vott, yolo
from .labelled import Reading, assemble
from .parsing import read_json, read_xml
from .tree import Tree
from .unread import name_unread

_JSON: tuple[Any, ...] = (coco, labelme, datumaro, label_studio, create_ml, vott, supervisely, via)
_XML: tuple[Any, ...] = (voc, cvat)
_CSV = ((table.matches, table.read, table.NAME), (via.matches_table, via.read_table, via.NAME))
_DOCUMENTS = frozenset({".json", ".xml", ".csv"})
_YAML = frozenset({".yaml", ".yml"})
_YOLO = _YAML | {".txt", ".names", ".labels"}
_KNOWN = (
    "YOLO, COCO, Pascal VOC, CVAT, Label Studio, labelme, Datumaro, VIA, VoTT, Supervisely, KITTI, Create ML and "
    "TensorFlow's table are known"
)


class NoLabelsError(DatasetError):
    """There are none in a folder; whatever else is wrong with labels is another `DatasetError`."""


def read_scenes(place: Path) -> Scenes:
    """A folder with pictures and labels of one format, or a label file or dataset file, → scenes.

    Pictures lie anywhere below the folder; below its parent, too, where it has none. Boxes are in pixels of the
    upright image. What was left out, turned or guessed is among the scenes' findings.
    Raises `NoLabelsError` where there are none, `DatasetError` for labels that can't be read or are of two formats.
    """
    if place.suffix.lower() == ".zip":
        raise DatasetError(f"{place}: this is an archive.", "Unpack it and give the folder.")
    if not place.exists():
        raise DatasetError(f"{place}: there is no such folder.", "Give --data FOLDER, as docs/data.md describes.")
    findings = Findings()
    reading = Reading(_open_tree(place, findings), findings)
    if place.is_file():
        documents = [place]
        description = place if place.suffix.lower() in _YAML else None
        is_yolo = place.suffix.lower() in _YOLO
    else:
        documents = _below(place, reading.tree, _DOCUMENTS)
        description = _find_description(_below(place, reading.tree, _YAML))
        is_yolo = description is not None or yolo.has_labels(reading.tree)
    found = {name: path for path in documents if (name := _read_document(path, reading))}
    for path in kitti.find_labels(reading.tree) if place.is_dir() else ():
        reading.sources.add(path)
        kitti.read(path, reading)
        found[kitti.NAME] = path
    if is_yolo:
        found[yolo.NAME] = description or place
    if len(found) > 1:
        listed = " and ".join(f"{name} ({path.name})" for name, path in found.items())
        raise DatasetError(f"{place}: there are labels of {listed}.", "Give the folder or the file that counts.")
    if not found:
        there = name_unread(reading.tree)
        said = f" ({there})" if there else ""
        raise NoLabelsError(f"{place}: there are no labels that can be read{said}.", f"{_KNOWN}: see docs/data.md.")
    if is_yolo:
        yolo.read(description, reading)
    return assemble(reading, place)


def _open_tree(place: Path, findings: Findings) -> Tree:
    """Of the folder that `place` is or lies in, or of the one above where that has labels and no picture."""
    if place.is_file() and place.suffix.lower() in _YAML:
        return Tree(yolo.find_base(place), findings)
    folder = (place if place.is_dir() else place.parent).resolve()
    seen = Findings()
    tree = Tree(folder, seen)
    if not tree.pictures and (tree.others.keys() & _DOCUMENTS or yolo.has_labels(tree)):
        return Tree(folder.parent, findings)
    findings.extend(seen)
    return tree


def _below(place: Path, tree: Tree, suffixes: Collection[str]) -> list[Path]:
    """The files of these kinds below `place`, those of the highest folder first."""
    folder = place.resolve()
    files = [path for suffix in suffixes for path in tree.others[suffix] if path.is_relative_to(folder)]
    return sorted(files, key=lambda path: (len(path.parts), path))


def _find_description(files: Sequence[Path]) -> Path | None:
    """The dataset's YAML file: the only one, or that which is called `data` or `dataset`."""
    described = [path for path in files if yolo.is_described(path)]
    highest = [path for path in described if len(path.parts) == len(described[0].parts)]
    usual = [path for path in highest if path.stem.lower() in ("data", "dataset")] or highest
    if len(usual) > 1:
        listed = ", ".join(path.name for path in usual)
        raise DatasetError(f"{usual[0].parent}: there are several dataset files: {listed}.", "Give the path of one.")
    return usual[0] if usual else None


def _read_document(path: Path, reading: Reading) -> str | None:
    """Read a file of labels into `reading`; its format, None for one that holds none."""
    suffix = path.suffix.lower()
    if suffix == ".csv":
        for matches, read, name in _CSV:
            if matches(path):
                reading.sources.add(path)
                read(path, reading)
                return name
        return None
    reading.sources.add(path)
    if suffix not in _DOCUMENTS:  # YOLO's, of which the path was given
        return None
    content: Any = read_json(path) if suffix == ".json" else read_xml(path)
    for form in _JSON if suffix == ".json" else _XML:
        if form.matches(content):
            form.read(path, content, reading)
            return str(form.NAME)
    reading.findings.add("JSON and XML files that hold no labels, left out", path.name)
    return None
