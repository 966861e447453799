"""YOLO's lines and names: the boxes that are read, and what is said."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from model_training.datasets import file_kinds
from model_training.detection.formats import read_scenes
from model_training.runtime.errors import DatasetError
from tests.model_training.datasets.real_folders.labelled_folder import Row, lay, read

PICTURE = (100, 50)
LINE = "1 0.5 0.5 0.2 0.4\n"
TREE: Row = ("tree", 40, 15, 60, 35)
HOUSE: Row = ("house", 40, 15, 60, 35)
NAMES = "names: [house, tree]\n"
LIST = "house\ntree\n"


def yolo(root: Path, lines: str | bytes, names: str | bytes = NAMES) -> Path:
    return lay(root, {"data.yaml": names, "images/a.png": PICTURE, "labels/a.txt": lines})


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        ("names: house\n", ["house"]),
        ("names: house, tree\n", ["house", "tree"]),
        ("names: {0: house, 1: tree}\n", ["house", "tree"]),
        ("names:\n  1: tree\n  0: house\n", ["house", "tree"]),
        ("names: {0: house, 16: dog}\n", ["house", "dog"]),
        ("names: [no, yes, 007, 2024-01-01]\n", ["no", "yes", "007", "2024-01-01"]),
        ("names: ['\u1112\u1161\u11ab\u110b\u1169\u11a8']\n", ["한옥"]),
        ("names: [한옥, 나무]\n".encode("cp949"), ["한옥", "나무"]),
        ("\ufeffnames: [한옥, 나무]\n".encode(), ["한옥", "나무"]),
        ("names: [한옥, 나무]\n".encode("utf-16"), ["한옥", "나무"]),
        ("names: house.names\n", ["hut", "shed"]),
    ],
)
def test_names(tmp_path: Path, names: str | bytes, expected: list[str]) -> None:
    (tmp_path / "house.names").write_text("hut\nshed\n")
    scenes = read_scenes(yolo(tmp_path, "0 0.5 0.5 0.2 0.4\n", names))
    assert list(scenes.classes) == expected
    assert scenes.scenes[0].classes.tolist() == [0]


def test_a_dictionary_of_names_says_which_index_is_which(tmp_path: Path) -> None:
    boxes, _ = read(yolo(tmp_path, "16 0.5 0.5 0.2 0.4\n", "names: {2: house, 16: tree}\n"))
    assert boxes == {"images/a.png": [TREE]}


@pytest.mark.parametrize(
    ("line", "expected", "said"),
    [
        ("1 0.5 0.5 0.2 0.4 0.93", TREE, "a sixth column (confidence), left out"),
        ("1 0.4 0.3 0.6 0.3 0.5 0.7", TREE, "outlines, read as the boxes around them"),
        ("1 0.4 0.3 0.6 0.3 0.6 0.7 0.4 0.7", TREE, "outlines, read as the boxes around them"),
        ("1 0.4 0.3 0.6 0.3 0.5 0.7 0.88", TREE, "outlines, read as the boxes around them"),
        ("1.0 0.5 0.5 2e-1 4E-1", TREE, None),
        ("1\t0.5 0.5  0.2 0.4 \r", TREE, None),
        ("1 0.95 0.5 0.2 0.4", ("tree", 85, 15, 100, 35), "boxes that reached over the edge, cut at it"),
        ("1 0.5 0.5 0.2 0.4\n1 0.5 0.5 0.2 0.4", TREE, "boxes that are there twice, taken once"),
        ("1 0.5 0.5 0.2 0.4\n1 0.5 0.5 0 0.4", TREE, "boxes smaller than a pixel, left out"),
        ("1 0.5 0.5 0.2 0.4\n1 0.5 0.5 -0.2 0.4", TREE, "labels without a readable box, left out"),
    ],
)
def test_lines(tmp_path: Path, line: str, expected: Row, said: str | None) -> None:
    boxes, found = read(yolo(tmp_path, line))
    assert boxes == {"images/a.png": [expected]}
    assert {what: count for what, count in found.items() if "without a box" not in what} == ({said: 1} if said else {})


def test_keypoints_stand_behind_their_box(tmp_path: Path) -> None:
    names = f"kpt_shape: [1, 2]\n{NAMES}"
    boxes, found = read(yolo(tmp_path, "1 0.5 0.5 0.2 0.4 0.9 0.9\n", names))
    assert boxes == {"images/a.png": [TREE]}
    assert found["keypoints behind a box, left out"] == 1


@pytest.mark.parametrize(
    ("lines", "names", "message"),
    [
        (
            "1 .5 .5 .2 .2\n2 .5 .5 .1 .1",
            NAMES,
            r"index 2 is out of range.* no label has 0: they count from 1.*names: \{1: house",
        ),
        (
            "0 .5 .5 .2 .2\n15 .5 .5 .1 .1",
            NAMES,
            r"index 15 is out of range.*the labels have 0, 15. Say which index is which",
        ),
        (
            "0 .5 .5 .2 .2\n1 .5 .5 .1 .1\n2 .4 .4 .1 .1",
            NAMES,
            r"names 2 classes, 0 to 1; the labels have 0, 1, 2\. Name all",
        ),
        ("-1 .5 .5 .2 .2", NAMES, r"a\.txt, line 1: the class index -1 is out of range"),
        ("1 50 25 20 20", NAMES, r"line 1: the box lies outside its picture. .*divide pixels"),
        ("1 1.5 .5 .2 .2", NAMES, r"line 1: the box lies outside its picture"),
        ("1 0,5 0,5 0,2 0,4", NAMES, r"'1 0,5 0,5 0,2 0,4' is not a class and four numbers"),
        ("1 .5 nan .2 .2", NAMES, r"is not a class and four numbers"),
        ("1 .5 .5 .2", NAMES, r"is not a class and four numbers"),
        ("tree .5 .5 .2 .2", NAMES, r"is not a class and four numbers"),
        (LINE, "names: []\n", r"data\.yaml: the classes can't be read"),
        (LINE, "nc: 2\n", r"data\.yaml: the classes can't be read"),
        (LINE, "names: {a: house}\n", r"'house'|a is named"),
        (LINE, "names: [house\n", r"data\.yaml: this is no YAML"),
        (LINE, b"names: [\xff\xff]\n", r"data\.yaml"),
        (LINE, "- a\n- b\n", r"data\.yaml: the classes can't be read"),
        ("", NAMES, r"no scene has a box"),
    ],
)
def test_what_is_refused(tmp_path: Path, lines: str, names: str | bytes, message: str) -> None:
    with pytest.raises(DatasetError, match=message) as error:
        read_scenes(yolo(tmp_path, lines, names))
    assert "\n" not in str(error.value)


def test_labels_without_any_names_say_what_to_write(tmp_path: Path) -> None:
    lay(tmp_path, {"a.png": PICTURE, "a.txt": "3 .5 .5 .2 .2\n7 .5 .5 .3 .3\n"})
    with pytest.raises(DatasetError, match=r"Name the classes in classes\.txt beside the labels.* have 3, 7"):
        read_scenes(tmp_path)


def test_several_dataset_files_are_asked_about(tmp_path: Path) -> None:
    lay(tmp_path, {"a.yaml": NAMES, "b.yaml": NAMES, "images/a.png": PICTURE, "labels/a.txt": LINE})
    with pytest.raises(DatasetError, match=r"several dataset files: a\.yaml, b\.yaml"):
        read_scenes(tmp_path)
    assert read(tmp_path, "b.yaml")[0] == {"images/a.png": [TREE]}


def test_what_has_no_counterpart_is_counted(tmp_path: Path) -> None:
    lay(
        tmp_path,
        {
            "data.yaml": f"train: images/train\nval: images/val\n{NAMES}",
            "images/train/a.png": PICTURE,
            "images/train/b.png": PICTURE,
            "images/c.png": PICTURE,
            "images/.hidden.png": b"",
            "README.roboflow.txt": "exported",
            "notes.docx": b"",
            "labels/train/a.txt": LINE,
            "labels/train/gone.txt": LINE,
        },
    )
    boxes, found = read(tmp_path)
    assert boxes == {"images/train/a.png": [TREE], "images/train/b.png": []}
    assert found == {
        "hidden files left out": 1,
        "folders that the dataset file names and that are not there": 1,
        "label files without their picture, left out": 1,
        "files that are neither pictures nor labels, left out": 2,
        "pictures that the labels don't name, left out": 1,
        "pictures without a label, read as showing no object": 1,
        "classes without a box": 1,
    }


def test_links_to_folders_are_followed_once(tmp_path: Path) -> None:
    lay(tmp_path / "disk", {"a.png": PICTURE})
    lay(tmp_path / "set", {"data.yaml": NAMES, "labels/a.txt": LINE})
    (tmp_path / "set/images").symlink_to(tmp_path / "disk")
    (tmp_path / "disk/back").symlink_to(tmp_path / "set")
    [scene] = read_scenes(tmp_path / "set").scenes
    assert (scene.path.name, scene.boxes.shape) == ("a.png", (1, 4))


def test_what_is_no_file_is_not_opened(tmp_path: Path) -> None:
    yolo(tmp_path, LINE)
    (tmp_path / "images/gone.png").symlink_to("nowhere.png")
    os.mkfifo(tmp_path / "images/pipe.png")
    boxes, found = read(tmp_path)
    assert boxes == {"images/a.png": [TREE]}
    assert (found["links that lead nowhere, left out"], found["pipes and devices left out"]) == (1, 1)


def test_pictures_are_told_by_content_as_in_folders_of_classes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(file_kinds, "HEIF", False)
    lay(tmp_path, {"data.yaml": NAMES, "a.png": PICTURE, "labels/train/a.txt": LINE, "labels/train/b.txt": LINE})
    lay(tmp_path, {"__MACOSX/images/a.png": b"", "@eadir/b.jfif": b"", "images/film.mp4": b"", "images/Thumbs.db": b""})
    heic = b"\0\0\0\x18ftypheic\0\0\0\0mif1heic"
    lay(tmp_path, {"images/train/c.jpg.1": b"", "images/train/d.heic": heic, "images/.cache/e.png": b""})
    (tmp_path / "a.png").rename(tmp_path / "images/train/a")
    (tmp_path / "images/train/b.jfif").write_bytes((tmp_path / "images/train/a").read_bytes())
    (tmp_path / "images/again").symlink_to("train")
    boxes, found = read(tmp_path)
    assert boxes == {"images/train/a": [TREE], "images/train/b.jfif": [TREE]}
    assert found == {
        "files in folders of the system, left out": 2,
        "files in hidden folders, left out": 1,
        "files of the system left out": 1,
        "films left out": 1,
        "HEIC pictures left out (pip install pi-heif reads them)": 1,
        "files that are neither pictures nor labels, left out": 1,
        "classes without a box": 1,
    }
