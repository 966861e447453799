"""COCO's JSON as tools leave it: the boxes that are read, and what is said."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from model_training.detection.formats import read_scenes
from model_training.runtime.errors import DatasetError
from tests.model_training.datasets.real_folders.labelled_folder import Row, lay, read

PICTURE = (100, 50)
TREE: Row = ("tree", 10, 5, 30, 35)
CATEGORIES = [{"id": 7, "name": "tree"}, {"id": 3, "name": "house"}]
IMAGE = {"id": 1, "file_name": "a.png", "width": 100, "height": 50}
BOX = {"id": 5, "image_id": 1, "category_id": 7, "bbox": [10, 5, 20, 30]}


def coco(**changes: object) -> dict[str, object]:
    return {"categories": CATEGORIES, "images": [IMAGE], "annotations": [BOX]} | changes


def mask(box: tuple[int, int, int, int], *, packed: bool) -> dict[str, object]:
    """Run lengths by COCO's own code."""
    masks = pytest.importorskip("pycocotools.mask", reason="needs requirements/detector.txt (make .venv/detector)")
    pixels = np.zeros((50, 100), np.uint8, order="F")
    pixels[box[1] : box[3], box[0] : box[2]] = 1
    if packed:
        found = masks.encode(pixels)
        return {"size": found["size"], "counts": found["counts"].decode()}
    changes = np.flatnonzero(np.diff(pixels.ravel("F"), prepend=0, append=1 - pixels[-1, -1])) if box else []
    runs = np.diff([0, *changes])
    return {"size": [50, 100], "counts": [int(each) for each in runs]}


def annotated(**changes: object) -> dict[str, object]:
    return coco(annotations=[BOX | changes])


ONE = {"a.png": [TREE]}
READ: dict[str, tuple[dict[str, object], dict[str, list[Row]]]] = {
    "plain": (coco(), ONE),
    "float ids": (coco(images=[IMAGE | {"id": 1.0}], annotations=[BOX | {"category_id": 7.0}]), ONE),
    "ids as strings": (coco(images=[IMAGE | {"id": "1"}], annotations=[BOX | {"category_id": "7"}]), ONE),
    "ids that are words": (coco(images=[IMAGE | {"id": "x1"}], annotations=[BOX | {"image_id": "x1"}]), ONE),
    "float boxes": (annotated(bbox=[10.0, 5.0, 20.0, 30.0]), ONE),
    "boxes of strings": (annotated(bbox=["10", "5", "20", "30"]), ONE),
    "no bbox, an outline": (
        coco(annotations=[{"image_id": 1, "category_id": 7, "segmentation": [[10, 5, 30, 5, 20, 35]]}]),
        ONE,
    ),
    "null bbox, an outline in two parts": (
        annotated(bbox=None, segmentation=[[10, 5, 20, 5, 12, 9], [15, 9, 30, 35, 20, 20]]),
        ONE,
    ),
    "empty bbox, an outline": (annotated(bbox=[], segmentation=[[10, 5, 30, 5, 20, 35]]), ONE),
    "Windows' paths": (coco(images=[IMAGE | {"file_name": "images\\train\\a.png"}]), ONE),
    "CVAT's prefix": (coco(images=[IMAGE | {"file_name": "default/sub/a.png"}]), ONE),
    "Label Studio's prefix": (coco(images=[IMAGE | {"file_name": "images/0a1b2c3d-a.png"}]), ONE),
    "Label Studio's address": (
        coco(images=[IMAGE | {"file_name": "http://localhost:8080/data/upload/1/0a1b2c3d-a.png"}]),
        ONE,
    ),
    "Label Studio's local file": (coco(images=[IMAGE | {"file_name": "/data/local-files/?d=photos/a.png"}]), ONE),
    "a path of another machine": (coco(images=[IMAGE | {"file_name": "/home/you/set/a.png"}]), ONE),
    "no file_name but an address": (coco(images=[{"id": 1, "coco_url": "http://images.example/train/a.png"}]), ONE),
    "no file_name, named by its id": (coco(images=[{"id": "a"}], annotations=[BOX | {"image_id": "a"}]), ONE),
    "another suffix": (coco(images=[IMAGE | {"file_name": "a.jpg"}]), ONE),
    "other letters": (coco(images=[IMAGE | {"file_name": "A.PNG"}]), ONE),
    "no size": (coco(images=[{"id": 1, "file_name": "a.png"}]), ONE),
    "a size of 0": (coco(images=[IMAGE | {"width": 0, "height": 0}]), ONE),
    "a smaller copy": (
        coco(images=[IMAGE | {"width": 200, "height": 100}], annotations=[BOX | {"bbox": [20, 10, 40, 60]}]),
        ONE,
    ),
    "Roboflow's heading": (
        coco(
            categories=[
                {"id": 0, "name": "things", "supercategory": "none"},
                {"id": 7, "name": "tree", "supercategory": "things"},
            ]
        ),
        ONE,
    ),
}


@pytest.mark.parametrize("name", READ)
def test_boxes(tmp_path: Path, name: str) -> None:
    content, expected = READ[name]
    assert read(lay(tmp_path, {"a.png": PICTURE, "labels.json": content}))[0] == expected


def test_categories_are_in_the_order_of_their_ids(tmp_path: Path) -> None:
    many = [{"id": number, "name": f"c{number}"} for number in (10, 9, 7)]
    scenes = read_scenes(lay(tmp_path, {"a.png": PICTURE, "labels.json": coco(categories=many)}))
    assert (scenes.classes, scenes.scenes[0].classes.tolist()) == (("c7", "c9", "c10"), [0])


def test_the_heading_is_no_class(tmp_path: Path) -> None:
    scenes = read_scenes(lay(tmp_path, {"a.png": PICTURE, "labels.json": READ["Roboflow's heading"][0]}))
    assert scenes.classes == ("tree",)


@pytest.mark.parametrize("packed", [True, False])
@pytest.mark.parametrize(
    "box", [(10, 5, 30, 35), (0, 0, 100, 50), (99, 49, 100, 50), (0, 0, 1, 1), (20, 0, 40, 50), (3, 7, 4, 40)]
)
def test_masks_have_the_box_that_they_were_drawn_by(
    tmp_path: Path, box: tuple[int, int, int, int], packed: bool
) -> None:
    content = annotated(bbox=None, segmentation=mask(box, packed=packed))
    boxes, found = read(lay(tmp_path, {"a.png": PICTURE, "labels.json": content}))
    assert boxes == {"a.png": [("tree", *map(float, box))]}
    assert found["outlines, read as the boxes around them"] == 1


LEFT_OUT: dict[str, tuple[dict[str, object], str]] = {
    "null bbox": ({"bbox": None}, "labels without a readable box, left out"),
    "empty bbox": ({"bbox": []}, "labels without a readable box, left out"),
    "no bbox": ({}, "labels without a readable box, left out"),
    "a bbox of zeros": ({"bbox": [0, 0, 0, 0]}, "boxes smaller than a pixel, left out"),
    "a bbox below zero": ({"bbox": [30, 30, -20, -20]}, "labels without a readable box, left out"),
    "a bbox of words": ({"bbox": ["a", 1, 2, 3]}, "labels without a readable box, left out"),
    "infinity": ({"bbox": [1, 1, float("inf"), 3]}, "labels without a readable box, left out"),
    "damaged runs": ({"segmentation": {"size": [50, 100], "counts": "!!"}}, "labels without a readable box, left out"),
    "runs of another size": (
        {"segmentation": {"size": [50, 100], "counts": [1, 2]}},
        "labels without a readable box, left out",
    ),
    "an odd outline": ({"segmentation": [[1, 2, 3]]}, "labels without a readable box, left out"),
    "no category": ({"bbox": [1, 1, 5, 5], "category_id": None}, "labels without a class, left out"),
    "an orphan": ({"bbox": [1, 1, 5, 5], "image_id": 99}, "annotations of no image (orphans), left out"),
    "an orphan without image": (
        {"bbox": [1, 1, 5, 5], "image_id": None},
        "annotations of no image (orphans), left out",
    ),
    "a crowd": ({"bbox": [1, 1, 5, 5], "iscrowd": 1}, "crowds (iscrowd), left out"),
}


@pytest.mark.parametrize("name", LEFT_OUT)
def test_what_is_left_out_is_counted(tmp_path: Path, name: str) -> None:
    changes, said = LEFT_OUT[name]
    other = {"id": 6, "image_id": 1, "category_id": 7} | changes
    boxes, found = read(lay(tmp_path, {"a.png": PICTURE, "labels.json": coco(annotations=[BOX, other])}))
    assert boxes == ONE
    assert found == {said: 1, "classes without a box": 1}


def test_a_picture_of_which_only_the_crowd_is_labelled_is_no_empty_page(tmp_path: Path) -> None:
    images = [IMAGE, IMAGE | {"id": 2, "file_name": "b.png"}, IMAGE | {"id": 3, "file_name": "c.png"}]
    crowd = {"id": 6, "image_id": 2, "category_id": 7, "bbox": [1, 1, 9, 9], "iscrowd": 1}
    content = coco(images=images, annotations=[BOX, crowd])
    boxes, found = read(lay(tmp_path, {"a.png": PICTURE, "b.png": PICTURE, "c.png": PICTURE, "labels.json": content}))
    assert boxes == {"a.png": [TREE], "c.png": []}
    assert found["pictures none of whose labels is a box, left out"] == 1
    assert found["pictures without a label, read as showing no object"] == 1


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "cp949"])
def test_encodings(tmp_path: Path, encoding: str) -> None:
    text = json.dumps(coco(categories=[{"id": 7, "name": "나무"}]), ensure_ascii=False)
    boxes, _ = read(lay(tmp_path, {"a.png": PICTURE, "labels.json": text.encode(encoding)}))
    assert boxes == {"a.png": [("나무", 10, 5, 30, 35)]}


def test_several_files_are_one_dataset_by_the_names_of_their_categories(tmp_path: Path) -> None:
    other = coco(categories=[{"id": 1, "name": "tree"}], annotations=[BOX | {"category_id": 1}])
    files = {
        "train/_annotations.coco.json": coco(),
        "train/a.png": PICTURE,
        "valid/_annotations.coco.json": other,
        "valid/a.png": PICTURE,
    }
    scenes = read_scenes(lay(tmp_path, files))
    assert read(tmp_path)[0] == {"train/a.png": [TREE], "valid/a.png": [TREE]}
    assert scenes.classes == ("house", "tree")


@pytest.mark.parametrize("place", [".", "annotations", "annotations/instances_train.json"])
def test_cvats_layout(tmp_path: Path, place: str) -> None:
    lay(tmp_path, {"annotations/instances_train.json": coco(), "images/train/a.png": PICTURE})
    assert read(tmp_path, place)[0] == {"images/train/a.png": [TREE]}


def test_two_files_that_label_one_picture_the_same_count_once(tmp_path: Path) -> None:
    lay(tmp_path, {"a.png": PICTURE, "instances.json": coco(), "person_keypoints.json": coco()})
    boxes, found = read(tmp_path)
    assert boxes == ONE
    assert found["boxes that are there twice, taken once"] == 1


def test_captions_and_lists_of_test_pictures_are_no_labels(tmp_path: Path) -> None:
    captions = {"images": [IMAGE], "annotations": [{"id": 1, "image_id": 1, "caption": "a tree"}]}
    test = {"images": [IMAGE | {"id": 2, "file_name": "b.png"}], "categories": CATEGORIES}
    files = {"instances_train.json": coco(), "captions_train.json": captions, "image_info_test.json": test}
    lay(tmp_path, {"images/a.png": PICTURE, **{f"annotations/{name}": content for name, content in files.items()}})
    boxes, found = read(tmp_path)
    assert boxes == {"images/a.png": [TREE]}
    assert found["JSON and XML files that hold no labels, left out"] == 2


def test_a_picture_that_is_not_there_is_counted(tmp_path: Path) -> None:
    content = coco(images=[IMAGE, IMAGE | {"id": 2, "file_name": "gone.png"}])
    boxes, found = read(lay(tmp_path, {"a.png": PICTURE, "labels.json": content}))
    assert boxes == ONE
    assert found["labelled pictures that are not there or of whose name there are several, left out"] == 1


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (
            coco(images=[IMAGE | {"file_name": "gone.png"}]),
            r"the picture 'gone\.png' is missing, or there are several",
        ),
        (coco(categories=[{"id": 3, "name": "house"}]), r"annotation 5 is of category 7"),
        (coco(categories=None), r"is no COCO file: it has no list 'categories'"),
        (coco(annotations=[]), r"no scene has a box"),
        (coco(annotations=[BOX | {"iscrowd": 1}]), r"no scene has a box \(crowds \(iscrowd\), left out: 1"),
        (
            coco(annotations=[BOX | {"bbox": [200, 5, 20, 30]}]),
            r"the box \(200, 5, 220, 35\) lies outside its picture of 100×50",
        ),
        (coco(images=[IMAGE | {"width": 100, "height": 80}]), r"no scene has a box \(pictures of another shape"),
        ("{", r"labels\.json: this is no JSON"),
        ("[" * 100_000, r"labels\.json: this is nested too deeply|no JSON"),
        (b"\xff\xfe\xff", r"labels\.json"),
        ({"a": 1}, r"there are no labels that can be read .*YOLO, COCO"),
    ],
)
def test_what_is_refused(tmp_path: Path, content: object, message: str) -> None:
    with pytest.raises(DatasetError, match=message) as error:
        read_scenes(lay(tmp_path, {"a.png": PICTURE, "labels.json": content}))
    assert "\n" not in str(error.value)
