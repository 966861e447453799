"""Composed scenes as files, read back as a detector's training does."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageDraw

from model_training.datasets.listing import list_dataset
from model_training.detection.annotations import divide
from model_training.detection.composer import Composer
from model_training.detection.formats import read_scenes
from model_training.detection.scene_files import write_scenes
from model_training.runtime.errors import DatasetError

SETTINGS = Composer(scenes=20, objects=(1, 3), colour=0)


def write_drawings(folder: Path, count: int) -> None:
    """Circles and squares; `count` of each, two of every title."""
    lines = ["path,label,title"]
    for number in range(count):
        for label in ("circle", "square"):
            page = Image.new("RGB", (64, 64), "white")
            pen = ImageDraw.Draw(page)
            (pen.ellipse if label == "circle" else pen.rectangle)((8, 8, 40 + number, 40), outline="black", width=3)
            (folder / label).mkdir(parents=True, exist_ok=True)
            page.save(folder / label / f"{number}.png")
            lines.append(f"{label}/{number}.png,{label},{label}-{number // 2}")
    (folder / "manifest.csv").write_text("\n".join(lines) + "\n")


def test_scenes_have_their_boxes_and_parts(tmp_path: Path) -> None:
    write_drawings(tmp_path / "drawings", 12)
    listed = list_dataset(tmp_path / "drawings")
    steps: list[tuple[int, int]] = []
    out = tmp_path / "scenes"
    write_scenes(out, listed, SETTINGS, (160, 160), 3, "title", lambda *step: steps.append(step))
    scenes = read_scenes(out)
    assert scenes.classes == ("circle", "square")
    assert len(scenes.scenes) == 20
    assert steps[-1] == (20, 20)
    assert len({scene.group for scene in scenes.scenes}) == 10
    for scene in scenes.scenes:
        ink = np.asarray(Image.open(scene.path).convert("L")) < 150
        assert 1 <= len(scene.boxes) <= 3
        outside = ink.copy()
        for left, top, right, bottom in scene.boxes.round().astype(int):
            assert ink[top:bottom, left:right].any()
            outside[max(0, top - 1) : bottom + 1, max(0, left - 1) : right + 1] = False
        assert not outside.any()
    sides = divide(scenes, 0.1, 0.2, 0)
    assert [len(sides[name]) for name in ("train", "validation", "test")] == [14, 2, 4]


def test_what_is_there_is_kept_and_what_is_missing_comes_again(tmp_path: Path) -> None:
    write_drawings(tmp_path / "drawings", 12)
    listed, out = list_dataset(tmp_path / "drawings"), tmp_path / "scenes"
    write_scenes(out, listed, SETTINGS, (160, 160), 3, "title", lambda *step: None)
    first, second = sorted((out / "images").iterdir())[:2]
    whole, stamp = first.read_bytes(), second.stat().st_mtime_ns
    first.unlink()
    write_scenes(out, listed, SETTINGS, (160, 160), 3, "title", lambda *step: None)
    assert first.read_bytes() == whole
    assert second.stat().st_mtime_ns == stamp


def test_too_few_drawings(tmp_path: Path) -> None:
    write_drawings(tmp_path, 2)
    with pytest.raises(DatasetError, match="2 drawings are too few"):
        write_scenes(tmp_path / "out", list_dataset(tmp_path), SETTINGS, (96, 96), 0, "title", lambda *step: None)
    assert not (tmp_path / "out").exists()
