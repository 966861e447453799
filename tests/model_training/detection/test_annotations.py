from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from model_training.detection.annotations import divide, read_coco, read_scenes
from model_training.detection.pages import load_page
from model_training.runtime.errors import DatasetError
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


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("2 0.5 0.5 0.2 0.2", r"line 2: the class index 2 is out of range"),
        ("-1 0.5 0.5 0.2 0.2", r"class index -1 is out of range"),
        ("0 1.5 0.5 0.2 0.2", r"box 2 .* lies outside its picture of 100×50"),
        ("0 0.5 0.5 0 0.2", r"box 2 .* or is empty"),
        ("0 0.5 nan 0.2 0.2", r"is not a class and four numbers"),
        ("sun 0.5 0.5 0.2 0.2", r"is not a class and four numbers"),
    ],
)
def test_bad_lines_are_named(scenes: Path, line: str, message: str) -> None:
    (scenes / "labels/train/b.rf.1.txt").write_text(f"0 0.5 0.5 0.2 0.4\n{line}\n")
    with pytest.raises(DatasetError, match=message):
        read_scenes(scenes)


def test_boxes_over_the_edge_are_cut_and_counted(scenes: Path) -> None:
    (scenes / "labels/train/b.rf.1.txt").write_text("0 0.95 0.5 0.2 0.4\n")
    read = read_scenes(scenes)
    assert read.clipped == 1
    np.testing.assert_allclose(read.scenes[2].boxes, [[85, 15, 100, 35]], atol=1e-4)


def coco(folder: Path, **changes: object) -> Path:
    Image.new("RGB", (100, 50)).save(folder / "a.png")
    content = {
        "categories": [{"id": 7, "name": "House"}, {"id": 3, "name": "Sun"}],
        "images": [{"id": 1, "file_name": "a.png"}],
        "annotations": [
            {"id": 1, "image_id": 1, "category_id": 7, "bbox": [10, 5, 20, 30]},
            {"id": 2, "image_id": 1, "category_id": 3, "bbox": [0, 0, 9, 9], "iscrowd": 1},
        ],
    } | changes
    (folder / "scenes.json").write_text(json.dumps(content))
    return folder / "scenes.json"


def test_coco_is_read_by_category_id(tmp_path: Path) -> None:
    read = read_coco(coco(tmp_path))
    assert read.classes == ("Sun", "House")
    np.testing.assert_array_equal(read.scenes[0].boxes, [[10, 5, 30, 35]])
    assert read.scenes[0].classes.tolist() == [1]
    assert len(read_scenes(tmp_path).scenes) == 1


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"images": [{"id": 1, "file_name": "gone.png"}]}, r"the picture 'gone.png' is missing"),
        ({"categories": [{"id": 3, "name": "Sun"}]}, r"annotation 1 is of category 7"),
        ({"categories": None}, r"is no COCO file"),
        ({"annotations": []}, r"no scene has a box"),
    ],
)
def test_bad_coco_is_named(tmp_path: Path, changes: dict[str, object], message: str) -> None:
    with pytest.raises(DatasetError, match=message):
        read_coco(coco(tmp_path, **changes))


def test_a_folder_of_neither_kind(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match=r"neither data\.yaml"):
        read_scenes(tmp_path)


def test_the_real_scenes() -> None:
    read = read_scenes(shared_folder("data") / "sketch_scenes")
    assert (len(read.scenes), len({scene.group for scene in read.scenes}), len(read.classes)) == (151, 57, 7)
    assert sum(len(scene.boxes) for scene in read.scenes) == 892
