"""Labels of several tools: the folders that will do, and what is refused in one line."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest

from model_training.detection.formats import read_scenes
from model_training.runtime.errors import DatasetError
from tests.model_training.datasets.real_folders.labelled_folder import lay, read
from tests.model_training.datasets.real_folders.tool_labels import (
    PICTURE,
    RECTANGLE,
    TREE,
    labelme,
    voc,
    voc_object,
)


@pytest.mark.parametrize("place", ["Annotations", "Annotations/a.xml", "."])
def test_the_labels_own_folder_will_do(tmp_path: Path, place: str) -> None:
    files = {"Annotations/a.xml": voc(voc_object(), name="a.jpg"), "JPEGImages/a.jpg": PICTURE}
    lay(tmp_path, {**files, "SegmentationClass/a.png": PICTURE})
    boxes, _ = read(tmp_path, place)
    assert list(boxes.values()) == [[TREE]]


def test_a_films_frames_are_one_group_and_what_left_the_frame_is_not_on_it(tmp_path: Path) -> None:
    boxes = "".join(
        f'<box frame="{frame}" outside="{outside}" xtl="{left}" ytl="5" xbr="{left + 20}" ybr="35"/>'
        for frame, outside, left in ((0, 0, 10), (1, 0, 11), (2, 1, 12))
    )
    size = "<original_size><width>100</width><height>50</height></original_size>"
    meta = f"<meta>{size}<source>film.mp4</source></meta>"
    track = f'<annotations>{meta}<track id="0" label="tree">{boxes}</track></annotations>'
    lay(tmp_path, {"annotations.xml": track, **{f"images/frame_00000{number}.PNG": PICTURE for number in range(3)}})
    scenes = read_scenes(tmp_path)
    assert read(tmp_path)[0] == {
        "images/frame_000000.PNG": [TREE],
        "images/frame_000001.PNG": [("tree", 11, 5, 31, 35)],
    }
    assert {scene.group for scene in scenes.scenes} == {"film.mp4"}


@pytest.mark.parametrize(
    ("files", "message"),
    [
        (
            {"a.xml": voc(voc_object()), "a.json": labelme(RECTANGLE)},
            r"labels of labelme \(a\.json\) and Pascal VOC \(a\.xml\)\. Give the folder",
        ),
        (
            {"a.xml": voc(voc_object()), "classes.txt": "tree\n", "a.txt": "0 .5 .5 .1 .2\n"},
            r"Pascal VOC \(a\.xml\) and YOLO",
        ),
        ({"a.xml": '<!DOCTYPE x [<!ENTITY a "b">]>' + voc(voc_object("&a;"))}, r"declares entities"),
        ({"a.xml": "<annotation>"}, r"a\.xml: this is no XML"),
        ({"a.xml": ""}, r"a\.xml: this is no XML"),
        ({"a.xml": "<svg/>"}, r"no labels that can be read"),
        (
            {"a.xml": voc(voc_object(box=(200, 5, 230, 35)))},
            r"a\.xml: the box \(200, 5, 230, 35\) lies outside its picture of 100×50",
        ),
        ({"_annotations.csv": b"filename,class,xmin,ymin,xmax,ymax\n\0"}, r"_annotations\.csv"),
        ({}, r"no labels that can be read"),
    ],
)
def test_what_is_refused(tmp_path: Path, files: Mapping[str, object], message: str) -> None:
    with pytest.raises(DatasetError, match=message) as error:
        read_scenes(lay(tmp_path, {"a.png": PICTURE, **files}))
    assert "\n" not in str(error.value)


def test_an_archive_is_to_be_unpacked(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match=r"set\.zip: this is an archive\. Unpack it"):
        read_scenes(tmp_path / "set.zip")


def test_a_folder_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match=r"gone: there is no such folder"):
        read_scenes(tmp_path / "gone")
