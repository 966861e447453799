"""`make figures-encodings`: how often a short table's encoding is read, asked about, or read wrongly.

    python -m tests.benchmarks.encodings

Tables of one to ten labels are written in every usual encoding. The words are names of countries, scripts and months in
each language, as Unicode's CLDR has them (by way of Babel); no letter's frequency was counted from them.
"""

from __future__ import annotations

import random
import tempfile
from pathlib import Path

from babel import Locale
from charset_normalizer import from_bytes

from model_training.datasets.tables.encodings import detect_encoding
from model_training.runtime.errors import DatasetError
from tests.benchmarks.results import Entry, Table, publish

DRAWS = 100
LENGTHS = (1, 3, 10)
#: language by Babel → the encodings that its tables are in
ENCODINGS = {
    "ko": ("cp949",),
    "zh_Hans": ("gb18030",),
    "zh_Hant": ("big5",),
    "ja": ("cp932", "euc_jp"),
    "ru": ("cp1251",),
    "de": ("cp1252",),
    "pl": ("cp1250",),
}
NAMES = {
    "ko": "Korean", "zh_Hans": "Chinese", "zh_Hant": "Chinese", "ja": "Japanese", "ru": "Russian", "de": "German",
    "pl": "Polish",
}  # fmt: skip
EAST_ASIAN = ("ko", "zh_Hans", "zh_Hant", "ja")
ROWS = tuple((language, encoding) for language, encodings in ENCODINGS.items() for encoding in (*encodings, "utf-8"))


def list_words(language: str, encoding: str) -> list[str]:
    """Single words as short as labels, two to four letters in East Asia, that the encoding has and ASCII has not."""
    longest = 4 if language in EAST_ASIAN else 9
    locale = Locale.parse(language)
    names = {*locale.territories.values(), *locale.scripts.values(), *locale.months["stand-alone"]["wide"].values()}
    found = []
    for name in sorted(names):
        try:
            fits = name.encode(encoding).decode(encoding) == name
        except UnicodeError:
            continue
        if fits and not name.isascii() and 1 < len(name) <= longest and not set(name) & set(" ,()（）、·-"):
            found.append(name)
    return found


def judge(words: list[str], encoding: str, place: Path) -> tuple[str, bool]:
    """`read`, `asked` or `wrong`; and whether charset-normalizer reads the words as they are meant."""
    content = "\n".join(("path,label", *(f"{number}.jpg,{word}" for number, word in enumerate(words)))).encode(encoding)
    place.write_bytes(content)
    meant = content.decode(encoding)
    best = from_bytes(content).best()
    try:
        said = "read" if content.decode(detect_encoding(place)) == meant else "wrong"
    except DatasetError:
        said = "asked"
    return said, best is not None and str(best) == meant


def main() -> None:
    draw = random.Random(0)
    figures: dict[str, float] = {"tables": 0, "wrong_east_asian": 0}
    with tempfile.TemporaryDirectory() as folder:
        for language, encoding in ROWS:
            words = list_words(language, encoding)
            for length in LENGTHS:
                answers = [
                    judge(draw.sample(words, length), encoding, Path(folder) / "manifest.csv") for _ in range(DRAWS)
                ]
                key = f"{language}_{encoding.replace('-', '')}_{length}"
                for said in ("read", "asked", "wrong"):
                    figures[f"{key}_{said}"] = sum(each == said for each, _ in answers) / DRAWS
                figures[f"{key}_rival"] = sum(right for _, right in answers) / DRAWS
                figures["tables"] += DRAWS
                if language in EAST_ASIAN:
                    figures["wrong_east_asian"] += figures[f"{key}_wrong"] * DRAWS
                print(key, {each: figures[f"{key}_{each}"] for each in ("read", "asked", "wrong", "rival")}, flush=True)
    setup = f"{DRAWS} tables of each kind, drawn at random with one seed, no file beside them"
    publish("encodings", make_entry(), figures, {"wrong_east_asian": ("<=", 0)}, setup)


def make_entry() -> Entry:
    def cell(key: str, length: int) -> str:
        shares = " / ".join(f"{{{key}_{length}_{said}:.0%}}" for said in ("read", "asked", "wrong"))
        return f"{shares} ({{{key}_{length}_rival:.0%}})"

    keys = [(language, encoding, f"{language}_{encoding.replace('-', '')}") for language, encoding in ROWS]
    rows = tuple((NAMES[lang], encoding, *(cell(key, length) for length in LENGTHS)) for lang, encoding, key in keys)
    return Entry(
        section="Data",
        title="The encoding of a short table",
        command="make figures-encodings",
        data="tables of labels: short names of countries, scripts and months of Unicode's CLDR",
        tables=(
            Table(
                ("language", "encoding", *(f"{length} word{'s' * (length > 1)}" for length in LENGTHS)),
                rows,
                "Tables read rightly / asked about / read wrongly (read rightly by charset-normalizer)",
            ),
        ),
        notes=("{tables:.0f} tables in all; {wrong_east_asian:.0f} of the East Asian ones were read wrongly.",),
    )


if __name__ == "__main__":
    main()
