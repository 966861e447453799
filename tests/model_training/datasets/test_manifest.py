from __future__ import annotations

import re
import unicodedata
from pathlib import Path

import pytest

from model_training.datasets import manifest as manifest_module
from model_training.datasets.folders import check_classes
from model_training.datasets.listing import find_manifest
from model_training.datasets.manifest import read_manifest
from model_training.datasets.prepare import read_dataset
from model_training.datasets.tables.encodings import detect_encoding
from model_training.recipe import Recipe, load_recipe
from model_training.runtime.errors import DatasetError
from tests.conftest import shared_folder


def write(root: Path, text: str, *files: str, encoding: str = "utf-8") -> Path:
    for name in files:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(b"")
    manifest = root / "manifest.csv"
    manifest.write_bytes(text.encode(encoding))
    return manifest


def test_every_column_is_kept(tmp_path: Path) -> None:
    manifest = write(
        tmp_path, 'path,label,artist,title\nb.jpg,ink,Ni Zan,"Rain, far"\na.jpg,print,,\n', "a.jpg", "b.jpg"
    )
    dataset = read_manifest(manifest)
    assert (dataset.root, dataset.source, dataset.labels) == (tmp_path, manifest, ("ink", "print"))
    first, second = dataset.entries
    assert [(first.path.name, first.label, first.line), (second.path.name, second.label, second.line)] == [
        ("a.jpg", "print", 3),
        ("b.jpg", "ink", 2),
    ]
    assert dict(second.columns) == {"path": "b.jpg", "label": "ink", "artist": "Ni Zan", "title": "Rain, far"}
    assert first.columns["artist"] == ""
    assert dataset.place(second) == "b.jpg"


def test_another_column_is_the_label(tmp_path: Path) -> None:
    manifest = write(tmp_path, "path,school,artist\na.jpg,ink,x\nb.jpg,ink,y\n", "a.jpg", "b.jpg")
    assert read_manifest(manifest, "artist").labels == ("x", "y")
    with pytest.raises(DatasetError, match=r"no column 'label'.*data\.label=school"):
        read_manifest(manifest)
    with pytest.raises(DatasetError, match=r"no column 'artst'.*Did you mean 'artist'"):
        read_manifest(manifest, "artst")


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "cp949"])
@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
def test_what_spreadsheets_write_is_read(tmp_path: Path, encoding: str, delimiter: str) -> None:
    text = "path,label,author\r\n그림/1.jpg,일상,치\r\n그림/2.jpg,순정,김규삼\r\n".replace(",", delimiter)
    dataset = read_manifest(write(tmp_path, text, "그림/1.jpg", "그림/2.jpg", encoding=encoding))
    assert dataset.labels == ("순정", "일상")
    assert [entry.columns["author"] for entry in dataset.entries] == ["치", "김규삼"]


def test_mixed_encodings_are_named_with_their_lines(tmp_path: Path) -> None:
    manifest = tmp_path / "manifest.csv"
    manifest.write_bytes("path,label\na.jpg,일상\n".encode() + "b.jpg,순정\n".encode("cp949"))
    with pytest.raises(DatasetError, match="line 2 is in UTF-8, line 3 in cp949"):
        read_manifest(manifest)


def test_a_short_cp949_word_that_passes_for_utf8_is_no_mixture(tmp_path: Path) -> None:
    manifest = tmp_path / "manifest.csv"
    manifest.write_bytes("path,label\na.jpg,치\nb.jpg,순정\n".encode("cp949"))  # 치 is 0xC4A1, ġ in UTF-8
    assert detect_encoding(manifest) == "cp949"


def test_what_is_no_text_is_refused(tmp_path: Path) -> None:
    manifest = tmp_path / "manifest.csv"
    manifest.write_bytes(b"path,label\na.jpg,Caf\x8e\n")
    with pytest.raises(DatasetError, match=r"line 2: this is 'CafŽ' in cp1250, and 'CafЋ' in cp1251.*--encoding"):
        read_manifest(manifest)
    manifest.write_bytes(b"path,label\n\0\0\0\1")
    with pytest.raises(DatasetError, match="this is no text"):
        read_manifest(manifest)


def test_windows_paths_and_decomposed_names(tmp_path: Path) -> None:
    decomposed = unicodedata.normalize("NFD", "산수")
    manifest = write(tmp_path, "path,label\nink\\1.jpg,ink\n산수/2.jpg,ink\n", "ink/1.jpg", f"{decomposed}/2.jpg")
    assert {entry.path for entry in read_manifest(manifest).entries} == {
        tmp_path / "ink/1.jpg",
        tmp_path / decomposed / "2.jpg",
    }


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("", "the file is empty"),
        ("where,label\na.jpg,x\n", "no column 'path'"),
        ("path,label,label\na.jpg,x,y\n", "two columns are called 'label'"),
        ("path,label\na.jpg,x\na.jpg,y\n", "line 3: a.jpg is in line 2 already"),
        ("path,label\na.jpg,x\n./a.jpg,y\n", "line 3: ./a.jpg is in line 2 already"),
        ("path,label\na.jpg,x\nc.jpg,y\nd.jpg,y\n", "line 3: c.jpg is not there, nor are the files of 1 more lines"),
        ("path,label\nC:\\data\\c.jpg,x\n", "line 2: C:\\data\\c.jpg is a path on another machine"),
        ("path,label\na.jpg,x,y\n", "line 2: there are 3 cells, the first line names 2 columns"),
        ("path,label\na.jpg,\n", "line 2: the label is empty"),
        ('path,label,title\na.jpg,x,"two\nlines"\nb.jpg,,z\n', "line 4: the label is empty"),
        ('path,label\na.jpg,"x\n', "unexpected end of data"),
        ("path,label,split\na.jpg,x,train\nb.jpg,x,later\n", "line 3: the split 'later' is unknown"),
    ],
)
def test_what_does_not_hold_is_named_in_one_line(tmp_path: Path, text: str, named: str) -> None:
    with pytest.raises(DatasetError, match=re.escape(named)) as raised:
        read_manifest(write(tmp_path, text, "a.jpg", "b.jpg"))
    assert "\n" not in str(raised.value)
    assert raised.value.remedy


def test_a_manifest_may_give_the_split(tmp_path: Path) -> None:
    manifest = write(tmp_path, "path,label,split\na.jpg,x,Train\nb.jpg,x,val\n", "a.jpg", "b.jpg")
    assert [entry.split for entry in read_manifest(manifest).entries] == ["train", "validation"]


def test_a_column_without_a_name_is_numbered(tmp_path: Path) -> None:
    [entry] = read_manifest(write(tmp_path, "path,label,\na.jpg,x,left over\n", "a.jpg")).entries
    assert entry.columns["column 3"] == "left over"


def test_a_folder_with_a_manifest_and_a_manifest_by_name(tmp_path: Path) -> None:
    manifest = write(tmp_path, "path,label\n")
    assert find_manifest(tmp_path) == manifest
    assert find_manifest(tmp_path / "other.csv") == tmp_path / "other.csv"
    assert find_manifest(tmp_path / "nowhere") is None
    with pytest.raises(DatasetError, match="there is no such file"):
        read_manifest(tmp_path / "other.csv")


def test_images_elsewhere_have_their_whole_path_as_place(tmp_path: Path) -> None:
    image = tmp_path / "pictures" / "a.jpg"
    write(tmp_path, "", "pictures/a.jpg")
    (tmp_path / "lists").mkdir()
    manifest = write(tmp_path / "lists", f"path,label\n{image},x\n")
    dataset = read_manifest(manifest)
    assert dataset.place(dataset.entries[0]) == image.as_posix()


def recipe(*overrides: str) -> Recipe:
    return load_recipe("landscape", overrides)


def five_each(*labels: str) -> tuple[str, list[str]]:
    lines = [f"{label}/{number}.jpg" for label in labels for number in range(5)]
    return "path,label\n" + "".join(f"{line},{line.split('/')[0]}\n" for line in lines), lines


def test_a_label_that_the_recipe_lacks_is_a_slip(tmp_path: Path) -> None:
    text, files = five_each("china", "japn")
    write(tmp_path, text, *files)
    with pytest.raises(DatasetError, match=r"line 7: the label 'japn' is not in the recipe\. Did you mean 'japan'"):
        read_dataset(recipe(), tmp_path)
    merged = read_dataset(recipe("data.merge.japan=[japn]"), tmp_path)
    assert merged.labels == ("china", "japan")


def test_labels_of_another_kind_name_themselves(tmp_path: Path) -> None:
    text, files = five_each("ink", "print")
    write(tmp_path, text, *files)
    assert read_dataset(recipe(), tmp_path).labels == ("ink", "print")


def test_the_least_counts_hold_for_manifests(tmp_path: Path) -> None:
    text, files = five_each("ink", "print", "oil")
    manifest = write(tmp_path, text.replace("oil/4.jpg,oil\n", ""), *files)
    dataset = read_manifest(manifest)
    with pytest.raises(DatasetError, match=r"manifest\.csv: the class 'oil' has 4 pictures.*data\.too_few=drop"):
        check_classes(dataset)
    dropped = check_classes(dataset, "drop")
    assert (dropped.labels, dropped.dropped) == (("ink", "print"), ("oil",))
    assert sum(entry.label == "" for entry in dropped.entries) == 4


def test_real_manifest() -> None:
    folder = shared_folder("data/painting_styles")
    dataset = read_dataset(recipe("data.label=style"), folder)
    assert len(dataset.entries) == 623
    assert len(dataset.labels) == 6
    with pytest.raises(DatasetError, match=r"'cubism' has a single group by 'artist'.*data\.too_few=drop"):
        read_dataset(recipe("data.label=style", "data.group=artist"), folder)
    kept = read_dataset(recipe("data.label=style", "data.group=artist", "data.too_few=drop"), folder)
    assert kept.dropped == ("cubism",)


def test_a_long_manifest_takes_time_in_proportion(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every line looks for its own file once, and words that repeat are held once."""
    asked: list[str] = []
    monkeypatch.setattr(manifest_module.os.path, "isfile", lambda path: asked.append(path) is None)
    lines = 20_000
    text = "path,label,artist\n" + "".join(f"{n}.jpg,{'ab'[n % 2]},artist {n % 7}\n" for n in range(lines))
    dataset = read_manifest(write(tmp_path, text))
    assert len(dataset.entries) == len(asked) == lines
    assert len({id(entry.columns["artist"]) for entry in dataset.entries}) == 7


def test_a_cell_with_a_line_break_does_not_break_the_line_of_an_error(tmp_path: Path) -> None:
    (tmp_path / "manifest.csv").write_text('path,label\n"a\nb\x1b[31m.jpg",china\n')
    with pytest.raises(DatasetError) as error:
        read_manifest(tmp_path / "manifest.csv")
    assert str(error.value).isprintable()
    assert "\\nb\\x1b[31m.jpg" in str(error.value)
