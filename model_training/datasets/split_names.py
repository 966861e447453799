"""What people call the folders of a given split: `Training`, `test_set`, `seg_train`, `2.검증`."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Literal

SplitName = Literal["train", "validation", "test"]

_WORDS: dict[str, SplitName] = {
    **dict.fromkeys(("train", "training", "trn", "학습", "훈련", "訓練", "学習", "训练"), "train"),
    **dict.fromkeys(("val", "valid", "validation", "validate", "dev", "eval", "evaluation"), "validation"),
    **dict.fromkeys(("검증", "検証", "验证", "驗證"), "validation"),
    **dict.fromkeys(("test", "testing", "tst", "holdout", "시험", "테스트", "평가", "テスト", "测试", "測試"), "test"),
}
#: Beside the word for the split they say nothing.
_FILLERS: tuple[str, ...] = (
    "dataset",
    "data",
    "set",
    "images",
    "image",
    "imgs",
    "img",
    "pictures",
    "photos",
    "folder",
    "split",
)
_FILLERS += ("데이터", "이미지", "사진", "세트", "용", "データ", "画像", "集", "數據", "数据", "图片")
_PARTS = ("part", "fold", "batch", "chunk", "shard", "volume", "vol", "archive")
_PART = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|[^\W\d_A-Za-z]+")


def find_splits(names: Iterable[str]) -> dict[str, SplitName]:
    """Folder name → split, of the folders that lie side by side; empty where none is for training.

    A name is a split's if one of its words says so in English, Korean, Japanese or Chinese, and the others are fillers
    (`test_set`, `TrainImages`, `01.학습데이터`) or the same in all such names (`asl_train`, `asl_test`). Beside
    `rps-test-set`, `rps` is for training.
    """
    names = list(names)
    read = {name: found for name in names if (found := _read(name)) is not None}
    read |= _find_rest(names, read)
    if "train" not in {split for split, _ in read.values()}:
        return {}
    rests = {rest for _, rest in read.values()}
    return {name: split for name, (split, rest) in read.items() if not rest or len(rests) == 1}


def _find_rest(
    names: Iterable[str], read: dict[str, tuple[SplitName, tuple[str, ...]]]
) -> dict[str, tuple[SplitName, tuple[str, ...]]]:
    rests = {rest for _, rest in read.values()}
    if len(rests) != 1 or not all(rests) or "train" in {split for split, _ in read.values()}:
        return {}
    (rest,) = rests
    return {name: ("train", rest) for name in names if name not in read and _list_words(name) == rest}


def _list_words(name: str) -> tuple[str, ...]:
    words = (word for part in _PART.findall(name) for word in _shorten(part.lower()))
    return tuple(word for word in words if word not in _FILLERS)


def read_split(name: str) -> SplitName | None:
    """The split that a name says by itself: `Training`, `test_set`; None for `asl_train`, and where it says none."""
    split, rest = _read(name) or (None, ())
    return None if rest else split


def is_filler(name: str) -> bool:
    """Whether a folder's name says nothing of what is in it: `images`, `Dataset2`. A number may be a class."""
    words = [each for part in _PART.findall(name) for each in _shorten(part.lower())]
    return bool(words) and all(word in _FILLERS for word in words)


def are_parts(names: Iterable[str]) -> bool:
    """Whether names differ in a number only and say that they are parts of one thing: `fold_1`, `fold_2`;
    `HAM10000_images_part_1`, `HAM10000_images_part_2`."""
    names = list(names)
    numbered = {re.sub(r"\d+", "#", name.lower()) for name in names}
    words = {word for name in numbered for part in _PART.findall(name) for word in _shorten(part)}
    return len(names) > 1 and len(numbered) == 1 and not words.isdisjoint((*_PARTS, *_FILLERS))


def _read(name: str) -> tuple[SplitName, tuple[str, ...]] | None:
    """The split that a name says, and its other words; None where it says none, or several."""
    words = [word for part in _PART.findall(name) for word in _shorten(part.lower())]
    splits = [_WORDS[word] for word in words if word in _WORDS]
    if len(splits) != 1:
        return None
    return splits[0], tuple(word for word in words if word not in _WORDS and word not in _FILLERS)


def _shorten(word: str) -> tuple[str, ...]:
    """`trainset` → `train`, `set`."""
    for filler in _FILLERS:
        if word.endswith(filler) and word.removesuffix(filler) in _WORDS:
            return word.removesuffix(filler), filler
    return (word,)
