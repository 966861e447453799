"""A table of boxes: TensorFlow's, `filename,width,height,class,xmin,ymin,xmax,ymax`, as Roboflow writes it; its kin."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Mapping, Sequence
from pathlib import Path, PurePath

from ...datasets.file_kinds import SUFFIXES
from ...runtime.errors import DatasetError
from .labelled import Labelled, Reading
from .parsing import name_of, number, numbers, read_text, size_of
from .shapes import Box, box_from_corners, box_from_size

NAME = "TensorFlow's table"
_CORNERS = ("xmin", "ymin", "xmax", "ymax")
_EXTENT = ("x", "y", "w", "h")
#: The columns of VoTT, Open Images, makesense and others by TensorFlow's names, without their underscores.
_ALSO = {
    **dict.fromkeys(("image", "imageid", "imagename", "path", "imagepath"), "filename"),
    **dict.fromkeys(("label", "labelname", "category", "name", "classname", "classid"), "class"),
    **dict.fromkeys(("imagewidth", "imgwidth"), "width"),
    **dict.fromkeys(("imageheight", "imgheight"), "height"),
    **dict(zip(("x1", "y1", "x2", "y2"), _CORNERS, strict=True)),
    **dict(zip(("left", "top", "right", "bottom"), _CORNERS, strict=True)),
    **dict(zip(("roi.x1", "roi.y1", "roi.x2", "roi.y2"), _CORNERS, strict=True)),
    **dict(zip(("bboxx", "bboxy", "bboxwidth", "bboxheight"), _EXTENT, strict=True)),
}
#: Tables that begin without names of columns: makesense's, and keras-retinanet's, which has empty cells for a picture
#: without an object.
_MAKESENSE = ("class", *_EXTENT, "filename", "width", "height")
_RETINANET = ("filename", *_CORNERS, "class")
#: The class of all boxes of a table that has no column for it.
_ONLY_CLASS = "object"


def matches(path: Path) -> bool:
    """Raises `DatasetError` for a file that is no text."""
    columns = set(_read_rows(path)[0])
    named = {"filename", "class"} <= columns and (columns.issuperset(_CORNERS) or columns.issuperset(_EXTENT))
    return named or {"filename", "bbox"} <= columns


def read(path: Path, reading: Reading) -> None:
    """Corners, or a corner and an extent, in pixels, or in parts of the sides where none is above 1; `bbox` is a list
    of left, top, width, height. Raises `DatasetError` for a table that can't be read."""
    columns, rows = _read_rows(path)
    if "class" not in columns:
        reading.findings.add(
            f"tables without a column of classes, whose boxes are all called {_ONLY_CLASS!r}", path.name
        )
    images: dict[str, Labelled] = {}
    boxes = [_find_box(row) for row in rows]
    relative = any(boxes) and all(max(each) <= 1 for each in boxes if each)
    for row, box in zip(rows, boxes, strict=True):
        name = row.get("filename", "")
        size = size_of(row.get("width"), row.get("height"))
        image = images.setdefault(name, Labelled(path, [name], size, relative=relative))
        if any(row.get(column) for column in row if column not in ("filename", "width", "height")):
            reading.put(image, name_of(row.get("class", _ONLY_CLASS)), box, name)
    reading.images += images.values()


def _find_box(row: Mapping[str, str]) -> Box | None:
    if "xmin" in row:
        return box_from_corners(*(row.get(key) for key in _CORNERS))
    if "bbox" in row:
        found = numbers(re.findall(r"[^\s,;\[\]()]+", row["bbox"]))
        return box_from_size(*found) if found is not None and len(found) == 4 else None
    return box_from_size(*(row.get(key) for key in _EXTENT))


def _read_rows(path: Path) -> tuple[list[str], list[dict[str, str]]]:
    """The columns by TensorFlow's names, and a row a box."""
    try:
        rows = [row for row in csv.reader(io.StringIO(read_text(path), newline="")) if row]
    except csv.Error as error:
        raise DatasetError(f"{path}: this is no CSV ({error}).", "Export the labels again.") from None
    first = rows[0] if rows else []
    columns = _guess_columns(first)
    if columns is None:
        columns, rows = _name_columns(first), rows[1:]
    return columns, [dict(zip(columns, cells, strict=False)) for cells in rows]


def _guess_columns(cells: Sequence[str]) -> list[str] | None:
    """Of a table whose first row is a box already."""
    are_numbers = [number(cell) is not None for cell in cells]
    if len(cells) == 8 and not are_numbers[0] and not are_numbers[5] and all(are_numbers[1:5] + are_numbers[6:]):
        return list(_MAKESENSE)
    if len(cells) == 6 and PurePath(cells[0]).suffix.lower() in SUFFIXES and (
        all(are_numbers[1:5]) or not any(cells[1:])
    ):  # fmt: skip
        return list(_RETINANET)
    return None


def _name_columns(header: Sequence[str]) -> list[str]:
    names = [re.sub(r"[_\s-]", "", name.lower()) for name in header]
    own = {"filename", "class"} & set(names)
    names = [name if _ALSO.get(name) in own else _ALSO.get(name, name) for name in names]
    if not {"xmax", "w"} & set(names):  # then width and height are the box's, not the picture's
        extent = {"xmin": "x", "ymin": "y", "width": "w", "height": "h"}
        names = [extent.get(name, name) for name in names] if "bbox" not in names else names
    return names
