"""Columns, separators, splits, paths and forms of manifests: the class and the split of each picture."""

from __future__ import annotations

import json
import os
import sys
import unicodedata
from pathlib import Path

import pytest

from model_training.datasets.listing import list_dataset
from model_training.datasets.manifest import read_manifest
from model_training.datasets.tables.columns import find_columns
from model_training.runtime.errors import DatasetError

from .manifests import classes, found, plant, splits, write_ods, write_xlsx

TWO = {"a.jpg": "cat", "b.jpg": "dog"}
HEADERS = """Path,Label path,LABEL filename,class file_name,label image,category img,species Image_Path,Genre
image_path,class_name File,Type photo,breed picture,target image_id,diagnosis ImageName,Category
파일,라벨 파일명,분류 이름,클래스 이미지,종류 경로,레이블 사진,장르
ファイル,クラス ファイル名,ラベル 画像,カテゴリ 文件,类别
文件名,标签 图片,分类 檔名,類別 圖片路徑,標籤"""


@pytest.mark.parametrize("header", HEADERS.split())
def test_columns_by_their_usual_names(tmp_path: Path, header: str) -> None:
    plant(tmp_path, TWO)
    (tmp_path / "manifest.csv").write_text(f"{header}\na.jpg,cat\nb.jpg,dog\n", "utf-8")
    dataset = list_dataset(tmp_path)
    assert classes(dataset) == TWO
    assert tuple(dataset.entries[0].columns) == tuple(header.split(","))


@pytest.mark.parametrize(
    ("names", "role", "chosen"),
    [
        (["id", "filename", "label"], "path", ["filename"]),
        (["image", "path"], "path", ["path"]),
        (["class_id", "class_name"], "label", ["class_name"]),
        (["species", "genre"], "label", ["species", "genre"]),
        (["title", "artist"], "label", []),
    ],
)
def test_the_likelier_column_is_taken(names: list[str], role: str, chosen: list[str]) -> None:
    assert find_columns(names, role) == chosen  # type: ignore[arg-type]


def test_columns_that_are_as_likely_are_asked_about(tmp_path: Path) -> None:
    plant(tmp_path, TWO)
    path = tmp_path / "manifest.csv"
    path.write_text("file,species,genre\na.jpg,cat,x\nb.jpg,dog,y\n")
    with pytest.raises(DatasetError, match=r"'species' and 'genre' may both name the class.*data\.label=species"):
        read_manifest(path)
    assert classes(read_manifest(path, "Genre")) == {"a.jpg": "x", "b.jpg": "y"}


TABLES = {
    "sep=": "sep=;\r\npath;label\r\na.jpg;cat\r\nb.jpg;dog\r\n",
    "sep=,": "sep=,\npath,label\na.jpg,cat\nb.jpg,dog\n",
    "pipe": "path|label\na.jpg|cat\nb.jpg|dog\n",
    "tab": "path\tlabel\na.jpg\tcat\nb.jpg\tdog\n",
    "semicolon": "path;label\na.jpg;cat\nb.jpg;dog\n",
    "space": "path label\na.jpg cat\nb.jpg dog\n",
    "a comma too many": "path,label\na.jpg,cat,\nb.jpg,dog,,\n",
    "a comma too many in the header": "path,label,\na.jpg,cat\nb.jpg,dog\n",
    "in all lines": "path,label,\na.jpg,cat,\nb.jpg,dog,\n",
    "spaces and quotation marks": 'path, label\na.jpg, "cat"\n"b.jpg", dog\n',
    "empty lines": "\npath,label\n\na.jpg,cat\n,\nb.jpg,dog\n\n",
    "old Mac": "path,label\ra.jpg,cat\rb.jpg,dog\r",
    "no header": "a.jpg,cat\nb.jpg,dog\n",
    "no header, the class first": "cat,a.jpg\ndog,b.jpg\n",
    "one-hot": "filename,cat,dog\na.jpg,1,0\nb.jpg,0,1\n",
    "one-hot as floats": "image_id,cat,dog\na,1.0,0.0\nb,0.0,1.0\n",
    "no suffix": "id,label\na,cat\nb,dog\n",
    "case": "path,label\nA.JPG,cat\nB.jpg,dog\n",
    "dot": "path,label\n./a.jpg,cat\n.\\b.jpg,dog\n",
    "another machine": "path,label\n/home/kim/set/a.jpg,cat\nD:\\set\\b.jpg,dog\n",
    "addresses": "path,label\nfile:///home/kim/a.jpg,cat\nfile:///C:/set/b.jpg,dog\n",
}


@pytest.mark.parametrize("form", TABLES)
def test_text_of_any_shape(tmp_path: Path, form: str) -> None:
    plant(tmp_path, TWO)
    (tmp_path / "manifest.csv").write_bytes(TABLES[form].encode())
    assert classes(list_dataset(tmp_path)) == TWO


RECORDS: dict[str, object] = {
    "objects": [{"path": "a.jpg", "label": "cat"}, {"path": "b.jpg", "label": "dog"}],
    "under a key": {"version": 2, "images": [{"file": "a.jpg", "class": "cat"}, {"file": "b.jpg", "class": "dog"}]},
    "columns": {"path": ["a.jpg", "b.jpg"], "label": ["cat", "dog"]},
    "pandas": {"path": {"0": "a.jpg", "1": "b.jpg"}, "label": {"0": "cat", "1": "dog"}},
    "file to label": {"a.jpg": "cat", "b.jpg": "dog"},
    "file to object": {"a.jpg": {"label": "cat", "size": 3}, "b.jpg": {"label": "dog"}},
    "class to files": {"cat": ["a.jpg"], "dog": ["b.jpg"]},
    "numbers and nothing": [{"path": "a.jpg", "label": "cat", "n": 1.0}, {"path": "b.jpg", "label": "dog", "n": None}],
}


@pytest.mark.parametrize("form", RECORDS)
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_json_of_any_shape(tmp_path: Path, form: str, encoding: str) -> None:
    plant(tmp_path, TWO)
    (tmp_path / "manifest.json").write_text(json.dumps(RECORDS[form]), encoding)
    assert classes(list_dataset(tmp_path)) == TWO


def test_hugging_faces_folders(tmp_path: Path) -> None:
    plant(tmp_path, ["train/a.jpg", "train/b.jpg", "test/c.jpg"])
    for name, lines in {"train": [("a.jpg", "cat"), ("b.jpg", "dog")], "test": [("c.jpg", "cat")]}.items():
        (tmp_path / name / "metadata.jsonl").write_text(
            "".join(json.dumps({"file_name": file, "label": label}) + "\n" for file, label in lines)
        )
    dataset = list_dataset(tmp_path)
    assert classes(dataset) == {"train/a.jpg": "cat", "train/b.jpg": "dog", "test/c.jpg": "cat"}
    assert splits(dataset) == {"train/a.jpg": "train", "train/b.jpg": "train", "test/c.jpg": "test"}


def test_metadata_at_the_root(tmp_path: Path) -> None:
    plant(tmp_path, ["train/a.jpg", "b.jpg"])
    (tmp_path / "metadata.csv").write_text("file_name,label\ntrain/a.jpg,cat\nb.jpg,dog\n")
    assert classes(list_dataset(tmp_path)) == {"train/a.jpg": "cat", "b.jpg": "dog"}


def test_captions_are_no_classes(tmp_path: Path) -> None:
    plant(tmp_path, ["cat/a.jpg", "dog/b.jpg"])
    (tmp_path / "metadata.csv").write_text("file_name,text\ncat/a.jpg,a cat\n")
    assert classes(list_dataset(tmp_path)) == {"cat/a.jpg": "cat", "dog/b.jpg": "dog"}


def test_several_classes_in_json_and_in_columns(tmp_path: Path) -> None:
    plant(tmp_path, [*TWO, "c.jpg"])
    records = [{"path": "a.jpg", "label": ["cat", "dog"]}, {"path": "b.jpg", "label": ["dog"]}]
    path = tmp_path / "manifest.jsonl"
    path.write_text("\n".join(map(json.dumps, records)))
    assert classes(read_manifest(path, multi_label=True)) == {"a.jpg": "cat;dog", "b.jpg": "dog"}
    path = tmp_path / "_classes.csv"
    path.write_text("filename,cat,dog\na.jpg,1,1\nb.jpg,0,1\nc.jpg,0,0\n")
    dataset = read_manifest(path, multi_label=True)
    assert classes(dataset) == {"a.jpg": "cat;dog", "b.jpg": "dog"}
    assert found(dataset)["lines of the manifest without a class, left out"] == 1
    with pytest.raises(DatasetError, match=r"line 2: 'cat;dog' holds several classes.*multi_label"):
        read_manifest(path)


SPLITS = {
    "case": ("split", ["Train", "VAL", "TEST"], ["train", "validation", "test"]),
    "words": ("split", ["Training", "dev", "Testing"], ["train", "validation", "test"]),
    "korean": ("구분", ["학습", "검증", "평가"], ["train", "validation", "test"]),
    "three numbers": ("split", ["0", "1", "2"], ["train", "validation", "test"]),
    "two numbers": ("split", ["0", "1", "0"], ["train", "test", "train"]),
    "subset": ("subset", ["train", "valid", "test"], ["train", "validation", "test"]),
    "other words": ("subset", ["train", "north", "south"], [None, None, None]),
    "is_test": ("is_test", ["False", "true", "0"], ["train", "test", "train"]),
    "is_training_image": ("is_training_image", ["1", "0", "1"], ["train", "test", "train"]),
    "all empty": ("split", ["", "", ""], [None, None, None]),
    "rest trains": ("split", ["", "test", "val"], ["train", "test", "validation"]),
}


@pytest.mark.parametrize("form", SPLITS)
def test_splits_by_any_name(tmp_path: Path, form: str) -> None:
    column, cells, expected = SPLITS[form]
    names = ["a.jpg", "b.jpg", "c.jpg"]
    plant(tmp_path, names)
    lines = "".join(f"{name},x,{cell}\n" for name, cell in zip(names, cells, strict=True))
    (tmp_path / "manifest.csv").write_text(f"path,label,{column}\n{lines}", "utf-8")
    assert list(splits(list_dataset(tmp_path)).values()) == expected


def test_a_line_without_a_split_is_left_out_where_others_say_that_they_train(tmp_path: Path) -> None:
    plant(tmp_path, [*TWO, "c.jpg"])
    (tmp_path / "manifest.csv").write_text("path,label,split\na.jpg,cat,train\nb.jpg,dog,\nc.jpg,dog,test\n")
    dataset = list_dataset(tmp_path)
    assert splits(dataset) == {"a.jpg": "train", "c.jpg": "test"}
    assert found(dataset) == {"lines of the manifest without a split, left out": 1}


PATHS = {  # what the cell says → the file that is there
    "as it is": ("cat/1.jpg", "cat/1.jpg"),
    "below a wrapper": ("cat/1.jpg", "images/cat/1.jpg"),
    "above the folder": ("paintings/cat/1.jpg", "cat/1.jpg"),
    "another machine": ("/mnt/data/cat/1.jpg", "images/cat/1.jpg"),
    "windows": (r"C:\Users\kim\cat\1.jpg", "cat/1.jpg"),
    "a share": (r"\\nas\pictures\cat\1.jpg", "cat/1.jpg"),
    "percent": ("file:///home/kim/cat/a%20b.jpg", "cat/a b.jpg"),
    "case of a folder": ("CAT/1.jpg", "Cat/1.jpg"),
    "suffix": ("cat/1", "cat/1.PNG"),
    "id": ("IMG_0001", "images/IMG_0001.jpg"),
    "id with a dot": ("v1.2", "v1.2.jpg"),
    "decomposed on disk": ("산수/봄.jpg", unicodedata.normalize("NFD", "산수/봄.jpg")),
    "decomposed in the table": (unicodedata.normalize("NFD", "산수/봄.jpg"), "산수/봄.jpg"),
    "mixed": ("산수/봄.jpg", "산수/" + unicodedata.normalize("NFD", "봄.jpg")),
    "umlaut": ("Bäume/ä.jpg", unicodedata.normalize("NFD", "Bäume/") + "ä.jpg"),
}


@pytest.mark.parametrize("form", PATHS)
def test_the_file_that_is_meant(tmp_path: Path, form: str) -> None:
    cell, file = PATHS[form]
    plant(tmp_path, [file, "other/0.jpg"])
    (tmp_path / "manifest.csv").write_text(f"path,label\n{cell},x\n", "utf-8")
    dataset = list_dataset(tmp_path)
    assert [entry.path for entry in dataset.entries] == [tmp_path / file]
    assert found(dataset)["pictures beside the manifest that it does not list, left out"] == 1


@pytest.mark.parametrize(
    ("cell", "files", "message"),
    [
        ("cat/1.jpg", ["dog/1.jpg"], "line 2: cat/1.jpg is not there"),
        ("/mnt/cat/1.jpg", ["x/dog/1.jpg"], "line 2: /mnt/cat/1.jpg is a path on another machine"),
        ("1.jpg", ["cat/1.jpg", "dog/1.jpg"], "line 2: 1.jpg may be cat/1.jpg or dog/1.jpg"),
        ("a", ["a.jpg", "a.png"], "line 2: a may be a.jpg or a.png"),
        ("a.txt", ["a.jpg"], "line 2: a.txt is not there"),
        ("..", ["a.jpg"], "line 2: .. is not there"),
    ],
)
def test_a_file_that_may_be_another_is_not_taken(tmp_path: Path, cell: str, files: list[str], message: str) -> None:
    plant(tmp_path, files)
    (tmp_path / "manifest.csv").write_text(f"path,label\n{cell},x\n")
    with pytest.raises(DatasetError, match=message):
        list_dataset(tmp_path)


@pytest.mark.skipif(sys.platform == "darwin", reason="its file system knows no other case")
def test_names_that_differ_in_case_are_two_files(tmp_path: Path) -> None:
    plant(tmp_path, ["a.jpg", "A.jpg"])
    (tmp_path / "manifest.csv").write_text("path,label\na.jpg,x\nA.jpg,y\n")
    assert classes(list_dataset(tmp_path)) == {"A.jpg": "y", "a.jpg": "x"}


def test_a_manifest_beside_class_folders_says_what_it_does_not_cover(tmp_path: Path) -> None:
    plant(tmp_path, ["cat/1.jpg", "cat/2.jpg", "dog/1.jpg", "dog/notes.txt"])
    (tmp_path / "manifest.csv").write_text("path,label\ncat/1.jpg,cat\n")
    dataset = list_dataset(tmp_path)
    assert classes(dataset) == {"cat/1.jpg": "cat"}
    assert [str(finding) for finding in dataset.findings] == [
        f"pictures beside the manifest that it does not list, left out: 2 (cat{os.sep}2.jpg, dog{os.sep}1.jpg)",
        "other files left out: 1 (notes.txt)",
    ]


SHEET = (["파일", "분류", "연도"], ["a.jpg", "고양이", 1980], ["b.jpg", "개", 1981.5])


def test_spreadsheets(tmp_path: Path) -> None:
    pytest.importorskip("python_calamine", reason="python-calamine is not installed (requirements/spreadsheets.txt)")
    plant(tmp_path, TWO)
    path = write_xlsx(tmp_path / "manifest.xlsx", {"빈 시트": [], "목록": SHEET, "메모": [["끝"]]})
    dataset = list_dataset(tmp_path)
    assert classes(dataset) == {"a.jpg": "고양이", "b.jpg": "개"}
    assert [entry.columns["연도"] for entry in dataset.entries] == ["1980", "1981.5"]
    assert [entry.line for entry in dataset.entries] == [2, 3]
    assert found(dataset)["further sheets of the spreadsheet left out"] == 1
    # The content decides, not the suffix.
    path.rename(tmp_path / "manifest.csv")
    assert classes(list_dataset(tmp_path)) == {"a.jpg": "고양이", "b.jpg": "개"}
    (tmp_path / "manifest.csv").unlink()
    write_ods(tmp_path / "manifest.ods", [["file", "class"], ["a.jpg", "cat"], ["b.jpg", "dog"]])
    assert classes(list_dataset(tmp_path)) == TWO


def test_a_spreadsheet_without_its_reader_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "python_calamine", None)
    write_xlsx(tmp_path / "manifest.xlsx", {"목록": SHEET})
    with pytest.raises(DatasetError, match=r"read by python-calamine, which is not installed.*hwapung\[spreadsheets\]"):
        list_dataset(tmp_path)


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("a.csv", b"PAR1\x15\x04", "this is Parquet"),
        ("a.xls", b"<html><table>", "this is HTML or XML"),
        ("a.csv", b"PK\x03\x04broken", "spreadsheet can't be read"),
        ("a.csv", b"\xd0\xcf\x11\xe0broken", "spreadsheet can't be read"),
        ("a.json", b"{\n  'path': 1}", "line 2: this is no JSON"),
        ("a.json", b"[1, 2]", "no list of objects"),
        ("a.json", b'{"images": [], "annotations": []}', "labelled scenes in COCO"),
        ("a.jsonl", b'{"path": "a.jpg", "label": "x"}\n[]\n', "line 2: this is no object"),
        ("a.json", b"[]", "the file is empty"),
        ("a.jsonl", b"", "the file is empty"),
    ],
)
def test_what_is_no_table_is_named(tmp_path: Path, name: str, content: bytes, message: str) -> None:
    pytest.importorskip("python_calamine", reason="python-calamine is not installed (requirements/spreadsheets.txt)")
    (tmp_path / name).write_bytes(content)
    with pytest.raises(DatasetError, match=message) as raised:
        list_dataset(tmp_path / name)
    assert raised.value.remedy
    assert "\n" not in str(raised.value)
