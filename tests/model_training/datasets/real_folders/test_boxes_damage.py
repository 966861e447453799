"""Damaged labels of every format: one line, or boxes inside their pictures; never a traceback."""

from __future__ import annotations

import json
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from model_training.detection.annotations import Scenes
from model_training.detection.formats import read_scenes
from model_training.runtime.errors import DatasetError
from tests.model_training.datasets.real_folders.labelled_folder import lay
from tests.model_training.datasets.real_folders.test_boxes_coco import coco
from tests.model_training.datasets.real_folders.test_boxes_tools import CASES

JSON = {
    "COCO": coco(),
    **{
        name: next(content for file, content in CASES[name][0].items() if file.endswith(".json"))
        for name in (
            "labelme",
            "Label Studio",
            "Label Studio, short",
            "Datumaro, a mask",
            "VIA",
            "VIA, a polygon",
            "Create ML",
        )
    },
}
TEXTS: dict[str, tuple[str, str]] = {
    "VOC": ("a.xml", str(CASES["VOC"][0]["a.xml"])),
    "CVAT": ("a.xml", str(CASES["CVAT, a cuboid"][0]["annotations.xml"])),
    "JSON": ("labels.json", json.dumps(coco())),
    "YAML": ("data.yaml", "nc: 2\ntrain: images\nnames: {0: house, 1: tree}\n"),
    "YOLO": ("a.txt", "1 0.5 0.5 0.2 0.4\n0 0.1 0.1 0.2 0.2 0.3 0.1\n"),
    "table": ("_annotations.csv", str(CASES["TensorFlow's table"][0]["_annotations.csv"])),
}
VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=5)
    | st.sampled_from([0, -1, 1e308, "1", "a.png", 10**400]),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["id", "bbox", "name", "x"]), inner, max_size=3)
    ),
    max_leaves=4,
)
SHORT = settings(max_examples=25, suppress_health_check=[HealthCheck.too_slow])


def check(files: dict[str, object]) -> None:
    """Boxes inside their pictures, or one line."""
    with TemporaryDirectory() as folder:
        lay(Path(folder), {"a.png": (100, 50), **files})
        try:
            read = read_scenes(Path(folder))
        except DatasetError as error:
            lines = str(error).count("\n")
        else:
            lines = 0
            check_boxes(read)
    assert not lines


def check_boxes(read: Scenes) -> None:
    for scene in read.scenes:
        assert np.isfinite(scene.boxes).all()
        assert ((scene.boxes >= 0) & (scene.boxes <= [100, 50, 100, 50])).all()
        assert ((scene.classes >= 0) & (scene.classes < len(read.classes))).all()


def places(value: object) -> int:
    """How many values there are in a document, itself included."""
    inside = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return 1 + sum(places(each) for each in inside)


def replaced(value: object, at: int, new: object) -> object:
    """The document with its value number `at` replaced, or without it where `new` is Ellipsis."""
    if at == 0:
        return new
    at -= 1
    keys = list(value) if isinstance(value, dict) else range(len(value))  # type: ignore[arg-type]
    for key in keys:
        count = places(value[key])  # type: ignore[index]
        if at < count:
            inside = replaced(value[key], at, new)  # type: ignore[index]
            if isinstance(value, dict):
                return {
                    name: inside if name == key else each
                    for name, each in value.items()
                    if name != key or inside is not ...
                }
            return [inside if row == key else each for row, each in enumerate(value) if row != key or inside is not ...]  # type: ignore[arg-type]
        at -= count
    raise AssertionError


@pytest.mark.parametrize("name", JSON)
@given(data=st.data())
@SHORT
def test_json_with_a_value_exchanged_or_gone(name: str, data: st.DataObject) -> None:
    content: object = JSON[name]
    for _ in range(data.draw(st.integers(1, 2))):
        at = data.draw(st.integers(1, places(content) - 1)) if places(content) > 1 else 0
        content = replaced(content, at, data.draw(VALUES | st.just(...)) if at else data.draw(VALUES))
    check({"labels.json": json.dumps(content)})


@pytest.mark.parametrize("name", TEXTS)
@given(data=st.data())
@SHORT
def test_files_with_bytes_exchanged_added_or_gone(name: str, data: st.DataObject) -> None:
    file, text = TEXTS[name]
    content = bytearray(text.encode())
    for _ in range(data.draw(st.integers(1, 3))):
        at = data.draw(st.integers(0, len(content)))
        content[at : at + data.draw(st.integers(0, 12))] = data.draw(
            st.binary(max_size=4) | st.sampled_from([b"", b"[", b"9" * 400, b"\n"])
        )
    files: dict[str, object] = {"classes.txt": "house\ntree\n"} if name == "YOLO" else {}
    if name == "YAML":
        files["labels/a.txt"] = "1 0.5 0.5 0.2 0.4\n"
    check({**files, file: bytes(content)})


@pytest.mark.parametrize(
    ("file", "content"),
    [
        ("labels.json", "[" * 100_000),
        ("labels.json", '{"a":' * 100_000),
        ("data.yaml", "[" * 2_000),
        ("data.yaml", "names: " + "{a: " * 2_000),
        ("data.yaml", "names: &a [*a]\n"),
        ("data.yaml", "names: !!python/object/apply:os.system ['true']\n"),
        ("a.xml", "<annotation>" + "<a>" * 100_000),
        ("labels.json", '{"images": [], "annotations": [], "categories": [{"id": 1e999, "name": NaN}]}'),
        ("a.txt", "0 " + "0.5 " * 100_000),
        ("groups.csv", "file,source_drawing\n" + "a" * 200_000),
    ],
)
def test_bombs(file: str, content: str) -> None:
    check({"labels/b.txt": "0 .5 .5 .1 .1\n", file: content})


def test_digits_without_end_beside_pictures_are_no_bomb() -> None:
    check({"notes.txt": "9" * 4_000 + " x"})
