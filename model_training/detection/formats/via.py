"""The VGG Image Annotator's JSON, of its annotations or of a whole project, and its CSV: regions in pixels."""

from __future__ import annotations

import csv
import io
import json
import math
from pathlib import Path

from ...runtime.errors import DatasetError
from .labelled import Labelled, Reading
from .parsing import dictionary, name_of, number, numbers, read_text, sequence
from .shapes import Box, around, around_ellipse, box_from_size

NAME = "VIA"


def matches(content: object) -> bool:
    return bool(_images(content))


def _images(content: object) -> list[dict[str, object]]:
    entries = dictionary(content)
    entries = dictionary(entries.get("_via_img_metadata")) or entries
    return [each for each in map(dictionary, entries.values()) if {"filename", "regions"} <= each.keys()]


def read(path: Path, content: object, reading: Reading) -> None:
    """A region's class is its first attribute that holds a word. Rectangles, and of circles, ellipses, polygons and
    lines the boxes around them; points are left out."""
    for entry in _images(content):
        image = Labelled(path, [str(entry["filename"])])
        regions = entry["regions"]
        for region in map(dictionary, regions.values() if isinstance(regions, dict) else sequence(regions)):
            shape = dictionary(region.get("shape_attributes"))
            label = next(filter(None, map(name_of, dictionary(region.get("region_attributes")).values())), "")
            if shape.get("name") == "point":
                reading.lose("points and labels of the whole picture, left out", image)
                continue
            if shape.get("name") != "rect":
                reading.findings.add("outlines, read as the boxes around them", entry["filename"])
            reading.put(image, label, _read_box(shape), entry["filename"])
        reading.images.append(image)


def matches_table(path: Path) -> bool:
    """Raises `DatasetError` for a file that is no text."""
    return {"region_shape_attributes", "region_attributes"} <= set(_read_rows(path)[0])


def read_table(path: Path, reading: Reading) -> None:
    """A line a region, whose attributes are JSON. Raises `DatasetError`."""
    columns, *rows = _read_rows(path)
    entries: dict[str, list[object]] = {}
    for cells in rows:
        row = dict(zip((name.lstrip("#") for name in columns), cells, strict=False))
        regions = entries.setdefault(row.get("filename", ""), [])
        try:
            shape, label = (json.loads(row.get(f"region_{key}") or "{}") for key in ("shape_attributes", "attributes"))
        except ValueError as error:
            raise DatasetError(f"{path}: a region is no JSON ({error}).", "Export the labels again.") from None
        if shape:
            regions.append({"shape_attributes": shape, "region_attributes": label})
    read(path, {name: {"filename": name, "regions": regions} for name, regions in entries.items()}, reading)


def _read_rows(path: Path) -> list[list[str]]:
    try:
        return [row for row in csv.reader(io.StringIO(read_text(path), newline="")) if row] or [[]]
    except csv.Error as error:
        raise DatasetError(f"{path}: this is no CSV ({error}).", "Export the labels again.") from None


def _read_box(shape: dict[str, object]) -> Box | None:
    if shape.get("name") == "rect":
        return box_from_size(*(shape.get(key) for key in ("x", "y", "width", "height")))
    if shape.get("name") == "circle":
        return around_ellipse(shape.get("cx"), shape.get("cy"), shape.get("r"), shape.get("r"))
    if shape.get("name") == "ellipse":
        turned = math.degrees(number(shape.get("theta")) or 0)
        return around_ellipse(*(shape.get(key) for key in ("cx", "cy", "rx", "ry")), degrees=turned)
    xs, ys = numbers(shape.get("all_points_x")), numbers(shape.get("all_points_y"))
    if xs is None or ys is None or len(xs) != len(ys):
        return None
    return around([value for point in zip(xs, ys, strict=True) for value in point])
