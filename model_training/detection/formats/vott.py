"""Microsoft's VoTT: the JSON of a project's export, or one for each picture."""

from __future__ import annotations

from pathlib import Path

from .labelled import Labelled, Reading
from .parsing import dictionary, name_of, sequence, size_of
from .shapes import Box, around_points, box_from_size

NAME = "VoTT"


def matches(content: object) -> bool:
    keys = dictionary(content).keys()
    return {"assets", "tags"} <= keys or {"asset", "regions"} <= keys


def read(path: Path, content: object, reading: Reading) -> None:
    """Regions in pixels of the size that their picture is said to have; of outlines the boxes around them."""
    document = dictionary(content)
    classes = [name_of(dictionary(each).get("name")) for each in sequence(document.get("tags"))]
    reading.classes.update(dict.fromkeys(name for name in classes if name))
    for entry in map(dictionary, dictionary(document.get("assets")).values() if "assets" in document else [document]):
        asset = dictionary(entry.get("asset"))
        size = dictionary(asset.get("size"))
        names = [str(asset[key]) for key in ("name", "path") if isinstance(asset.get(key), str)]
        image = Labelled(path, names, size_of(size.get("width"), size.get("height")))
        for region in map(dictionary, sequence(entry.get("regions"))):
            tags = list(filter(None, map(name_of, sequence(region.get("tags")))))
            if len(tags) > 1:
                reading.findings.add("regions of several classes, of which the first is read", next(iter(names), None))
            if str(region.get("type")).upper() not in ("RECTANGLE", "SQUARE"):
                reading.findings.add("outlines, read as the boxes around them", next(iter(names), None))
            reading.put(image, next(iter(tags), ""), _read_box(region), next(iter(names), None))
        reading.images.append(image)


def _read_box(region: dict[str, object]) -> Box | None:
    place = dictionary(region.get("boundingBox"))
    box = box_from_size(*(place.get(key) for key in ("left", "top", "width", "height")))
    if box is not None:
        return box
    points = [dictionary(each) for each in sequence(region.get("points"))]
    return around_points([[point.get("x"), point.get("y")] for point in points])
