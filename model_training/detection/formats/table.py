"""A table of boxes: TensorFlow's, `filename,width,height,class,xmin,ymin,xmax,ymax`, as Roboflow writes it; its kin."""

from __future__ import annotations

import csv
import io
from pathlib import Path

from ...runtime.errors import DatasetError
from .labelled import Labelled, Reading
from .parsing import name_of, numbers, read_text, size_of
from .shapes import box_from_corners

NAME = "TensorFlow's table"
_CORNERS = ("xmin", "ymin", "xmax", "ymax")
#: VoTT's columns, Open Images' and others' by TensorFlow's names.
_ALSO = {
    **dict.fromkeys(("image", "imageid", "image_id", "image_name", "file_name", "path"), "filename"),
    **dict.fromkeys(("label", "labelname", "label_name", "category", "name"), "class"),
}


def matches(path: Path) -> bool:
    """Raises `DatasetError` for a file that is no text."""
    return {"filename", "class", *_CORNERS} <= set(next(iter(_read_rows(path)), []))


def read(path: Path, reading: Reading) -> None:
    """Corners in pixels, or in parts of the sides where none is above 1. Raises `DatasetError` for a table that can't
    be read."""
    columns, *rows = _read_rows(path)
    images: dict[str, Labelled] = {}
    places = [numbers([dict(zip(columns, cells, strict=False)).get(key) for key in _CORNERS]) for cells in rows]
    relative = any(places) and all(max(each) <= 1 for each in places if each)
    for cells in rows:
        row = dict(zip(columns, cells, strict=False))
        name = row.get("filename", "")
        size = size_of(row.get("width"), row.get("height"))
        image = images.setdefault(name, Labelled(path, [name], size, relative=relative))
        box = box_from_corners(*(row.get(key) for key in _CORNERS))
        reading.put(image, name_of(row.get("class")), box, name)
    reading.images += images.values()


def _read_rows(path: Path) -> list[list[str]]:
    """The names of the columns in small letters, TensorFlow's, then a row a box."""
    try:
        header, *rows = [row for row in csv.reader(io.StringIO(read_text(path), newline="")) if row] or [[]]
    except csv.Error as error:
        raise DatasetError(f"{path}: this is no CSV ({error}).", "Export the labels again.") from None
    names = [name.strip().lower() for name in header]
    own = {"filename", "class"} & set(names)
    return [[name if _ALSO.get(name) in own else _ALSO.get(name, name) for name in names], *rows]
