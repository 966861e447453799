"""Datumaro's JSON: items with annotations of many types, of which the boxes and outlines are read."""

from __future__ import annotations

from pathlib import Path

from .labelled import Labelled, Reading
from .parsing import dictionary, name_of, number, numbers, sequence, size_of
from .shapes import Box, around, around_centred, around_mask, box_from_corners, box_from_size

NAME = "Datumaro"


def matches(content: object) -> bool:
    return {"items", "categories"} <= dictionary(content).keys()


def read(path: Path, content: object, reading: Reading) -> None:
    """Classes in the order of the label category; labels, points and captions are left out."""
    document = dictionary(content)
    labels = [
        name_of(dictionary(each).get("name"))
        for each in sequence(dictionary(dictionary(document["categories"]).get("label")).get("labels"))
    ]
    reading.classes.update(dict.fromkeys(label for label in labels if label))
    for item in map(dictionary, sequence(document["items"])):
        media = dictionary(item.get("image")) or dictionary(item.get("media"))
        size = numbers(media.get("size"))
        drawn_on = size_of(size[1], size[0]) if size and len(size) == 2 else None
        names = [each for each in (media.get("path"), item.get("id")) if isinstance(each, str) and each]
        image = Labelled(path, names, drawn_on)
        for annotation in map(dictionary, sequence(item.get("annotations"))):
            kind = str(annotation.get("type"))
            if kind not in _BOXES:
                reading.lose("points and labels of the whole picture, left out", image, item.get("id"))
                continue
            if kind != "bbox":
                reading.findings.add("outlines, read as the boxes around them", item.get("id"))
            row = number(annotation.get("label_id"))
            known = row is not None and row == int(row) and 0 <= row < len(labels)
            reading.put(image, labels[int(row or 0)] if known else "", _BOXES[kind](annotation), item.get("id"))
        reading.images.append(image)


def _read_box(annotation: dict[str, object]) -> Box | None:
    given = numbers(annotation.get("bbox"))
    return box_from_size(*given) if given is not None and len(given) == 4 else None


def _read_points(annotation: dict[str, object]) -> Box | None:
    return around(numbers(annotation.get("points")) or [])


def _read_mask(annotation: dict[str, object]) -> Box | None:
    return around_mask(annotation.get("rle"))


def _read_ellipse(annotation: dict[str, object]) -> Box | None:
    corners = numbers([annotation.get(key) for key in ("x1", "y1", "x2", "y2")])
    return box_from_corners(*corners) if corners else _read_points(annotation)


def _read_turned(annotation: dict[str, object]) -> Box | None:
    """Centre, width, height and the angle in degrees."""
    angle = number(annotation.get("r")) or 0
    return around_centred(*(annotation.get(key) for key in ("cx", "cy", "w", "h")), degrees=angle)


_BOXES = {
    "bbox": _read_box,
    "polygon": _read_points,
    "polyline": _read_points,
    "mask": _read_mask,
    "ellipse": _read_ellipse,
    "rotated_bbox": _read_turned,
}
