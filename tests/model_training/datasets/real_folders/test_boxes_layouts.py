"""Folders of YOLO's labels as tools lay them out: the boxes that are read."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest

from tests.model_training.datasets.real_folders.labelled_folder import Row, lay, read

PICTURE = (100, 50)
LINE = "1 0.5 0.5 0.2 0.4\n"
TREE: Row = ("tree", 40, 15, 60, 35)
HOUSE: Row = ("house", 40, 15, 60, 35)
NAMES = "names: [house, tree]\n"
LIST = "house\ntree\n"

LAYOUTS: dict[str, tuple[Mapping[str, object], str, dict[str, list[Row]]]] = {
    "images and labels": (
        {"data.yaml": NAMES, "images/a.png": PICTURE, "labels/a.txt": LINE},
        ".",
        {"images/a.png": [TREE]},
    ),
    "Roboflow": (
        {
            "data.yaml": f"train: ../train/images\nval: ../valid/images\ntest: ../test/images\nnc: 2\n{NAMES}",
            "train/images/a.png": PICTURE,
            "train/labels/a.txt": LINE,
            "valid/images/b.png": PICTURE,
            "valid/labels/b.txt": LINE,
            "test/images/c.png": PICTURE,
            "test/labels/c.txt": "",
            "README.roboflow.txt": "exported",
        },
        ".",
        {"train/images/a.png": [TREE], "valid/images/b.png": [TREE], "test/images/c.png": []},
    ),
    "Ultralytics, any name": (
        {
            "houses.yaml": f"path: ../datasets/houses\ntrain: images/train\nval: images/val\n{NAMES}",
            "images/train/a.png": PICTURE,
            "labels/train/a.txt": LINE,
            "images/val/b.png": PICTURE,
            "labels/val/b.txt": LINE,
        },
        ".",
        {"images/train/a.png": [TREE], "images/val/b.png": [TREE]},
    ),
    "a dataset file beside its folder": (
        {
            "houses.yaml": f"path: sets/houses\ntrain: images\n{NAMES}",
            "sets/houses/images/a.png": PICTURE,
            "sets/houses/labels/a.txt": LINE,
            "other/images/z.png": PICTURE,
        },
        "houses.yaml",
        {"sets/houses/images/a.png": [TREE]},
    ),
    "a dataset file in a folder of its own": (
        {
            "settings/houses.yml": f"path: ../houses\ntrain: images\n{NAMES}",
            "houses/images/a.png": PICTURE,
            "houses/labels/a.txt": LINE,
        },
        "settings",
        {"houses/images/a.png": [TREE]},
    ),
    "paths of a Windows machine": (
        {
            "data.yaml": f"train: 'C:\\Users\\me\\houses\\train\\images'\n{NAMES}",
            "train/images/a.png": PICTURE,
            "train/labels/a.txt": LINE,
        },
        ".",
        {"train/images/a.png": [TREE]},
    ),
    "a dataset file below, without path": (
        {
            "settings/houses.yaml": f"train: ../images/train\n{NAMES}",
            "images/train/a.png": PICTURE,
            "labels/train/a.txt": LINE,
        },
        "settings/houses.yaml",
        {"images/train/a.png": [TREE]},
    ),
    "a list of pictures in another folder": (
        {
            "settings/houses.yaml": f"train: train.txt\n{NAMES}",
            "settings/train.txt": "../images/a.png\n",
            "images/a.png": PICTURE,
            "labels/a.txt": LINE,
        },
        "settings/houses.yaml",
        {"images/a.png": [TREE]},
    ),
    "another export beside, which `../` would mean": (
        {
            "mine/data.yaml": f"train: ../train/images\n{NAMES}",
            "mine/train/images/a.png": PICTURE,
            "mine/train/labels/a.txt": LINE,
            "train/images/z.png": PICTURE,
            "train/labels/z.txt": LINE,
        },
        "mine",
        {"mine/train/images/a.png": [TREE]},
    ),
    "several folders": (
        {
            "data.yaml": f"train: [one/images, two/images]\n{NAMES}",
            "one/images/a.png": PICTURE,
            "one/labels/a.txt": LINE,
            "two/images/b.png": PICTURE,
            "two/labels/b.txt": LINE,
        },
        ".",
        {"one/images/a.png": [TREE], "two/images/b.png": [TREE]},
    ),
    "a list of pictures": (
        {
            "data.yaml": f"train: train.txt\n{NAMES}",
            "train.txt": "./images/a.png\ndata/images/b.png\n",
            "images/a.png": PICTURE,
            "images/b.png": PICTURE,
            "images/left out.png": PICTURE,
            "labels/a.txt": LINE,
            "labels/b.txt": LINE,
        },
        ".",
        {"images/a.png": [TREE], "images/b.png": [TREE]},
    ),
    "LabelImg": (
        {"a.png": PICTURE, "a.txt": LINE, "b.png": PICTURE, "b.txt": LINE, "classes.txt": LIST},
        ".",
        {"a.png": [TREE], "b.png": [TREE]},
    ),
    "LabelImg, by its list": ({"a.png": PICTURE, "a.txt": LINE, "classes.txt": LIST}, "classes.txt", {"a.png": [TREE]}),
    "Label Studio's YOLO": (
        {
            "classes.txt": LIST,
            "notes.json": {"categories": [{"id": 0, "name": "house"}], "info": {}},
            "images/0a1b2c3d-a.png": PICTURE,
            "labels/0a1b2c3d-a.txt": LINE,
        },
        ".",
        {"images/0a1b2c3d-a.png": [TREE]},
    ),
    "Label Studio's labels beside one's own pictures": (
        {"classes.txt": LIST, "photos/a.png": PICTURE, "labels/0a1b2c3d-a.txt": LINE},
        ".",
        {"photos/a.png": [TREE]},
    ),
    "Darknet as CVAT writes it": (
        {
            "obj.data": "classes = 2\ntrain = data/train.txt\nnames = data/obj.names\n",
            "obj.names": LIST,
            "train.txt": "data/obj_train_data/a.png\n",
            "obj_train_data/a.png": PICTURE,
            "obj_train_data/a.txt": LINE,
        },
        ".",
        {"obj_train_data/a.png": [TREE]},
    ),
    "Darknet as Roboflow writes it, a list a folder": (
        {
            "train/_darknet.labels": LIST,
            "train/a.png": PICTURE,
            "train/a.txt": LINE,
            "valid/_darknet.labels": "tree\nhouse\n",
            "valid/b.png": PICTURE,
            "valid/b.txt": LINE,
        },
        ".",
        {"train/a.png": [TREE], "valid/b.png": [HOUSE]},
    ),
    "labels below the pictures": (
        {"data.yaml": NAMES, "set/a.png": PICTURE, "set/labels/a.txt": LINE},
        ".",
        {"set/a.png": [TREE]},
    ),
    "folders of any name": (
        {"classes.txt": LIST, "jpg/a.png": PICTURE, "txt/a.txt": LINE},
        ".",
        {"jpg/a.png": [TREE]},
    ),
    "large letters": (
        {"data.yaml": NAMES, "Images/A.PNG": PICTURE, "Labels/A.TXT": LINE},
        ".",
        {"Images/A.PNG": [TREE]},
    ),
    "a decomposed name": (
        {"data.yaml": NAMES, "images/\u1112\u1161\u11ab.png": PICTURE, "labels/\ud55c.txt": LINE},
        ".",
        {"images/\u1112\u1161\u11ab.png": [TREE]},
    ),
    "two images folders, one in the other": (
        {"data.yaml": NAMES, "images/images/a.png": PICTURE, "images/labels/a.txt": LINE},
        ".",
        {"images/images/a.png": [TREE]},
    ),
    "what a Mac and a network drive add": (
        {
            "data.yaml": NAMES,
            "images/a.png": PICTURE,
            "images/._a.png": b"junk",
            "images/@eaDir/a.png": b"junk",
            "__MACOSX/images/b.png": b"junk",
            "labels/a.txt": LINE,
        },
        ".",
        {"images/a.png": [TREE]},
    ),
}


@pytest.mark.parametrize("name", LAYOUTS)
def test_layouts(tmp_path: Path, name: str) -> None:
    files, place, expected = LAYOUTS[name]
    assert read(lay(tmp_path, files), place)[0] == expected
