"""Folders of labelled pictures as tools leave them, made of a table; and what is read of them, as a table."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

from PIL import Image

from model_training.detection.annotations import Scenes
from model_training.detection.formats import read_scenes

#: A class and its box, corners in pixels.
Row = tuple[str, float, float, float, float]


def lay(root: Path, files: Mapping[str, object]) -> Path:
    """`files`: path → text, bytes, JSON, or a tuple of a picture's width, height and EXIF orientation if any."""
    for name, content in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        if isinstance(content, tuple):
            save_picture(path, content[:2], *content[2:])
        elif isinstance(content, bytes):
            path.write_bytes(content)
        else:
            path.write_text(content if isinstance(content, str) else json.dumps(content), "utf-8")
    return root


def save_picture(path: Path, size: tuple[int, int], orientation: int = 1) -> None:
    exif = Image.Exif()
    if orientation != 1:
        exif[0x0112] = orientation
    Image.new("RGB", size, "white").save(path, exif=exif)


def tell(scenes: Scenes, root: Path) -> dict[str, list[Row]]:
    """Picture → its boxes, to a tenth of a pixel."""
    root = root.resolve()
    return {
        scene.path.resolve().relative_to(root).as_posix(): [
            (scenes.classes[kind], *(round(float(value), 1) for value in box))  # type: ignore[misc]
            for box, kind in zip(scene.boxes, scene.classes, strict=True)
        ]
        for scene in scenes.scenes
    }


def read(root: Path, place: str = ".") -> tuple[dict[str, list[Row]], dict[str, int]]:
    """The boxes of each picture, and the count of each finding."""
    scenes = read_scenes(root / place)
    return tell(scenes, root), {each.what: each.count for each in scenes.findings}


#: Files beside `a.png`, the boxes that are read of it, and the findings.
Case = tuple[Mapping[str, object], list[Row], dict[str, int]]


def check(root: Path, size: tuple[int, int], case: Case) -> None:
    """Of one picture; which classes have no box is not looked at."""
    files, expected, said = case
    boxes, found = read(lay(root, {"a.png": size, **files}))
    assert boxes == {"a.png": expected}
    assert {what: count for what, count in found.items() if what != "classes without a box"} == said
