"""labelme's JSON: a file a picture, with shapes in its pixels."""

from __future__ import annotations

import math
from pathlib import Path

from .labelled import Labelled, Reading
from .parsing import dictionary, name_of, numbers, sequence, size_of
from .shapes import Box, around_ellipse, around_points

NAME = "labelme"


def matches(content: object) -> bool:
    return {"shapes", "imagePath"} <= dictionary(content).keys()


def read(path: Path, content: object, reading: Reading) -> None:
    """Rectangles, and of polygons, circles, lines and masks the boxes around them; points are left out."""
    document = dictionary(content)
    size = size_of(document.get("imageWidth"), document.get("imageHeight"))
    image = Labelled(path, [path.stem, str(document["imagePath"] or "")], size)
    for shape in map(dictionary, sequence(document["shapes"])):
        kind = str(shape.get("shape_type") or "polygon")
        if kind in ("point", "points"):
            reading.lose("points and labels of the whole picture, left out", image)
            continue
        if kind != "rectangle":
            reading.findings.add("outlines, read as the boxes around them", path.name)
        box = _around_circle(shape.get("points")) if kind == "circle" else around_points(shape.get("points"))
        reading.put(image, name_of(shape.get("label")), box, path.name)
    reading.images.append(image)


def _around_circle(points: object) -> Box | None:
    """Of its centre and a point on it."""
    ends = [numbers(point) for point in sequence(points)]
    if len(ends) != 2 or any(end is None or len(end) != 2 for end in ends):
        return None
    (x, y), (on_x, on_y) = (end or [] for end in ends)
    radius = math.hypot(on_x - x, on_y - y)
    return around_ellipse(x, y, radius, radius)
