"""Supervisely's JSON: a file a picture, called like the picture, and the project's `meta.json`."""

from __future__ import annotations

import base64
import struct
import zlib
from pathlib import Path

from .labelled import Labelled, Reading
from .parsing import dictionary, name_of, numbers, sequence, size_of
from .shapes import Box, around_points, box_from_size

NAME = "Supervisely"
_PNG = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR"


def matches(content: object) -> bool:
    return _is_meta(content) or {"objects", "size", "tags"} <= dictionary(content).keys()


def _is_meta(content: object) -> bool:
    classes = [dictionary(each) for each in sequence(dictionary(content).get("classes"))]
    return bool(classes) and all({"title", "shape"} <= each.keys() for each in classes)


def read(path: Path, content: object, reading: Reading) -> None:
    """Rectangles, and of polygons, lines and bitmaps the boxes around them; points and skeletons are left out."""
    document = dictionary(content)
    if _is_meta(content):
        titles = [name_of(dictionary(each).get("title")) for each in sequence(document["classes"])]
        reading.classes.update(dict.fromkeys(title for title in titles if title))
        return
    size = dictionary(document["size"])
    image = Labelled(path, [path.stem], size_of(size.get("width"), size.get("height")))
    for item in map(dictionary, sequence(document["objects"])):
        kind = item.get("geometryType")
        if kind in ("point", "graph"):
            reading.lose("points and labels of the whole picture, left out", image, path.name)
            continue
        if kind != "rectangle":
            reading.findings.add("outlines, read as the boxes around them", path.name)
        box = (
            _around_bitmap(item) if kind == "bitmap" else around_points(dictionary(item.get("points")).get("exterior"))
        )
        reading.put(image, name_of(item.get("classTitle")), box, path.name)
    reading.images.append(image)


def _around_bitmap(item: dict[str, object]) -> Box | None:
    """Of a mask that is a packed PNG, cut to its extent, whose upper left corner is `origin`."""
    bitmap = dictionary(item.get("bitmap"))
    corner = numbers(bitmap.get("origin"))
    try:
        head = zlib.decompressobj().decompress(base64.b64decode(str(bitmap.get("data"))), 24)
    except (ValueError, zlib.error):
        return None
    if corner is None or len(corner) != 2 or len(head) < 24 or not head.startswith(_PNG):
        return None
    return box_from_size(*corner, *struct.unpack(">II", head[16:24]))
