from __future__ import annotations

import re
import unicodedata
from pathlib import Path

import pytest

from model_training.datasets.folders import check_classes, is_procedural, list_folder
from model_training.datasets.tree import MARKER
from model_training.runtime.errors import DatasetError


def fill(root: Path, counts: dict[str, int]) -> Path:
    for folder, count in counts.items():
        (root / folder).mkdir(parents=True)
        for number in range(count):
            (root / folder / f"{number}.jpg").write_bytes(b"")
    return root


def test_one_folder_per_class(tmp_path: Path) -> None:
    dataset = check_classes(list_folder(fill(tmp_path, {"japan": 5, "china": 6})))
    assert dataset.labels == ("china", "japan")
    assert len(dataset.entries) == 11
    assert {entry.split for entry in dataset.entries} == {None}
    assert [entry.path for entry in dataset.entries] == sorted(entry.path for entry in dataset.entries)


def test_a_further_folder_is_a_further_class(tmp_path: Path) -> None:
    assert check_classes(list_folder(fill(tmp_path, {"china": 5, "japan": 5, "korea": 5}))).labels == (
        "china",
        "japan",
        "korea",
    )


@pytest.mark.parametrize("validation", ["val", "valid", "Validation"])
def test_given_splits(tmp_path: Path, validation: str) -> None:
    counts = {"train/a": 3, "train/b": 3, f"{validation}/a": 1, f"{validation}/b": 1, "test/a": 2, "test/b": 2}
    dataset = check_classes(list_folder(fill(tmp_path, counts)))
    assert dataset.labels == ("a", "b")
    assert [entry.split for entry in dataset.entries].count("validation") == 2
    assert [entry.split for entry in dataset.entries].count("test") == 4


def test_hangul_and_spaces_are_class_names(tmp_path: Path) -> None:
    decomposed = unicodedata.normalize("NFD", "산수화")
    dataset = check_classes(list_folder(fill(tmp_path, {decomposed: 5, "ink wash": 5})))
    assert dataset.labels == ("ink wash", "산수화")


def test_a_class_named_test_is_no_split_without_train(tmp_path: Path) -> None:
    assert check_classes(list_folder(fill(tmp_path, {"test": 5, "control": 5}))).labels == ("control", "test")


def test_hidden_and_other_files_are_passed_over(tmp_path: Path) -> None:
    fill(tmp_path, {"a": 5, "b": 5, ".cache": 3})
    (tmp_path / "a" / "notes.txt").write_text("no picture")
    (tmp_path / "a" / ".DS_Store.jpg").write_bytes(b"")
    assert len(check_classes(list_folder(tmp_path)).entries) == 10


@pytest.mark.parametrize(
    ("counts", "named"),
    [
        ({"china": 8}, "only the class 'china'"),
        ({}, "no class folder"),
        ({"china": 8, "japan": 0}, "japan: the class has no picture"),
        ({"china": 8, "japan": 4}, "'japan' has 4 pictures"),
        ({"train/a": 3, "train/b": 3, "test/a": 1}, "'b' has no picture in test"),
    ],
)
def test_a_folder_that_cannot_be_used_is_named_in_one_line(tmp_path: Path, counts: dict[str, int], named: str) -> None:
    with pytest.raises(DatasetError, match=re.escape(named)) as raised:
        check_classes(list_folder(fill(tmp_path, counts)))
    assert "\n" not in str(raised.value)
    assert raised.value.remedy


def test_a_missing_folder(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match="there is no such folder"):
        check_classes(list_folder(tmp_path / "nowhere"))


def test_folders_inside_a_class_are_its_attributes(tmp_path: Path) -> None:
    dataset = list_folder(fill(tmp_path, {"AI/Green/overhead": 1, "AI/Red": 1, "Real": 1}), ("colour", "view"))
    facts = {dataset.place(entry): (entry.label, dict(entry.columns)) for entry in dataset.entries}
    assert facts == {
        "AI/Green/overhead/0.jpg": ("AI", {"colour": "Green", "view": "overhead"}),
        "AI/Red/0.jpg": ("AI", {"colour": "Red", "view": ""}),
        "Real/0.jpg": ("Real", {"colour": "", "view": ""}),
    }
    deeper = list_folder(tmp_path, ("colour",))
    assert dict(deeper.entries[0].columns) == {"colour": "Green"}


@pytest.mark.parametrize("said", ["[" * 100_000, "{", b"\xff"])
def test_a_marker_that_is_no_json_is_named_in_one_line(tmp_path: Path, said: str | bytes) -> None:
    (tmp_path / MARKER).write_bytes(said.encode() if isinstance(said, str) else said)
    with pytest.raises(DatasetError, match=r"procedural\.json: this is no JSON"):
        is_procedural(tmp_path)
