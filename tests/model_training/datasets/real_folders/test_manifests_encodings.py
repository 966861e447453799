"""In which encoding a manifest is: the very labels, or a question that shows both readings."""

from __future__ import annotations

import random
import re
from pathlib import Path

import pytest

from model_training.datasets.listing import list_dataset
from model_training.datasets.manifest import read_manifest
from model_training.datasets.tables.encodings import detect_encoding
from model_training.runtime.errors import DatasetError

from .manifests import classes, found, plant

WORDS = {
    "korean": "산수화 고양이 강아지 호랑이 풍경화 단풍 소나무 자동차 비행기 수묵화",
    "simplified_chinese": "山水画 花鸟 风景 蝴蝶 长颈鹿 向日葵 汽车 玫瑰 可回收物 齐白石",
    "traditional_chinese": "山水畫 花鳥 風景 蝴蝶 長頸鹿 向日葵 汽車 玫瑰 楓葉 齊白石",
    "japanese": "浮世絵 ひまわり 桜 キリン 風景 猫 うさぎ 電車 水墨画 葛飾北斎",
    "german": "Bäume Vögel Löwe Käfer Straße Gemälde Äpfel Tür Müller Höhle",
    "russian": "пейзаж портрет собака кошка берёза лошадь корова птица дом дерево",
    "polish": "źródło łąka żółw książka świerk gołąb dąb żaba ćma jabłoń",
    "greek": "σκύλος γάτα τοπίο δέντρο άλογο πουλί πορτρέτο θάλασσα λουλούδι ψάρι",
}
ENCODINGS = {
    "korean": ("cp949", "euc_kr"),
    "simplified_chinese": ("gb18030", "gbk", "gb2312"),
    "traditional_chinese": ("big5", "cp950", "big5hkscs", "gb18030"),
    "japanese": ("shift_jis", "cp932", "euc_jp"),
    "german": ("cp1252", "latin-1"),
    "russian": ("cp1251",),
    "polish": ("cp1250",),
    "greek": ("cp1253",),
}
UNICODE = ("utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32")


def write(root: Path, words: list[str], encoding: str, header: str = "path,label") -> Path:
    names = [f"{number}.jpg" for number in range(len(words))]
    plant(root, names)
    lines = "".join(f"{name},{word}\r\n" for name, word in zip(names, words, strict=True))
    path = root / "manifest.csv"
    path.write_bytes(f"{header}\r\n{lines}".encode(encoding))
    return path


@pytest.mark.parametrize(
    ("language", "encoding"),
    [(language, each) for language, known in ENCODINGS.items() for each in (*known, *UNICODE)],
)
def test_ten_words_are_read_as_they_are_meant(tmp_path: Path, language: str, encoding: str) -> None:
    words = WORDS[language].split()
    dataset = read_manifest(write(tmp_path, words, encoding))
    assert [classes(dataset)[f"{number}.jpg"] for number in range(10)] == words
    assert ("the encoding that the manifest was read in" in found(dataset)) is not encoding.startswith("utf-8")


@pytest.mark.parametrize("language", [each for each in ENCODINGS if each not in ("german", "polish")])
def test_short_tables_are_read_rightly_or_asked_about(tmp_path: Path, language: str) -> None:
    """Of three words at least two thirds are read, none of any number wrongly; of seven hardly any is asked about."""
    draw = random.Random(0)
    words, meant = WORDS[language].split(), ENCODINGS[language][0]
    asked = {1: 0, 3: 0, 7: 0}
    for number in asked:
        for _ in range(12):
            chosen = draw.sample(words, number)
            path = tmp_path / "manifest.csv"
            path.write_bytes("\n".join(("path,label", *(f"{word[0]}.jpg,{word}" for word in chosen))).encode(meant))
            try:
                encoding = detect_encoding(path)
            except DatasetError:
                asked[number] += 1
            else:
                read = path.read_bytes().decode(encoding)
                assert [line.split(",")[1] for line in read.split("\n")[1:]] == chosen
    assert asked[3] <= 4
    assert asked[7] == 0


def test_a_tie_shows_both_readings_and_is_settled_by_whoever_knows(tmp_path: Path) -> None:
    path = write(tmp_path, ["书法", "书法"], "gb18030")
    with pytest.raises(DatasetError, match=r"line 2: this is '.*书法") as raised:
        list_dataset(tmp_path)
    shown = re.findall(r"'([^']+)' in (\w+)", raised.value.message)
    assert ("书法", "gb18030") in shown
    assert [word.encode(encoding) for word, encoding in shown] == ["书法".encode("gb18030")] * 2
    assert raised.value.remedy.count("--encoding") == 2
    assert set(classes(read_manifest(path, encoding="gb18030")).values()) == {"书法"}


def test_the_names_of_files_settle_a_tie(tmp_path: Path) -> None:
    plant(tmp_path, ["书法.jpg"])
    path = tmp_path / "manifest.csv"
    path.write_bytes("path,label\n书法.jpg,书法\n".encode("gb18030"))
    assert classes(read_manifest(path)) == {"书法.jpg": "书法"}


@pytest.mark.parametrize(
    ("header", "encoding"),
    [("文件名,类别", "gb18030"), ("檔名,類別", "big5"), ("ファイル名,クラス", "shift_jis"), ("파일,분류", "cp949")],
)
def test_the_usual_names_of_columns_settle_a_tie(tmp_path: Path, header: str, encoding: str) -> None:
    path = write(tmp_path, ["人"] if encoding != "cp949" else ["개"], encoding, header)
    assert set(classes(read_manifest(path)).values()) <= {"人", "개"}


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ("klingon", "There is no encoding 'klingon'"),
        ("utf-8", "line 2: this is not utf-8"),
        ("ascii", "this is not ascii"),
    ],
)
def test_an_encoding_that_does_not_hold_is_refused(tmp_path: Path, given: str, message: str) -> None:
    path = write(tmp_path, ["산수화", "고양이"], "cp949")
    with pytest.raises(DatasetError, match=message):
        read_manifest(path, encoding=given)
