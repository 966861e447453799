from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from model_training.detection.annotations import divide
from model_training.detection.formats import read_scenes
from model_training.detection.pages import load_page
from tests.conftest import shared_folder


@pytest.fixture
def scenes(tmp_path: Path) -> Path:
    """Four drawings of 100×50, the first in two copies, each with a sun and a house."""
    for folder in ("images/train", "labels/train"):
        (tmp_path / folder).mkdir(parents=True)
    (tmp_path / "data.yaml").write_text("names: [Sun, House]\n")
    for name in ("a.rf.1", "a.rf.2", "b.rf.1", "c.rf.1", "d.rf.1"):
        Image.new("RGB", (100, 50), "white").save(tmp_path / "images/train" / f"{name}.png")
        (tmp_path / "labels/train" / f"{name}.txt").write_text("0 0.5 0.5 0.2 0.4\n1 0.25 0.5 0.5 1.0\n")
    return tmp_path


def test_yolo_boxes_become_corners_in_pixels(scenes: Path) -> None:
    read = read_scenes(scenes)
    assert read.classes == ("Sun", "House")
    np.testing.assert_allclose(read.scenes[0].boxes, [[40, 15, 60, 35], [0, 0, 50, 50]], atol=1e-4)
    assert read.scenes[0].classes.tolist() == [0, 1]


@pytest.mark.parametrize("suffix", ["gif", "tiff", "avif"])
def test_a_scene_of_a_rarer_format_is_read_like_any(scenes: Path, suffix: str) -> None:
    page = Image.new("RGB", (100, 50), "white")
    page.paste("black", (40, 15, 60, 35))
    page.save(scenes / f"images/train/e.{suffix}")
    (scenes / "labels/train/e.txt").write_text("0 0.5 0.5 0.2 0.4\n")
    [scene] = [each for each in read_scenes(scenes).scenes if each.path.suffix == f".{suffix}"]
    np.testing.assert_allclose(scene.boxes, [[40, 15, 60, 35]], atol=1e-4)
    pixels, boxes, _ = load_page(scene, 100)
    x0, y0, x1, y1 = (int(each) for each in boxes[0])
    assert pixels[y0 + 2 : y1 - 2, x0 + 2 : x1 - 2].max() < 30
    assert pixels[y0 + 2, x0 - 3].min() > 225


def test_copies_of_a_drawing_stay_on_one_side(scenes: Path) -> None:
    read = read_scenes(scenes)
    for seed in range(10):
        sides = divide(read, 0.25, 0.25, seed)
        groups = [{scene.group for scene in side} for side in sides.values()]
        assert [len(each) for each in groups] == [2, 1, 1]
        assert len(set.union(*groups)) == 4


def test_the_real_scenes() -> None:
    read = read_scenes(shared_folder("data") / "sketch_scenes")
    assert (len(read.scenes), len({scene.group for scene in read.scenes}), len(read.classes)) == (151, 57, 7)
    assert sum(len(scene.boxes) for scene in read.scenes) == 892
