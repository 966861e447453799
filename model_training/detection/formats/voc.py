"""Pascal VOC's XML, as labelImg, Roboflow, CVAT and roLabelImg write it: a file a picture, corners in pixels."""

from __future__ import annotations

import math
from pathlib import Path
from xml.etree.ElementTree import Element

from .labelled import Labelled, Reading
from .parsing import name_of, number, numbers, size_of
from .shapes import Box, around, around_centred, box_from_corners

NAME = "Pascal VOC"


def matches(root: Element) -> bool:
    return root.tag == "annotation"


def read(path: Path, root: Element, reading: Reading) -> None:
    """Each object's `bndbox` as it is: most tools count pixels from 0, VOC's own from 1. Without one, the box around
    its `robndbox` (centre, size, angle in radians) or `polygon`. The file's own name tells the picture better than the
    one inside it, which stays behind when files are renamed."""
    names = [f"{_text(root, 'folder')}/{_text(root, 'filename')}", _text(root, "path")]
    size = size_of(_text(root, "size/width"), _text(root, "size/height"))
    image = Labelled(path, [path.stem, *names], size)
    for each in root.findall("object"):
        reading.put(image, name_of(_text(each, "name")), _read_box(each, path, reading), path.name)
    reading.images.append(image)


def _text(element: Element, key: str) -> str:
    return (element.findtext(key) or "").strip()


def _read_box(item: Element, path: Path, reading: Reading) -> Box | None:
    corners = item.find("bndbox")
    if corners is not None:
        return box_from_corners(*(_text(corners, key) for key in ("xmin", "ymin", "xmax", "ymax")))
    turned, outline = item.find("robndbox"), item.find("polygon")
    if turned is None and outline is None:
        return None
    reading.findings.add("outlines, read as the boxes around them", path.name)
    if turned is not None:
        angle = math.degrees(number(_text(turned, "angle")) or 0)
        return around_centred(*(_text(turned, key) for key in ("cx", "cy", "w", "h")), degrees=angle)
    return around(numbers([each.text for each in outline or [] if each.tag[:1] in "xy"]) or [])
