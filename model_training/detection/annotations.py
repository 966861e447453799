"""Labelled scenes: YOLO's text files or one COCO file → images with boxes and classes."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import yaml
from PIL import Image, UnidentifiedImageError

from ..runtime.errors import DatasetError
from ..runtime.image import SUFFIXES


@dataclass(frozen=True)
class Scene:
    """One labelled image.

    `boxes`: float32 (n, 4), corners x0, y0, x1, y1 in pixels, inside the image; `classes`: int64 (n,).
    `group`: scenes of one group never lie on both sides of a split.
    """

    path: Path
    width: int
    height: int
    boxes: np.ndarray
    classes: np.ndarray
    group: str


@dataclass(frozen=True)
class Scenes:
    """A detection dataset. `clipped` counts the boxes that reached over an image's edge and were cut at it."""

    classes: tuple[str, ...]
    scenes: list[Scene] = field(repr=False)
    clipped: int = 0


def read_scenes(place: Path) -> Scenes:
    """A folder with `data.yaml` (YOLO) or a COCO `.json` file (or a folder that holds exactly one) → scenes.

    Raises `DatasetError`.
    """
    if place.suffix == ".json":
        return read_coco(place)
    if (place / "data.yaml").is_file():
        return read_yolo(place)
    found = sorted(place.glob("*.json"))
    if len(found) == 1:
        return read_coco(found[0])
    raise DatasetError(
        f"{place}: there is neither data.yaml (YOLO) nor a COCO file.",
        "Give a folder with data.yaml, images/ and labels/, or the path of a COCO .json file.",
    )


def merge_classes(scenes: Scenes) -> Scenes:
    """The same scenes with one class, `object`."""
    merged = [replace(scene, classes=np.zeros_like(scene.classes)) for scene in scenes.scenes]
    return replace(scenes, classes=("object",), scenes=merged)


def read_yolo(folder: Path) -> Scenes:
    """`data.yaml` names the classes; `labels/…/NAME.txt` beside `images/…/NAME.jpg` has a line for each box: class
    index from 0, centre x, centre y, width, height, all but the class in parts of the image's sides.

    `groups.csv` with the columns `file` (an image's name without its suffix) and `source_drawing` says which files are
    one drawing; without it, what stands before `.rf.` does (Roboflow's names of augmented copies).
    Raises `DatasetError` with file and line for a class out of range or a box outside its image.
    """
    classes = _read_names(folder / "data.yaml")
    groups = _read_groups(folder / "groups.csv")
    scenes: list[Scene] = []
    clipped = 0
    for path in sorted((folder / "images").rglob("*")):
        if path.suffix.lower() not in SUFFIXES:
            continue
        width, height = _measure(path)
        labels = folder / "labels" / path.relative_to(folder / "images").with_suffix(".txt")
        rows = [_parse_line(line, labels, number, len(classes)) for number, line in _lines(labels)]
        table = np.array(rows, np.float32).reshape(-1, 5)
        centre, half = table[:, 1:3], table[:, 3:5] / 2
        corners = np.concatenate([centre - half, centre + half], 1) * np.array([width, height] * 2, np.float32)
        boxes, cut = _clip(corners, width, height, labels)
        clipped += cut
        group = groups.get(path.stem, path.name.partition(".rf.")[0])
        scenes.append(Scene(path, width, height, boxes, table[:, 0].astype(np.int64), group))
    return _check(Scenes(classes, scenes, clipped), folder)


def read_coco(path: Path) -> Scenes:
    """COCO's `images`, `annotations` (`bbox`: left, top, width, height in pixels) and `categories`, whose ids may be
    any numbers. Images lie beside the file or under `images/`; crowd annotations are left out. Raises `DatasetError`.
    """
    try:
        content = json.loads(path.read_text("utf-8"))
        categories = {int(each["id"]): str(each["name"]) for each in content["categories"]}
        images = {int(each["id"]): dict(each) for each in content["images"]}
        annotations: dict[int, list[dict[str, object]]] = {number: [] for number in images}
        for each in content["annotations"]:
            if each.get("iscrowd"):
                continue
            if int(each["category_id"]) not in categories:
                raise DatasetError(
                    f"{path}: annotation {each['id']} is of category {each['category_id']}, which there is none of.",
                    "Correct its category_id or add the category.",
                )
            annotations[int(each["image_id"])].append(each)
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise DatasetError(
            f"{path}: this is no COCO file ({type(error).__name__}: {error}).", "See docs/data.md."
        ) from None
    index = {number: row for row, number in enumerate(sorted(categories))}
    scenes: list[Scene] = []
    clipped = 0
    for number, image in images.items():
        name = str(image["file_name"])
        file = next((each for each in (path.parent / name, path.parent / "images" / name) if each.is_file()), None)
        if file is None:
            raise DatasetError(f"{path}: the picture {name!r} is missing.", "Put the pictures beside the file.")
        width, height = _measure(file)
        own = annotations[number]
        table = np.array([each["bbox"] for each in own], np.float32).reshape(-1, 4)
        corners = np.concatenate([table[:, :2], table[:, :2] + table[:, 2:]], 1)
        boxes, cut = _clip(corners, width, height, path)
        clipped += cut
        kinds = np.array([index[int(str(each["category_id"]))] for each in own], np.int64)
        scenes.append(Scene(file, width, height, boxes, kinds, str(image.get("group") or name.partition(".rf.")[0])))
    return _check(Scenes(tuple(categories[each] for each in sorted(categories)), scenes, clipped), path)


def divide(scenes: Scenes, validation: float, test: float, seed: int) -> dict[str, list[Scene]]:
    """Train, validation and test by group: all copies of a drawing are on one side. Shares are of the groups."""
    groups = sorted({scene.group for scene in scenes.scenes})
    if len(groups) < 3:
        raise DatasetError(
            f"{len(groups)} different drawings can't be divided into training, validation and test.", "Label more."
        )
    order = np.random.default_rng(seed).permutation(len(groups))
    tested = max(1, round(test * len(groups)))
    validated = max(1, round(validation * len(groups)))
    side = {groups[row]: "test" for row in order[:tested]}
    side |= {groups[row]: "validation" for row in order[tested : tested + validated]}
    divided: dict[str, list[Scene]] = {"train": [], "validation": [], "test": []}
    for scene in scenes.scenes:
        divided[side.get(scene.group, "train")].append(scene)
    return divided


def _read_names(path: Path) -> tuple[str, ...]:
    try:
        names = yaml.safe_load(path.read_text("utf-8"))["names"]
    except (OSError, yaml.YAMLError, TypeError, KeyError) as error:
        raise DatasetError(
            f"{path}: the classes can't be read ({type(error).__name__}: {error}).", "It needs a list `names`."
        ) from None
    values = [names[key] for key in sorted(names)] if isinstance(names, dict) else names
    return tuple(str(each) for each in values)


def _read_groups(path: Path) -> dict[str, str]:
    if not path.is_file():
        return {}
    with path.open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    if rows and not {"file", "source_drawing"} <= rows[0].keys():
        raise DatasetError(f"{path}: the columns file and source_drawing are missing.", "Name them in its first line.")
    return {row["file"]: row["source_drawing"] for row in rows}


def _lines(path: Path) -> Iterator[tuple[int, str]]:
    """An image without a label file has no boxes, as in YOLO's own tools."""
    if path.is_file():
        for number, line in enumerate(path.read_text("utf-8").splitlines(), 1):
            if line.strip():
                yield number, line


def _parse_line(line: str, path: Path, number: int, classes: int) -> list[float]:
    try:
        values = [float(word) for word in line.split()]
    except ValueError:
        values = []
    if len(values) != 5 or not np.isfinite(values).all():
        raise DatasetError(
            f"{path}, line {number}: {line.strip()[:60]!r} is not a class and four numbers.", "Correct the line."
        )
    if values[0] != int(values[0]) or not 0 <= values[0] < classes:
        raise DatasetError(
            f"{path}, line {number}: the class index {values[0]:g} is out of range.",
            f"data.yaml names {classes} classes, 0 to {classes - 1}.",
        )
    return values


def _clip(boxes: np.ndarray, width: int, height: int, source: Path) -> tuple[np.ndarray, int]:
    """Boxes cut at the image's edges, and how many needed it by over a pixel."""
    limits = np.array([width, height, width, height], np.float32)
    inside = np.clip(boxes, 0, limits)
    outside = (inside[:, 2] - inside[:, 0] < 1) | (inside[:, 3] - inside[:, 1] < 1)
    if outside.any():
        row = int(outside.argmax())
        corners = ", ".join(f"{value:.0f}" for value in boxes[row])
        raise DatasetError(
            f"{source}: box {row + 1} ({corners}) lies outside its picture of {width}×{height} or is empty.",
            "Correct or remove it.",
        )
    return inside, int((np.abs(inside - boxes).max(1, initial=0) > 1).sum())


def _measure(path: Path) -> tuple[int, int]:
    try:
        with Image.open(path) as image:
            return image.size
    except (UnidentifiedImageError, OSError) as error:
        raise DatasetError(f"{path}: this is not a picture ({error}).", "Replace or remove it.") from None


def _check(scenes: Scenes, source: Path) -> Scenes:
    if not any(len(scene.boxes) for scene in scenes.scenes):
        raise DatasetError(f"{source}: no scene has a box.", "Label some, as docs/data.md describes.")
    return scenes
