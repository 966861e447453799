"""Apple's Create ML: a list of pictures with boxes by their centre and size in pixels."""

from __future__ import annotations

from pathlib import Path

from .labelled import Labelled, Reading
from .parsing import dictionary, name_of, sequence
from .shapes import around_centred

NAME = "Create ML"
_FILE_KEYS = ("image", "imagefilename", "filename")


def matches(content: object) -> bool:
    entries = [dictionary(each) for each in sequence(content)]
    return bool(entries) and all(
        bool(each.keys() & set(_FILE_KEYS)) and bool(each.keys() & {"annotations", "annotation"}) for each in entries
    )


def read(path: Path, content: object, reading: Reading) -> None:
    for entry in map(dictionary, sequence(content)):
        image = Labelled(path, [str(entry[key]) for key in _FILE_KEYS if isinstance(entry.get(key), str)])
        for annotation in map(dictionary, sequence(entry.get("annotations", entry.get("annotation")))):
            place = dictionary(annotation.get("coordinates"))
            box = around_centred(*(place.get(key) for key in ("x", "y", "width", "height")))
            reading.put(image, name_of(annotation.get("label")), box, next(iter(image.names), None))
        reading.images.append(image)
