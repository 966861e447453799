"""Counts the letters of dictionaries: writes `model_training/datasets/tables/letters.txt` anew.

    python -m pip install --no-deps --target FOLDER jieba==0.42.1 opencc-python-reimplemented==0.1.7 \\
        unidic-lite==1.0.8 python-mecab-ko-dic==2.1.1.post2
    python -m tests.benchmarks.letters FOLDER

Chinese words are jieba's (MIT), each weighing the logarithm of its frequency; in traditional letters as OpenCC
(Apache-2.0) converts them. Japanese nouns are UniDic's (of its three licences the BSD one), Korean nouns mecab-ko-dic's
(Apache-2.0); each counts once.
"""

from __future__ import annotations

import math
import struct
import sys
from collections import Counter
from collections.abc import Iterable, Iterator
from importlib import import_module
from pathlib import Path

OUT = Path("model_training/datasets/tables/letters.txt")
HEAD = (
    "# The most frequent letters of each language, most frequent first: counted by tests/benchmarks/letters.py, which "
    "names the dictionaries and their licences."
)
#: How many letters of each are kept.
KEPT = {"simplified_chinese": 3600, "traditional_chinese": 3600, "japanese": 3000, "korean": 2100, "kana": 300}


def read_features(dictionary: Path) -> Iterator[list[str]]:
    """The fields of each word of a compiled MeCab dictionary: behind a head of 72 bytes, a trie and tokens."""
    data = dictionary.read_bytes()
    trie, tokens, length = struct.unpack_from("<III", data, 24)
    start = 72 + trie + tokens
    for feature in data[start : start + length].split(b"\0"):
        yield feature.decode("utf-8").split(",")


def count(words: Iterable[tuple[str, float]]) -> Counter[str]:
    counts: Counter[str] = Counter()
    for word, weight in words:
        for letter in word:
            counts[letter] += weight  # type: ignore[assignment]
    return counts


def keep(counts: Counter[str], first: str, last: str, most: int) -> str:
    kept = sorted((letter for letter in counts if first <= letter <= last), key=lambda each: (-counts[each], each))
    return "".join(kept[:most])


def main() -> None:
    folder = Path(sys.argv[1])
    sys.path.insert(0, str(folder))
    opencc = import_module("opencc")  # of that folder: nothing else needs it

    lines = (folder / "jieba" / "dict.txt").read_text("utf-8").splitlines()
    words = [(line.split()[0], math.log(2 + int(line.split()[1]))) for line in lines if line.strip()]
    convert = opencc.OpenCC("s2t").convert
    traditional = zip(
        convert("\n".join(word for word, _ in words)).split("\n"), (each for _, each in words), strict=True
    )
    unidic = read_features(folder / "unidic_lite" / "dicdir" / "sys.dic")
    japanese = count((word, 1) for word in {each[8] for each in unidic if each[0] == "名詞" and len(each) > 8})
    mecab = read_features(folder / "mecab_ko_dic" / "dictionary" / "sys.dic")
    korean = count((word, 1) for word in {each[3] for each in mecab if each[0] in ("NNG", "NNP") and len(each) > 3})
    counts = {
        "simplified_chinese": (count(words), "一", "鿿"),
        "traditional_chinese": (count(traditional), "一", "鿿"),
        "japanese": (japanese, "一", "鿿"),
        "korean": (korean, "가", "힣"),
        "kana": (japanese, "ぁ", "ヿ"),
    }
    written = [f"{name}\t{keep(*each, KEPT[name])}" for name, each in counts.items()]
    OUT.write_text("\n".join((HEAD, *written)) + "\n", "utf-8")


if __name__ == "__main__":
    main()
