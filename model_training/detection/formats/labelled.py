"""What every format's reader leaves, pictures by name and boxes of some frame → scenes with boxes on upright images."""

from __future__ import annotations

import csv
import io
import math
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from PIL import ExifTags, Image, UnidentifiedImageError

from ...datasets.findings import Findings
from ...runtime.errors import DatasetError
from ..annotations import Scene, Scenes
from .parsing import name_of, read_text
from .shapes import Box
from .tree import Tree

GROUPS = "groups.csv"
#: EXIF's orientation → where a stored point (x, y, both 0…1) lies on the upright image.
_UPRIGHT = {
    1: lambda x, y: (x, y),
    2: lambda x, y: (1 - x, y),
    3: lambda x, y: (1 - x, 1 - y),
    4: lambda x, y: (x, 1 - y),
    5: lambda x, y: (y, x),
    6: lambda x, y: (1 - y, x),
    7: lambda x, y: (1 - y, 1 - x),
    8: lambda x, y: (y, 1 - x),
}
#: Two shapes are the same image's within so much of the logarithm of their sides' ratio.
_SAME_SHAPE = 0.02


@dataclass
class Labelled:
    """One picture as a label file has it.

    `names`: what it may be called, the best first; `size`: the width and height that the labels were drawn on, where
    the file says so; `relative`: boxes are in parts of the sides, not in pixels; `lost`: labels that are no box.
    """

    source: Path
    names: Sequence[str]
    size: tuple[float, float] | None = None
    relative: bool = False
    group: str = ""
    path: Path | None = None
    boxes: list[tuple[str, Box]] = field(default_factory=list)
    lost: int = 0


class Reading:
    """What is read of one folder: `classes` in the order in which a format declares them, `images`, `findings`, and the
    `sources`, files that were read or have a finding of their own."""

    def __init__(self, tree: Tree, findings: Findings) -> None:
        self.tree = tree
        self.findings = findings
        self.classes: dict[str, None] = {}
        self.images: list[Labelled] = []
        self.sources: set[Path] = {tree.root / GROUPS}

    def lose(self, why: str, image: Labelled, example: object = None) -> None:
        """One of its labels is no box."""
        image.lost += 1
        self.findings.add(why, example or _show(image.source, self.tree))

    def put(self, image: Labelled, label: str, box: Box | None, example: object = None) -> None:
        """A label's box, or the finding that it has none."""
        if not label:
            self.lose("labels without a class, left out", image, example)
        elif box is None:
            self.lose("labels without a readable box, left out", image, example)
        else:
            image.boxes.append((label, box))


def assemble(reading: Reading, place: Path) -> Scenes:
    """Find the pictures, bring the boxes onto them as people see them, cut them at the edges.

    Raises `DatasetError` for a box outside its picture, a picture that can't be opened, and where nothing is left.
    """
    found, tree = reading.findings, reading.tree
    by_path = _find_pictures(reading, place)
    labels = {label for images in by_path.values() for image in images for label, _ in image.boxes}
    declared = dict.fromkeys((*reading.classes, *sorted(labels)))
    index = {label: number for number, label in enumerate(declared)}
    groups = _read_groups(tree.root / GROUPS)
    scenes: list[Scene] = []
    used: Counter[str] = Counter()
    for path, images in sorted(by_path.items()):
        width, height, orientation = _measure(path)
        rows: dict[tuple[float, ...], None] = {}
        for image in images:
            parts = _bring_upright(image, path, (width, height), orientation, reading)
            for (label, _), corners in zip(image.boxes, parts, strict=False):
                box = _clip(corners * (width, height, width, height), width, height, image.source, found)
                if box is None:
                    image.lost += 1
                elif (row := (index[label], *box)) in rows:
                    found.add("boxes that are there twice, taken once", _show(path, tree))
                else:
                    rows[row] = None
                    used[label] += 1
        if not rows:
            if any(image.lost for image in images):
                found.add("pictures none of whose labels is a box, left out", _show(path, tree))
                continue
            found.add("pictures without a label, read as showing no object", _show(path, tree))
        table = np.array(list(rows), np.float64).reshape(-1, 5)
        group = groups.get(name_of(path.stem)) or next((image.group for image in images if image.group), "")
        group = group or path.name.partition(".rf.")[0]
        scenes.append(Scene(path, width, height, table[:, 1:].astype(np.float32), table[:, 0].astype(np.int64), group))
    if not used:
        why = "; ".join(str(each) for each in found)
        raise DatasetError(
            f"{place}: no scene has a box{f' ({why})' if why else ''}.", "Label some, as docs/data.md describes."
        )
    for label in declared:
        if not used[label]:
            found.add("classes without a box", label)
    spelt = Counter(label.casefold() for label in declared)
    for label in declared:
        if spelt[label.casefold()] > 1:
            found.add("classes whose names differ by case only", label)
    return Scenes(tuple(declared), scenes, tuple(found))


def _find_pictures(reading: Reading, place: Path) -> dict[Path, list[Labelled]]:
    by_path: dict[Path, list[Labelled]] = defaultdict(list)
    missing: list[Labelled] = []
    for image in reading.images:
        path = image.path or reading.tree.find(image.names, image.source)
        if path is None:
            missing.append(image)
        else:
            by_path[path].append(image)
    if missing and not by_path:
        raise DatasetError(
            f"{missing[0].source}: the picture {_call(missing[0])!r} is missing, or there are several of its name; "
            "and so it is with every other.",
            f"Put the pictures beside the labels or under {reading.tree.root}.",
        )
    for image in missing:
        reading.findings.add(
            "labelled pictures that are not there or of whose name there are several, left out", _call(image)
        )
    known = {path.resolve() for path in by_path}
    for path in reading.tree.pictures:
        if path.resolve() not in known:
            reading.findings.add("pictures that the labels don't name, left out", _show(path, reading.tree))
    for path in (path for paths in reading.tree.others.values() for path in paths if path not in reading.sources):
        reading.findings.add("files that are neither pictures nor labels, left out", _show(path, reading.tree))
    return by_path


def _bring_upright(
    image: Labelled, path: Path, upright: tuple[int, int], orientation: int, reading: Reading
) -> np.ndarray:
    """Boxes in parts of the upright image's sides, (n, 4); none where they were drawn on another shape.

    Tools show a picture as its EXIF orientation says, or as it is stored; the size that the labels name says which.
    Where it can't, what people see is meant.
    """
    found, name = reading.findings, _show(path, reading.tree)
    corners = np.array([box for _, box in image.boxes], np.float64).reshape(-1, 4)
    stored = upright[::-1] if orientation > 4 else upright
    drawn_on = image.size or upright
    parts = corners if image.relative else corners / (*drawn_on, *drawn_on)
    if drawn_on == upright:
        if orientation > 1 and len(parts) and (image.size is None or stored == upright):
            found.add("pictures turned by EXIF, whose boxes are taken as drawn on the upright picture", name)
        return parts
    ratios = [math.log(drawn_on[0] / drawn_on[1] / (side[0] / side[1])) for side in (upright, stored)]
    if drawn_on != stored and min(abs(each) for each in ratios) > _SAME_SHAPE:
        found.add("pictures of another shape than their labels were drawn on, whose labels are left out", name)
        image.lost += len(image.boxes)
        return np.empty((0, 4))
    if drawn_on != stored:
        found.add("pictures of another size than their labels were drawn on, whose boxes are scaled", name)
    if abs(ratios[0]) <= abs(ratios[1]):
        return parts
    found.add("pictures turned by EXIF, whose boxes are turned along", name)
    turn = _UPRIGHT[orientation]
    ends = np.array([(*turn(x0, y0), *turn(x1, y1)) for x0, y0, x1, y1 in parts]).reshape(-1, 2, 2)
    return np.concatenate([ends.min(1), ends.max(1)], 1)


def _clip(
    box: np.ndarray, width: int, height: int, source: Path, found: Findings
) -> tuple[float, float, float, float] | None:
    """The box cut at the image's edges; None for one without a pixel."""
    x0, y0, x1, y1 = (float(each) for each in box)
    if x1 - x0 < 1 or y1 - y0 < 1:
        found.add("boxes smaller than a pixel, left out", source.name)
        return None
    inside = max(x0, 0.0), max(y0, 0.0), min(x1, float(width)), min(y1, float(height))
    if inside[2] - inside[0] < 1 or inside[3] - inside[1] < 1:
        corners = ", ".join(f"{value:.0f}" for value in (x0, y0, x1, y1))
        raise DatasetError(
            f"{source}: the box ({corners}) lies outside its picture of {width}×{height}.",
            "Correct or remove it; if it is far out, the labels are in another unit or for other pictures.",
        )
    if max(abs(was - now) for was, now in zip((x0, y0, x1, y1), inside, strict=True)) > 1:
        found.add("boxes that reached over the edge, cut at it", source.name)
    return inside


def _measure(path: Path) -> tuple[int, int, int]:
    """Width and height of the upright image, and EXIF's orientation."""
    try:
        with Image.open(path) as image:
            orientation = image.getexif().get(ExifTags.Base.Orientation, 1)
            width, height = image.size
            upright = image.format == "TIFF"  # Pillow has turned its size already
    except (UnidentifiedImageError, OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
        raise DatasetError(f"{path}: this is not a picture ({error}).", "Replace or remove it.") from None
    if orientation not in _UPRIGHT:
        orientation = 1
    return (width, height, orientation) if orientation < 5 or upright else (height, width, orientation)


def _read_groups(path: Path) -> dict[str, str]:
    """`groups.csv`: a picture's name without its suffix → the drawing that it is a copy of."""
    if not path.is_file():
        return {}
    try:
        rows = list(csv.DictReader(io.StringIO(read_text(path), newline="")))
    except csv.Error as error:
        raise DatasetError(f"{path}: this is no CSV ({error}).", "Save it as CSV (UTF-8).") from None
    if rows and not {"file", "source_drawing"} <= rows[0].keys():
        raise DatasetError(f"{path}: the columns file and source_drawing are missing.", "Name them in its first line.")
    return {name_of(row["file"]): name_of(row["source_drawing"]) for row in rows}


def _show(path: Path, tree: Tree) -> str:
    return path.relative_to(tree.root).as_posix() if path.is_relative_to(tree.root) else str(path)


def _call(image: Labelled) -> str:
    """The name that says most."""
    return max((name for name in image.names if len(name) < 100), key=len, default="?")
