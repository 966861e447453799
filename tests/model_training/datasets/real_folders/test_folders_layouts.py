"""Folders as archives, storage boxes, telephones and other tools leave them: the class and split of every picture."""

from __future__ import annotations

import os
import unicodedata
from pathlib import Path

import pytest

from model_training.datasets import file_kinds
from model_training.datasets.folders import list_folder
from model_training.runtime.errors import DatasetError

from .trees import findings, plant, read


@pytest.fixture(autouse=True)
def _without_heic_reader(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(file_kinds, "HEIF", False)


#: Name: files, each with its class (after its split), or None where it is left out.
LAYOUTS: dict[str, dict[str, str | None]] = {
    "one folder per class": {"cat/1.jpg": "cat", "dog/1.jpg": "dog"},
    "train and test": {"train/a/1.jpg": "train:a", "train/b/1.jpg": "train:b", "test/a/2.jpg": "test:a"},
    "a test folder of a split without the others": {"test/1.jpg": "test", "control/1.jpg": "control"},
    "a class of vehicles called train": {"train/1.jpg": "train", "car/1.jpg": "car", "bus/1.jpg": "bus"},
    "train alone": {"train/a/1.jpg": "train:a", "train/b/1.jpg": "train:b"},
    "train, and others that are no split": {
        "train/a/1.jpg": "train:a",
        "train/b/1.jpg": "train:b",
        "unlabeled/1.jpg": None,
        "extra/a/1.jpg": None,
    },
    "segments packed twice": {
        "seg_train/seg_train/sea/1.jpg": "train:sea",
        "seg_train/seg_train/ice/1.jpg": "train:ice",
        "seg_test/seg_test/sea/1.jpg": "test:sea",
        "seg_test/seg_test/ice/1.jpg": "test:ice",
        "seg_pred/seg_pred/1.jpg": None,
    },
    "names with a common word": {
        "asl_alphabet_train/asl_alphabet_train/A/1.jpg": "train:A",
        "asl_alphabet_train/asl_alphabet_train/B/1.jpg": "train:B",
        "asl_alphabet_test/asl_alphabet_test/A/1.jpg": "test:A",
        "asl_alphabet_test/asl_alphabet_test/B/1.jpg": "test:B",
    },
    "a set nested in an archive's folder": {
        "dataset/training_set/cats/1.jpg": "train:cats",
        "dataset/training_set/dogs/1.jpg": "train:dogs",
        "dataset/test_set/cats/1.jpg": "test:cats",
        "dataset/test_set/dogs/1.jpg": "test:dogs",
        "dataset/single_prediction/1.jpg": None,
    },
    "a set nested three times": {"a/b/c/cat/1.jpg": "cat", "a/b/c/dog/1.jpg": "dog", "a/readme.txt": None},
    "images between split and classes": {
        "train/images/a/1.jpg": "train:a",
        "train/images/b/1.jpg": "train:b",
        "test/images/a/1.jpg": "test:a",
    },
    "splits below images": {"images/train/a/1.jpg": "train:a", "images/train/b/1.jpg": "train:b"},
    "splits in each class": {
        "cat/train/1.jpg": "train:cat",
        "cat/test/2.jpg": "test:cat",
        "dog/train/1.jpg": "train:dog",
        "dog/test/2.jpg": "test:dog",
    },
    "classes packed twice": {
        "yes/1.jpg": "yes",
        "no/1.jpg": "no",
        "all/yes/1.jpg": "yes",
        "all/no/1.jpg": "no",
    },
    "a copy of the whole beside the splits": {
        "chest/train/a/1.jpg": "train:a",
        "chest/train/b/1.jpg": "train:b",
        "chest/test/a/1.jpg": "test:a",
        "chest/test/b/1.jpg": "test:b",
        "chest/chest/train/a/1.jpg": None,
        "chest/__MACOSX/train/a/1.jpg": None,
    },
    "a storage box": {
        "cat/1.jpg": "cat",
        "dog/1.jpg": "dog",
        "@eaDir/1.jpg": None,
        "cat/@eaDir/1.jpg/SYNOFILE_THUMB_M.jpg": None,
        "#recycle/old/1.jpg": None,
        "cat/@__thumb/1.jpg": None,
    },
    "a Mac": {
        "cat/1.jpg": "cat",
        "dog/1.jpg": "dog",
        "__MACOSX/cat/._1.jpg": None,
        "cat/._1.jpg": None,
        ".DS_Store": None,
        ".Trashes/1.jpg": None,
    },
    "Windows": {
        "cat/1.jpg": "cat",
        "dog/1.jpg": "dog",
        "cat/Thumbs.db": None,
        "desktop.ini": None,
        "System Volume Information/1.jpg": None,
        "$RECYCLE.BIN/1.jpg": None,
    },
    "a disk of Linux, and a notebook": {
        "cat/1.jpg": "cat",
        "dog/1.jpg": "dog",
        "lost+found/1.jpg": None,
        "cat/.ipynb_checkpoints/1-checkpoint.jpg": None,
    },
    "suffixes of browsers": {
        "cat/1.jfif": "cat",
        "cat/2": "cat",
        "cat/3.JPG.1": "cat",
        "cat/4.jpg_large": "cat",
        "cat/5.jpe": "cat",
        "cat/6.jpg~": "cat",
        "dog/1.JPEG": "dog",
        "dog/2.jpg?width=300": "dog",
    },
    "what is no picture to read": {
        "cat/1.jpg": "cat",
        "dog/1.jpg": "dog",
        "cat/1.heic": None,
        "cat/1.nef": None,
        "cat/1.mp4": None,
        "cat/1.psd": None,
        "cat/1.svg": None,
        "cat/1.xml": None,
        "cat/1.jpg.crdownload": None,
        "cat/1.thm": None,
        "cat.zip": None,
        "labels.csv": None,
    },
    "pictures beside the class folders": {"cat/1.jpg": "cat", "dog/1.jpg": "dog", "preview.jpg": None},
    "a test folder without classes": {
        "train/a/1.jpg": "train:a",
        "train/b/1.jpg": "train:b",
        "test/1.jpg": None,
        "test/2.jpg": None,
    },
    "notes in a folder of their own": {"cat/1.jpg": "cat", "dog/1.jpg": "dog", "annotations/1.xml": None},
    "a wrapper beside notes": {"data/cat/1.jpg": "cat", "data/dog/1.jpg": "dog", "docs/readme.txt": None},
    "case, width and spaces": {
        "China/1.jpg": "china",
        "china/2.jpg": "china",
        "china/3.jpg": "china",
        "ＣＨＩＮＡ/1.jpg": "china",
        "japan /1.jpg": "japan",
        "japan/1.jpg": "japan",
        "ink  wash/1.jpg": "ink wash",
    },
    "Unicode's normal forms": {
        unicodedata.normalize("NFD", "산수화") + "/1.jpg": "산수화",
        "산수화/2.jpg": "산수화",
        "인물화/1.jpg": "인물화",
    },
    "case in splits": {"Train/Cat/1.jpg": "train:Cat", "TEST/cat/2.jpg": "test:Cat", "Train/Dog/1.jpg": "train:Dog"},
    "a newline in a name": {"two\nlines/1.jpg": "two lines", "b/1.jpg": "b"},
    "names that were garbled by an unpacker": {
        "산수".encode("cp949").decode("cp437") + "/1.jpg": "산수",
        "인물".encode("cp949").decode("cp437") + "/1.jpg": "인물",
        "naïve/1.jpg": "naïve",
    },
}
SPLITS = [
    ("Training", "Testing"),
    ("Training", "Test"),
    ("training_set", "test_set"),
    ("TRAIN", "TEST"),
    ("train_data", "test_data"),
    ("trainset", "testset"),
    ("TrainImages", "TestImages"),
    ("1.Training", "2.Test"),
    ("cifar10_train", "cifar10_test"),
    ("학습", "시험"),
    ("01.학습데이터", "02.테스트데이터"),
    ("훈련용", "평가용"),
    ("训练集", "测试集"),
    ("訓練", "テスト"),
]
VALIDATIONS = ["val", "valid", "Validation", "dev", "eval", "validation_set", "검증", "验证集", "検証"]


@pytest.mark.parametrize("name", LAYOUTS)
def test_each_picture_has_the_class_that_people_meant_and_all_others_are_counted(tmp_path: Path, name: str) -> None:
    files = LAYOUTS[name]
    dataset = list_folder(plant(tmp_path, list(files)))
    assert read(dataset) == {path: meant for path, meant in files.items() if meant is not None}
    left_out = sum(each.count for each in dataset.findings if "left out" in each.what)
    assert left_out == sum(meant is None for meant in files.values())


@pytest.mark.parametrize("wrapped", ["", "archive/", "archive/archive/"])
@pytest.mark.parametrize(("train", "test"), SPLITS)
def test_given_splits_by_their_usual_names(tmp_path: Path, train: str, test: str, wrapped: str) -> None:
    plant(
        tmp_path, [f"{wrapped}{train}/a/*2", f"{wrapped}{train}/b/*2", f"{wrapped}{test}/a/*1", f"{wrapped}{test}/b/*1"]
    )
    dataset = list_folder(tmp_path)
    assert dataset.labels == ("a", "b")
    assert sorted(read(dataset).values()) == ["test:a", "test:b", "train:a", "train:a", "train:b", "train:b"]
    told = {each.what: each.examples for each in dataset.findings}
    assert told["folders taken for a given split"] == tuple(
        f"{name} → {split}" for name, split in sorted([(train, "train"), (test, "test")])
    )


@pytest.mark.parametrize("validation", VALIDATIONS)
def test_given_validation_by_its_usual_names(tmp_path: Path, validation: str) -> None:
    dataset = list_folder(
        plant(tmp_path, [f"{split}/{label}/1.jpg" for split in ("train", validation) for label in "ab"])
    )
    assert sorted(read(dataset).values()) == ["train:a", "train:b", "validation:a", "validation:b"]


def test_what_is_left_out_is_named_by_its_reason(tmp_path: Path) -> None:
    files = [*LAYOUTS["what is no picture to read"], ".x", "@eaDir/1.jpg", ".git/a", "Thumbs.db", "p.jpg"]
    assert findings(list_folder(plant(tmp_path, files))) == {
        "pictures beside the folders of classes, left out": 1,
        "hidden files left out": 1,
        "files in hidden folders, left out": 1,
        "files in folders of the system, left out": 1,
        "files of the system left out": 1,
        "archives left out (unpack them first)": 1,
        "other files left out": 2,
        "HEIC pictures left out (pip install pi-heif reads them)": 1,
        "camera raw files left out": 1,
        "films left out": 1,
        "pictures of formats that are not read, left out": 2,
        "unfinished downloads left out": 1,
        "thumbnails of films left out": 1,
    }


def test_unlabelled_pictures_are_kept_apart(tmp_path: Path) -> None:
    plant(tmp_path, ["train/a/1.jpg", "train/b/1.jpg", "test/2.jpg", "preview.jpg"])
    assert [path.name for path in list_folder(tmp_path).unlabelled] == ["preview.jpg", "2.jpg"]


def test_names_of_a_korean_windows(tmp_path: Path) -> None:
    for name in ("산수화", "인물화"):
        place = os.fsencode(tmp_path) + b"/" + name.encode("cp949")
        os.mkdir(place)  # noqa: PTH102
        plant(Path(os.fsdecode(place)), ["1.jpg", os.fsdecode("파일".encode("cp949")) + ".jpg"])
    dataset = list_folder(tmp_path)
    assert [entry.label for entry in dataset.entries] == ["산수화", "산수화", "인물화", "인물화"]
    assert findings(dataset) == {"names that are no UTF-8, decoded": 2}


def test_names_in_another_encoding_are_asked_for(tmp_path: Path) -> None:
    raw = "café".encode("latin-1")
    os.mkdir(os.fsencode(tmp_path) + b"/" + raw)  # noqa: PTH102
    plant(tmp_path, [os.fsdecode(raw) + "/1.jpg", "b/1.jpg"])
    with pytest.raises(DatasetError, match=r"neither UTF-8 nor CP949.*data\.encoding"):
        list_folder(tmp_path)
    assert list_folder(tmp_path, encoding="latin-1").labels == ("b", "café")
    with pytest.raises(DatasetError, match="neither UTF-8 nor ascii"):
        list_folder(tmp_path, encoding="ascii")
    with pytest.raises(DatasetError, match="neither UTF-8 nor klingon"):
        list_folder(tmp_path, encoding="klingon")


def test_links_are_followed_but_not_in_a_circle(tmp_path: Path) -> None:
    plant(tmp_path, ["data/cat/1.jpg", "elsewhere/2.jpg"])
    (tmp_path / "data" / "dog").symlink_to(tmp_path / "elsewhere")
    (tmp_path / "data" / "cat" / "up").symlink_to(tmp_path / "data")
    (tmp_path / "data" / "cat" / "gone.jpg").symlink_to(tmp_path / "nowhere")
    dataset = list_folder(tmp_path / "data")
    assert read(dataset) == {"cat/1.jpg": "cat", "dog/2.jpg": "dog"}
    assert findings(dataset) == {"links to a folder above them, left out": 1, "links that lead nowhere, left out": 1}


@pytest.mark.parametrize(
    ("files", "said"),
    [
        (["cat/1.heic", "cat/2.heic", "dog/1.jpg"], r"cat: the class has no picture that can be read \(HEIC .*: 2 "),
        (["cat/1.mp4", "dog/1.jpg"], "no picture that can be read .films"),
        (["cat/1.zip", "dog/1.jpg"], "no picture that can be read .archives"),
        (["cat/", "dog/1.jpg"], "cat: the class has no picture"),
        (["train/cat/1.jpg", "train/dog/1.jpg", "test/cat/", "test/dog/1.jpg"], "cat: the class has no picture"),
        (
            ["train/cat.0.jpg", "train/cat.1.jpg", "train/dog.0.jpg", "train/dog.1.jpg", "test1/1.jpg"],
            "lie in no class",
        ),
        (["1.jpg", "2.jpg"], "2 pictures lie in no class folder"),
    ],
)
def test_what_can_not_be_read_is_named(tmp_path: Path, files: list[str], said: str) -> None:
    with pytest.raises(DatasetError, match=said) as raised:
        list_folder(plant(tmp_path, files))
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize(("content", "procedural"), [(b'{"procedural": true}', True), (b"{}", False), (b"[1]", False)])
def test_what_says_that_a_program_drew_them_is_read(tmp_path: Path, content: bytes, procedural: bool) -> None:
    plant(tmp_path, {"a/1.jpg": None, "b/1.jpg": None, "procedural.json": content})
    dataset = list_folder(tmp_path)
    assert (dataset.procedural, dataset.findings) == (procedural, ())


def test_what_says_so_in_no_json_is_named(tmp_path: Path) -> None:
    plant(tmp_path, {"a/1.jpg": None, "b/1.jpg": None, "procedural.json": b"{"})
    with pytest.raises(DatasetError, match=r"procedural\.json: this is no JSON"):
        list_folder(tmp_path)
