"""TensorFlow's table of boxes, `filename,width,height,class,xmin,ymin,xmax,ymax`, as Roboflow writes it, too."""

from __future__ import annotations

import csv
from pathlib import Path

from ...runtime.errors import DatasetError
from .labelled import Labelled, Reading
from .parsing import name_of, read_text, size_of
from .shapes import box_from_corners

NAME = "TensorFlow's table"
_CORNERS = ("xmin", "ymin", "xmax", "ymax")


def matches(path: Path) -> bool:
    """Raises `DatasetError` for a file that is no text."""
    first = read_text(path).partition("\n")[0]
    return {"filename", "class", *_CORNERS} <= {column.strip().lower() for column in first.split(",")}


def read(path: Path, reading: Reading) -> None:
    """Raises `DatasetError` for a table that can't be read."""
    images: dict[str, Labelled] = {}
    try:
        rows = csv.DictReader(read_text(path).splitlines(), restkey="", restval="")
        rows.fieldnames = [name.strip().lower() for name in rows.fieldnames or []]
        for row in rows:
            name = row["filename"] or ""
            size = size_of(row.get("width"), row.get("height"))
            image = images.setdefault(name, Labelled(path, [name], size))
            box = box_from_corners(*(row[key] for key in _CORNERS))
            reading.put(image, name_of(row["class"]), box, name)
    except csv.Error as error:
        raise DatasetError(f"{path}: this is no CSV ({error}).", "Export the labels again.") from None
    reading.images += images.values()
