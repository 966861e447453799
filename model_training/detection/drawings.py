"""A folder or manifest of single-object drawings → what the composer lays on its pages."""

from __future__ import annotations

from pathlib import Path

from ..datasets.listing import list_dataset
from ..datasets.names import class_key
from .composer import Drawing, read_drawing
from .recipe import DetectionData


def read_drawings(data: DetectionData, classes: tuple[str, ...]) -> list[Drawing]:
    """Drawings whose class is one of `classes`, however it is spelt; with `single_class` all, as 0."""
    if data.drawings is None:
        return []
    listed = list_dataset(Path(data.drawings), data.drawings_label, "data.drawings_label")
    index = {class_key(name): number for number, name in enumerate(classes)}
    drawings: list[Drawing] = []
    for entry in listed.entries:
        label = 0 if data.single_class else index.get(class_key(entry.label))
        if label is not None and (drawing := read_drawing(entry.path, label)):
            drawings.append(drawing)
    return drawings
