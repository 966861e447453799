"""YOLO's text files in every layout that people have: Ultralytics, Roboflow, LabelImg, Darknet, CVAT, flat."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from ...datasets.names import fold_name, fold_path
from ...datasets.spellings import UPLOADED
from ...runtime.errors import DatasetError
from .labelled import Labelled, Reading
from .parsing import dictionary, name_of, number, numbers, read_text, read_yaml, sequence
from .shapes import Box, around, around_centred
from .tree import Tree, locate

NAME = "YOLO"
#: Files that name a class a line.
_LISTS = ("classes.txt", "predefined_classes.txt", "_darknet.labels", "labels.txt", "class_names.txt")
_SPLITS = ("train", "val", "valid", "validation", "test", "minival")
_LABEL_LINE = re.compile(r"^\s*\d+(\.0+)?([\s,]+[-+.\de]+){4,}\s*$", re.IGNORECASE)


@dataclass
class Description:
    """`names` by index; `chosen`: the pictures that a dataset file names, None for all; `keypoints`: lines go on with
    them after the box."""

    source: Path
    names: dict[int, str]
    chosen: list[Path] | None = None
    keypoints: bool = False
    seen: dict[int, str] = field(default_factory=dict)


def is_described(path: Path) -> bool:
    """Whether a YAML file is a dataset's. Raises `DatasetError` for a damaged `data.yaml`."""
    try:
        content = dictionary(read_yaml(path))
    except DatasetError:
        if path.stem.lower() == "data":
            raise
        return False
    return "names" in content or path.stem.lower() == "data"


def find_base(path: Path) -> Path:
    """The folder that a dataset file is about: its `path`, or its own where that is not there."""
    given = dictionary(read_yaml(path)).get("path")
    base = locate(path.parent, given) if isinstance(given, str) and given else None
    return base if base is not None and base.is_dir() else path.parent


def find_lists(tree: Tree) -> list[Path]:
    """The files that name classes, and nothing else."""
    files = [path for paths in tree.others.values() for path in paths]
    return [path for path in files if path.name.lower() in _LISTS or path.suffix.lower() == ".names"]


def has_labels(tree: Tree) -> bool:
    """Whether text files look like labels."""
    return any(_is_label(path) for path in tree.others[".txt"])


def read(description: Path | None, reading: Reading) -> None:
    """A line of a picture's text file is a box: the class's index, centre x and y, width and height in parts of the
    sides; behind them a confidence may stand, and instead of the four an outline. Both are left out, and said.

    `description`: the dataset's YAML file; without one, the nearest list of classes above a label file counts.
    Raises `DatasetError` with file and line for an index out of range, a box outside its picture, or no numbers.
    """
    tree = reading.tree
    lists = find_lists(tree)
    described = _read_description(description, reading) if description else None
    tree = reading.tree
    by_folder = {path.parent: Description(path, _read_list(path)) for path in lists}
    texts = [path for path in tree.others[".txt"] if path not in lists]
    reading.sources.update(lists, [description] if description else [])
    labels = {fold_path(path.as_posix()): path for path in texts}
    by_stem: dict[str, list[Path]] = {}
    for path in texts:
        for stem in {fold_name(path.stem), UPLOADED.sub("", fold_name(path.stem))}:
            by_stem.setdefault(stem, []).append(path)
    wrong: list[tuple[int, str, Description]] = []
    for picture in _choose_pictures(described, tree):
        image = Labelled(picture, [], relative=True, path=picture)
        found = _find_label(picture, labels, by_stem)
        if found is not None:
            reading.sources.add(found)
            image.source = found
            classes = described or _nearest(found, tree.root, by_folder)
            for where, line in _lines(found):
                if classes is None:
                    classes = Description(found, {})
                _read_line(line, where, image, classes, wrong, reading)
        reading.images.append(image)
    if wrong:
        index, where, classes = wrong[0]
        raise DatasetError(f"{where}: the class index {index} is out of range.", _explain(classes))
    for each in [described] if described else by_folder.values():
        reading.classes.update(dict.fromkeys(name for _, name in sorted(each.names.items())))
    for path in texts:
        if path not in reading.sources and _is_label(path):
            reading.sources.add(path)
            reading.findings.add("label files without their picture, left out", path.relative_to(tree.root).as_posix())


def _read_description(path: Path, reading: Reading) -> Description:
    """And move to the folder that its `path` names, where that is another."""
    content = dictionary(read_yaml(path))
    names = _read_names(content.get("names"), path)
    base = find_base(path)
    if not base.resolve().is_relative_to(reading.tree.root.resolve()):
        reading.tree = Tree(base, reading.findings)
    chosen: list[Path] | None = None
    for key in _SPLITS:
        value = content.get(key)
        for each in sequence(value) if isinstance(value, list) else [value]:
            place = locate(base, each) if isinstance(each, str) and each else None
            if place is not None:
                if place.is_dir() and not place.resolve().is_relative_to(reading.tree.root.resolve()):
                    reading.tree.add(place, reading.findings)
                chosen = [*(chosen or []), *_list_pictures(place, reading)]
            elif isinstance(each, str) and each:
                reading.findings.add("folders that the dataset file names and that are not there", each)
    return Description(path, names, chosen, "kpt_shape" in content)


def _list_pictures(place: Path, reading: Reading) -> Iterator[Path]:
    """Those below a folder, or those that a text file lists."""
    if place.is_dir():
        below = place.resolve()
        yield from (each for each in reading.tree.pictures if each.resolve().is_relative_to(below))
        return
    reading.sources.add(place)
    for line in read_text(place).splitlines():
        picture = reading.tree.find([line.strip()], place) if line.strip() else None
        if picture is not None:
            yield picture
        elif line.strip():
            reading.findings.add("pictures that the dataset's list names and that are not there", line.strip())


def _read_names(value: object, path: Path) -> dict[int, str]:
    """A list, a dictionary by index, a string with commas, or the path of a file with a name a line."""
    if isinstance(value, str):
        file = locate(path.parent, value) if value.strip() else None
        if file is not None and file.is_file():
            return _read_list(file)
        value = value.split(",")
    entries = value.items() if isinstance(value, dict) else enumerate(sequence(value))
    names: dict[int, str] = {}
    for key, name in entries:
        index = number(key)
        if index is None or index != int(index) or index < 0 or not name_of(name):
            raise DatasetError(
                f"{path}: the classes can't be read: {key!s} is named {name!r}.", "It needs a list `names` of words."
            )
        names[int(index)] = name_of(name)
    if not names:
        raise DatasetError(f"{path}: the classes can't be read: there are none.", "It needs a list `names`.")
    return names


def _read_list(path: Path) -> dict[int, str]:
    return {row: name_of(line) for row, line in enumerate(read_text(path).splitlines()) if name_of(line)}


def _choose_pictures(described: Description | None, tree: Tree) -> list[Path]:
    if described is not None and described.chosen is not None:
        return sorted(set(described.chosen))
    folder = tree.root / "images"
    inside = [each for each in tree.pictures if each.is_relative_to(folder)]
    return inside or tree.pictures


def _find_label(picture: Path, labels: dict[str, Path], by_stem: dict[str, list[Path]]) -> Path | None:
    """Under `labels` where the picture lies under `images`, beside it, or anywhere if only one has its name."""
    beside = picture.with_suffix(".txt")
    parts = beside.parts
    images = [row for row, part in enumerate(parts[:-1]) if part.lower() == "images"]
    places = [Path(*parts[:row], "labels", *parts[row + 1 :]) for row in reversed(images)]
    for place in (*places, beside, beside.parent / "labels" / beside.name):
        if (found := labels.get(fold_path(place.as_posix()))) is not None:
            return found
        if place.is_file():  # of a folder that only the dataset file names
            return place
    named = by_stem.get(fold_name(picture.stem), [])
    return named[0] if len(named) == 1 else None


def _nearest(label: Path, root: Path, lists: dict[Path, Description]) -> Description | None:
    """The list of classes of the label's own folder or of the nearest above; else the only one there is."""
    for folder in label.parents:
        if folder in lists:
            return lists[folder]
        if folder == root:
            break
    return next(iter(lists.values())) if len(lists) == 1 else None


def _lines(path: Path) -> Iterator[tuple[str, str]]:
    """Where a line is, and the line."""
    for row, line in enumerate(read_text(path).splitlines(), 1):
        if line.strip():
            yield f"{path}, line {row}", line


def _is_label(path: Path) -> bool:
    try:
        first = next((line for line in read_text(path).splitlines() if line.strip()), "")
    except DatasetError:
        return False
    return bool(_LABEL_LINE.match(first))


def _read_line(
    line: str,
    where: str,
    image: Labelled,
    classes: Description,
    wrong: list[tuple[int, str, Description]],
    reading: Reading,
) -> None:
    # Commas stand between numbers, or before blanks; a decimal comma is a mistake to be named.
    cells = [cell.removesuffix(",") for cell in line.split()]
    values = numbers(cells if len(cells) > 1 else line.strip().split(","))
    if values is None or len(values) < 5 or values[0] != int(values[0]):
        raise DatasetError(f"{where}: {line.strip()[:60]!r} is not a class and four numbers.", "Correct the line.")
    index, name = int(values[0]), image.source.name
    classes.seen.setdefault(index, where)
    if index not in classes.names:
        wrong.append((index, where, classes))
        return
    box: Box | None
    if len(values) == 5 or len(values) == 6 or classes.keypoints:
        box = around_centred(*values[1:5])
        if len(values) == 6:
            reading.findings.add("a sixth column (confidence), left out", name)
        elif len(values) > 6:
            reading.findings.add("keypoints behind a box, left out", name)
    else:
        box = around(values[1:] if len(values) % 2 else values[1:-1])
        reading.findings.add("outlines, read as the boxes around them", name)
    if box is not None and (max(box[:2]) >= 1 or min(box[2:]) <= 0 or max(box) > 2):
        raise DatasetError(
            f"{where}: the box lies outside its picture.",
            "YOLO's numbers are parts of the picture's sides, from 0 to 1: divide pixels by width and height.",
        )
    reading.put(image, classes.names[index], box, name)


def _explain(classes: Description) -> str:
    """What the indices of all labels say of the mistake."""
    known, seen = sorted(classes.names), sorted(classes.seen)
    used = ", ".join(map(str, seen[:20])) + (", …" if len(seen) > 20 else "")
    if not known:
        return f"Name the classes in classes.txt beside the labels, a name a line. The labels have {used}."
    count = len(known)
    named = f"{classes.source.name} names {count} classes, {known[0]} to {known[-1]}"
    if known == list(range(count)) and min(seen) == 1 and max(seen) == count:
        return f"{named}, and no label has 0: they count from 1. Write names: {{1: {classes.names[0]}, …}}."
    if known == list(range(count)) and len(seen) <= count:
        example = f"names: {{{seen[0]}: {classes.names[0]}, …}}"
        return f"{named}; the labels have {used}. Say which index is which: {example}."
    return f"{named}; the labels have {used}. Name all of them."
