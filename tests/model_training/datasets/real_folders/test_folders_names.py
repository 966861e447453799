"""Classes in the names of files, and names that a recipe and a disk spell differently."""

from __future__ import annotations

from pathlib import Path

import pytest

from model_training.datasets.findings import Findings
from model_training.datasets.folders import check_classes, list_folder
from model_training.datasets.labels import choose_labels
from model_training.datasets.names import class_key, read_name
from model_training.datasets.split_names import find_splits
from model_training.recipe import Data
from model_training.runtime.errors import DatasetError, RecipeError

from .trees import findings, plant, read

PATTERNS: dict[str, tuple[str, dict[str, str | None]]] = {
    "cats and dogs": (
        "{label}.{}.jpg",
        {"train/cat.0.jpg": "train:cat", "train/dog.0.jpg": "train:dog", "test1/1.jpg": None},
    ),
    "pets": (
        "{label}_{}.jpg",
        {"images/Abyssinian_1.jpg": "Abyssinian", "images/great_pyrenees_12.jpg": "great_pyrenees"},
    ),
    "spaces and brackets": ("{label} ({}).jpg", {"healthy (1).jpg": "healthy", "leaf rust (2).JPG": "leaf rust"}),
    "the class at the end": ("{}-{label}.png", {"001-산수화.png": "산수화", "x-2-인물화.png": "인물화"}),
    "a folder between": ("{label}/images/{}", {"n01/images/n01_0.jpg": "n01", "n02/images/n02_0.jpg": "n02"}),
    "two spellings": ("{label}.{}", {"Cat.1.jpg": "cat", "cat.2.jpg": "cat", "cat.3.jpg": "cat", "x.1.png": "x.1"}),
}


@pytest.mark.parametrize("name", PATTERNS)
def test_the_class_in_the_name(tmp_path: Path, name: str) -> None:
    pattern, files = PATTERNS[name]
    if name == "two spellings":
        pattern, files = "{label}.{}.{}", files | {"x.1.png": "x"}
    dataset = list_folder(plant(tmp_path, list(files)), label_from=pattern)
    assert read(dataset) == {path: meant for path, meant in files.items() if meant is not None}
    not_fitting = findings(dataset).get("pictures whose names do not fit data.label_from, left out", 0)
    assert not_fitting == sum(meant is None for meant in files.values())


def test_other_places_of_a_pattern_are_columns(tmp_path: Path) -> None:
    plant(tmp_path, ["benign-p1-3.png", "malignant-p2-1.png"])
    dataset = list_folder(tmp_path, label_from="{label}-{patient}-{}.png")
    assert [(entry.label, dict(entry.columns)) for entry in dataset.entries] == [
        ("benign", {"patient": "p1"}),
        ("malignant", {"patient": "p2"}),
    ]


@pytest.mark.parametrize(
    "pattern", ["cat", "{}.jpg", "{label}{label}", "{label}{", "{label:3}", "{label.x}", "{0}{label}"]
)
def test_what_is_no_pattern(tmp_path: Path, pattern: str) -> None:
    with pytest.raises(RecipeError, match="is no pattern"):
        list_folder(plant(tmp_path, ["cat.1.jpg"]), label_from=pattern)


def test_a_pattern_that_fits_nothing(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match=r"no picture has a name like {label}-{} \(cat\.1\.jpg has not\)"):
        list_folder(plant(tmp_path, ["cat.1.jpg"]), label_from="{label}-{}")


@pytest.mark.parametrize(
    ("files", "offered"),
    [
        (["cat.0.jpg", "cat.1.jpg", "dog.0.jpg", "dog.1.jpg"], "{label}.{}.jpg"),
        (["cat_0.jpg", "cat_1.jpg", "dog_0.png", "dog_1.png"], "{label}_{}.{}"),
        (["rust (1).jpg", "rust (2).jpg", "well (1).jpg", "well (2).jpg"], "{label} ({}).jpg"),
        (["a.jpg", "b.jpg"], "{label}_{}.jpg"),
    ],
)
def test_a_fitting_pattern_is_offered(tmp_path: Path, files: list[str], offered: str) -> None:
    plant(tmp_path, [f"train/{file}" for file in files])
    with pytest.raises(DatasetError) as raised:
        list_folder(tmp_path)
    assert f'data.label_from="{offered}"' in raised.value.remedy


def test_a_fitting_pattern_is_offered_for_one_folder_of_all(tmp_path: Path) -> None:
    dataset = list_folder(plant(tmp_path, [f"images/{label}{n}.jpg" for label in ("cat-", "dog-") for n in range(3)]))
    with pytest.raises(DatasetError, match=r'only the class .images.\. .*data\.label_from="{label}-{}\.jpg"'):
        check_classes(dataset)


def test_a_recipe_that_tells_united_folders_apart_is_refused(tmp_path: Path) -> None:
    dataset = list_folder(plant(tmp_path, ["China/*3", "china/*2", "japan/*5"]))
    assert dataset.labels == ("China", "japan")
    assert choose_labels(dataset, Data(), ("china", "japan")).labels == ("china", "japan")
    assert choose_labels(dataset, Data(labels=("CHINA", "japan")), ()).labels == ("CHINA", "japan")
    for data, titles in ((Data(), ("China", "china")), (Data(labels=("china", "China")), ())):
        with pytest.raises(DatasetError, match=r"tells the classes '.hina' and '.hina' apart"):
            choose_labels(dataset, data, titles)


@pytest.mark.parametrize(
    ("name", "same"), [("ＡＩ", "ai"), (" Ink  Wash ", "ink wash"), ("STRASSE", "straße"), ("ｶﾞ", "ガ"), ("ﬁg", "FIG")]
)
def test_spellings_of_one_class(name: str, same: str) -> None:
    assert class_key(name) == class_key(same)


@pytest.mark.parametrize(("name", "other"), [("a b", "ab"), ("cafe", "café"), ("1", "２０"), ("산수", "산수화")])
def test_names_of_two_classes(name: str, other: str) -> None:
    assert class_key(name) != class_key(other)


@pytest.mark.parametrize("name", ["café", "naïve", "Ⅳ", "│││", "Größe", "北京", "ÆØÅ"])
def test_what_is_no_garbled_hangul_stays(name: str) -> None:
    found = Findings()
    assert read_name(Path(name), None, found) == name
    assert not list(found)


@pytest.mark.parametrize("names", [["test", "control"], ["contest", "wheels"], ["training wheels", "wheels"]])
def test_names_that_are_no_splits(names: list[str]) -> None:
    assert "test" not in find_splits(names).values()
    assert "control" not in find_splits([*names, "train"])
