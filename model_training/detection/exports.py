"""Labelled scenes → a folder in YOLO's or COCO's format, which other tools and `read_scenes` read."""

from __future__ import annotations

import csv
import io
import json
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Literal

import numpy as np
import yaml

from ..runtime.errors import DatasetError
from .annotations import Scene, Scenes

Format = Literal["yolo", "coco"]


def export_scenes(scenes: Scenes, form: Format, out: Path, progress: Callable[[int, int], None]) -> None:
    """Copy the pictures, byte by byte, to `out/images`, and write their labels beside: `data.yaml`, `labels/` and
    `groups.csv`, or `annotations.json`. Boxes are of the upright pictures, as their EXIF turns them.

    Raises `DatasetError` where `out` holds something already.
    """
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise DatasetError(f"{out}: there is something already.", "Give --out another folder.")
    out.parent.mkdir(parents=True, exist_ok=True)
    stage = Path(tempfile.mkdtemp(prefix=f".{out.name}-", dir=out.parent))
    try:
        names = _name_pictures(scenes.scenes)
        (stage / "images").mkdir()
        for number, (scene, name) in enumerate(zip(scenes.scenes, names, strict=True), 1):
            shutil.copyfile(scene.path, stage / "images" / name)
            progress(number, len(names))
        (_write_yolo if form == "yolo" else _write_coco)(scenes, names, stage)
        stage.chmod(0o755)
        if out.exists():
            out.rmdir()
        stage.rename(out)
    finally:
        shutil.rmtree(stage, ignore_errors=True)


def format_boxes(scene: Scene) -> str:
    """A line a box: class, centre x and y, width and height, the four in parts of the picture's sides."""
    centre, size = (scene.boxes[:, :2] + scene.boxes[:, 2:]) / 2, scene.boxes[:, 2:] - scene.boxes[:, :2]
    table = np.concatenate([centre, size], 1) / np.array([scene.width, scene.height] * 2)
    rows = zip(scene.classes, table, strict=True)
    return "".join(f"{kind} {x:.6f} {y:.6f} {w:.6f} {h:.6f}\n" for kind, (x, y, w, h) in rows)


def write_yolo_records(folder: Path, classes: tuple[str, ...], groups: dict[str, str]) -> None:
    """`data.yaml`, and `groups.csv` of each picture's name without suffix → its drawing."""
    text = io.StringIO(newline="")
    table = csv.writer(text, lineterminator="\n")
    table.writerow(("file", "source_drawing"))
    table.writerows(groups.items())
    (folder / "groups.csv").write_text(text.getvalue(), "utf-8")
    content = {"path": ".", "train": "images", "val": "images", "names": dict(enumerate(classes))}
    (folder / "data.yaml").write_text(yaml.safe_dump(content, allow_unicode=True, sort_keys=False), "utf-8")


def _name_pictures(scenes: list[Scene]) -> list[str]:
    """Their own names, numbered where two would share a label file."""
    taken: set[str] = set()
    names = []
    for scene in scenes:
        stem, number = scene.path.stem, 1
        while stem.casefold() in taken:
            number += 1
            stem = f"{scene.path.stem}-{number}"
        taken.add(stem.casefold())
        names.append(stem + scene.path.suffix)
    return names


def _write_yolo(scenes: Scenes, names: list[str], folder: Path) -> None:
    (folder / "labels").mkdir()
    for scene, name in zip(scenes.scenes, names, strict=True):
        (folder / "labels" / name).with_suffix(".txt").write_text(format_boxes(scene), "utf-8")
    groups = {Path(name).stem: scene.group for scene, name in zip(scenes.scenes, names, strict=True)}
    write_yolo_records(folder, scenes.classes, groups)


def _write_coco(scenes: Scenes, names: list[str], folder: Path) -> None:
    images: list[dict[str, object]] = []
    annotations: list[dict[str, object]] = []
    for number, (scene, name) in enumerate(zip(scenes.scenes, names, strict=True), 1):
        size = {"width": scene.width, "height": scene.height}
        images.append({"id": number, "file_name": f"images/{name}", **size, "group": scene.group})
        for kind, (x0, y0, x1, y1) in zip(scene.classes.tolist(), scene.boxes.tolist(), strict=True):
            place = {"bbox": [x0, y0, x1 - x0, y1 - y0], "area": (x1 - x0) * (y1 - y0), "iscrowd": 0}
            annotations.append({"id": len(annotations) + 1, "image_id": number, "category_id": kind + 1, **place})
    categories = [{"id": number, "name": name} for number, name in enumerate(scenes.classes, 1)]
    content = {"images": images, "annotations": annotations, "categories": categories}
    (folder / "annotations.json").write_text(json.dumps(content, ensure_ascii=False), "utf-8")
