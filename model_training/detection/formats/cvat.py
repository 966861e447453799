"""CVAT's own XML, for images and for films that were exported frame by frame."""

from __future__ import annotations

from pathlib import Path
from xml.etree.ElementTree import Element

from .labelled import Labelled, Reading
from .parsing import name_of, number, numbers, size_of
from .shapes import Box, around, around_ellipse, around_turned, box_from_corners, box_from_size

NAME = "CVAT"
_SHAPES = ("box", "polygon", "polyline", "ellipse", "cuboid", "mask", "points", "skeleton", "tag")


def matches(root: Element) -> bool:
    return root.tag == "annotations"


def read(path: Path, root: Element, reading: Reading) -> None:
    """Boxes, and around outlines, ellipses, cuboids and masks the boxes; points, skeletons and tags are left out.

    The frames of a film are one group; a shape that has left the frame (`outside`) is not on it.
    """
    for each in root.iter("image"):
        names = [name for name in (each.get("name"),) if name]
        image = Labelled(path, names, size_of(each.get("width"), each.get("height")))
        for shape in each:
            if shape.tag in _SHAPES:
                _read_shape(shape, shape.get("label"), image, reading)
        reading.images.append(image)
    size = size_of(root.findtext(".//original_size/width"), root.findtext(".//original_size/height"))
    film = root.findtext(".//source") or path.as_posix()
    frames: dict[int, Labelled] = {}
    for track in root.iter("track"):
        for shape in track:
            frame = number(shape.get("frame"))
            if frame is None or shape.get("outside") == "1" or shape.tag not in _SHAPES:
                continue
            names = [f"frame_{int(frame):06d}", f"{int(frame):06d}"]
            image = frames.setdefault(int(frame), Labelled(path, names, size, group=film))
            _read_shape(shape, track.get("label"), image, reading)
    reading.images += frames.values()


def _read_shape(shape: Element, label: str | None, image: Labelled, reading: Reading) -> None:
    example = next(iter(image.names), None)
    if shape.tag in ("points", "skeleton", "tag"):
        reading.lose("points and labels of the whole picture, left out", image, example)
        return
    if shape.tag != "box":
        reading.findings.add("outlines, read as the boxes around them", example)
    reading.put(image, name_of(label), _read_box(shape, number(shape.get("rotation")) or 0), example)


def _read_box(shape: Element, angle: float) -> Box | None:
    """`angle`: degrees about the centre, which boxes and ellipses can have."""
    if shape.tag == "box":
        box = box_from_corners(*(shape.get(key) for key in ("xtl", "ytl", "xbr", "ybr")))
        return around_turned(box, angle, ((box[0] + box[2]) / 2, (box[1] + box[3]) / 2)) if box and angle else box
    if shape.tag == "mask":
        return box_from_size(*(shape.get(key) for key in ("left", "top", "width", "height")))
    if shape.tag == "ellipse":
        return around_ellipse(*(shape.get(key) for key in ("cx", "cy", "rx", "ry")), degrees=angle)
    if shape.tag == "cuboid":
        keys = [side + edge for edge in ("tl1", "bl1", "tr1", "br1", "tl2", "bl2", "tr2", "br2") for side in "xy"]
        return around(numbers([shape.get(key) for key in keys]) or [])
    return around(numbers((shape.get("points") or "").replace(";", ",").split(",")) or [])
