"""`hwapung data check` on folders of labelled scenes."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.running import run

from .labelled_folder import lay
from .trees import plant

SCENES = {
    "data.yaml": "names: [tree, house, cat]\n",
    "images/train/a.png": (100, 50),
    "images/val/b.png": (100, 50),
    "labels/train/a.txt": "0 .2 .4 .2 .6\n1 .5 .3 .2 .2\n",
    "labels/val/b.txt": "0 .2 .4 .2 .6\n",
    "notes.docx": b"x",
}


def check(capsys: pytest.CaptureFixture[str], folder: Path, *more: str) -> tuple[int, str, str]:
    status, out, err = run(capsys, "data", "check", str(folder), "--build", str(folder.parent / "build"), *more)
    return status, out, " ".join(err.split())


def test_labelled_scenes_are_counted_by_class(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = lay(tmp_path / "scenes", SCENES)
    status, out, err = check(capsys, folder)
    assert (status, err) == (0, "")
    assert out.splitlines() == [
        f"{folder}: 2 labelled scenes with 3 boxes",
        "boxes by class: tree 2, house 1, cat 0",
        "files that are neither pictures nor labels, left out: 1 (notes.docx)",
        "classes without a box: 1 (cat)",
    ]
    told = json.loads(check(capsys, folder, "--json")[1])["labelled"]
    assert told["boxes"] == {"tree": 2, "house": 1, "cat": 0}
    [box] = [boxes for path, boxes in told["scenes"].items() if path.endswith("b.png")]
    assert [each["class"] for each in box] == ["tree"]
    assert box[0]["box"] == pytest.approx([10, 5, 30, 35])


def test_what_is_wrong_with_labels_is_said(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = lay(tmp_path / "scenes", SCENES | {"labels/val/b.txt": "7 .2 .4 .2 .6\n"})
    status, out, err = check(capsys, folder)
    assert (status, out) == (2, "")
    assert "b.txt, line 1: the class index 7 is out of range" in err


def test_classes_are_checked_as_before(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    few = plant(tmp_path / "few", ["a/*6", "b/*2"])
    (few / "a/settings.json").write_text("{")
    status, out, err = check(capsys, few)
    assert status == 2
    assert "classes: a 6, b 2" in out
    assert "the class 'b' has 2 pictures, fewer than 5" in err
