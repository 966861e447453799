"""A folder or manifest of single-object drawings → what the composer lays on its pages."""

from __future__ import annotations

from pathlib import Path

from ..datasets.manifest import list_dataset
from .composer import Drawing, read_drawing
from .recipe import DetectionData


def read_drawings(data: DetectionData, classes: tuple[str, ...]) -> list[Drawing]:
    """Drawings whose class is one of `classes`, whatever its letters' case; with `single_class` all, as 0."""
    if data.drawings is None:
        return []
    listed = list_dataset(Path(data.drawings), data.drawings_label, "data.drawings_label")
    index = {name.lower(): number for number, name in enumerate(classes)}
    drawings: list[Drawing] = []
    for entry in listed.entries:
        label = 0 if data.single_class else index.get(entry.label.lower())
        if label is not None and (drawing := read_drawing(entry.path, label)):
            drawings.append(drawing)
    return drawings
