"""Bytes of a table → its encoding: the one in which its words are most probable, or an error where two are.

Detectors judge by long texts; a manifest may hold two short words. So each reading is weighed letter by letter
(`languages`).
"""

from __future__ import annotations

import codecs
import os
import re
import unicodedata
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from ...runtime.errors import DatasetError
from .languages import ALPHABETS, EAST_ASIAN, weigh_word

_MARKS = {
    codecs.BOM_UTF8: "utf-8-sig",
    codecs.BOM_UTF32_LE: "utf-32",  # begins like UTF-16's
    codecs.BOM_UTF32_BE: "utf-32",
    codecs.BOM_UTF16_LE: "utf-16",
    codecs.BOM_UTF16_BE: "utf-16",
}
#: encoding → the languages that are written in it
_LANGUAGES: dict[str, tuple[str, ...]] = {
    "utf-8": (*EAST_ASIAN, *(language for languages in ALPHABETS.values() for language in languages)),
    "cp949": ("korean",),
    "gb18030": ("simplified_chinese", "traditional_chinese"),
    "big5hkscs": ("traditional_chinese",),
    "cp932": ("japanese",),
    "euc_jp": ("japanese",),
    **ALPHABETS,
}
#: One reading has to be e⁸, three thousand times as probable as the next one.
MARGIN = 8.0
#: What a word weighs more that is a column's usual name, or the name of a file that is there.
EXPECTED = 12.0
#: What an encoding weighs more before anything is read: most tables are in UTF-8, and other text hardly ever passes for
#: it; most tables in a code page of Latin letters are from Western Europe.
_PRIOR = {"utf-8": 5.0, "cp1252": 4.0}
#: Distinct words that are weighed; all are checked.
WEIGHED = 2000
#: These bytes are no part of a letter in any of the encodings.
_BETWEEN = re.compile(rb"[\x00-\x2f\x3a-\x3f]+")
#: Of the bytes of a UTF-16 table at least: Chinese cells of a dozen letters between the commas have more.
_FEWEST_ZEROS = 0.03


@dataclass(frozen=True)
class _Reading:
    """`weight`: the natural logarithm of the words' probability."""

    encoding: str
    words: tuple[str, ...]
    weight: float


def detect_encoding(
    path: Path, given: str | None = None, expected: Collection[str] = (), undecided: str | None = None
) -> str:
    """Python's name of the encoding of a text file: `given`, or what its byte order mark or its words say.

    `expected` are words that a reading is likely to hold. Where two readings are about as probable, the names of the
    files in its folder decide; then it is `undecided`, if that is among them. Raises `DatasetError` where nothing
    decides, showing both; for a file of two encodings, with the lines; for a missing file, and a `given` encoding that
    does not exist or does not fit.
    """
    try:
        with path.open("rb") as file:
            if given is not None:
                return _check_given(path, file, given)
            start = file.read(4096)
            for mark, encoding in _MARKS.items():
                if start.startswith(mark):
                    return encoding
            if b"\0" in start:
                return _detect_utf16(path, start)
            file.seek(0)
            lines = _collect_words(file)
    except FileNotFoundError:
        raise DatasetError(f"{path}: there is no such file.", "Give --data FOLDER or --data manifest.csv.") from None
    if not lines:
        return "utf-8"
    readings = _weigh_readings(list(lines), expected)
    if not readings:
        line = next(iter(lines.values()))
        raise DatasetError(f"{path}, line {line}: this is text in no known encoding.", "Save it as UTF-8.")
    _refuse_mixture(path, lines, readings)
    if _find_rival(readings) is not None:
        readings = _weigh_readings(list(lines), {*expected, *_name_files(path.parent)})
    rival = _find_rival(readings)
    if rival is not None:
        if undecided in {each.encoding for each in readings if each.weight > readings[0].weight - MARGIN}:
            return str(undecided)
        raise _ask(path, lines, readings[0], rival)
    return readings[0].encoding


def _check_given(path: Path, lines: Iterable[bytes], given: str) -> str:
    try:
        decoder = codecs.getincrementaldecoder(given)()
        number = 0
        for number, line in enumerate(lines, 1):  # noqa: B007
            decoder.decode(line)
        decoder.decode(b"", final=True)
    except LookupError:
        raise DatasetError(
            f"There is no encoding {given!r}.", "Give --encoding utf-8, cp949, gb18030, big5, cp932 or another."
        ) from None
    except UnicodeDecodeError:
        raise DatasetError(
            f"{path}, line {number}: this is not {given}.", "Give another --encoding, or none to have it detected."
        ) from None
    return given


def _detect_utf16(path: Path, start: bytes) -> str:
    """Commas and line ends have a zero byte, before them in the one order and behind them in the other. A few zeros in
    a text of one byte a letter are damage."""
    first, second = start[::2].count(0), start[1::2].count(0)
    if max(first, second) < _FEWEST_ZEROS * len(start):
        raise DatasetError(f"{path}: this is no text.", "Save the table as CSV (UTF-8).")
    encoding = "utf-16-be" if first > second else "utf-16-le"
    try:
        text = codecs.getincrementaldecoder(encoding)().decode(start)
    except UnicodeDecodeError:
        text = "\0"
    if "\0" in text:
        raise DatasetError(f"{path}: this is no text.", "Save the table as CSV (UTF-8).")
    return encoding


def _collect_words(file: Iterable[bytes]) -> dict[bytes, int]:
    """Distinct words with anything but ASCII → the line where each is first."""
    found: dict[bytes, int] = {}
    for number, line in enumerate(file, 1):
        if not line.isascii():
            for word in _BETWEEN.split(line):
                if not word.isascii():
                    found.setdefault(word, number)
    return found


def _weigh_readings(words: Sequence[bytes], expected: Collection[str]) -> list[_Reading]:
    """Every reading without an error, most probable first."""
    likely = {word for each in expected for word in _split(each)}
    found = []
    for encoding, languages in _LANGUAGES.items():
        read = [_decode(word, encoding) for word in words]
        if None not in read:
            texts = tuple(unicodedata.normalize("NFC", text) for text in read if text is not None)
            weighed = texts[:WEIGHED]
            weight = max(sum(weigh_word(text, language) for text in weighed) for language in languages)
            weight += EXPECTED * sum(text in likely for text in weighed) + _PRIOR.get(encoding, 0)
            found.append(_Reading(encoding, texts, weight))
    return sorted(found, key=lambda reading: -reading.weight)


def _decode(word: bytes, encoding: str) -> str | None:
    try:
        return word.decode(encoding)
    except UnicodeDecodeError:
        return None


def _split(text: str) -> list[str]:
    return _BETWEEN.sub(b" ", unicodedata.normalize("NFC", text).encode("utf-8", "replace")).decode().split()


def _name_files(folder: Path) -> set[str]:
    return {name for _, folders, files in os.walk(folder) for name in (*folders, *files) if not name.isascii()}


def _find_rival(readings: Sequence[_Reading]) -> _Reading | None:
    best, *others = readings
    return next(
        (each for each in others if each.weight > best.weight - MARGIN and each.words != best.words),
        None,
    )


def _refuse_mixture(path: Path, lines: dict[bytes, int], readings: Sequence[_Reading]) -> None:
    """A word that is UTF-8, and makes no sense in the encoding that the others need."""
    if any(reading.encoding == "utf-8" for reading in readings):
        return
    others = [word for word in lines if _decode(word, "utf-8") is None]
    legacy = _weigh_readings(others, ())[0].encoding
    for word, line in lines.items():
        if (text := _decode(word, "utf-8")) is not None:
            weight = max(weigh_word(text, language) for language in EAST_ASIAN)
            read = _decode(word, legacy)
            if read is None or weight > MARGIN + max(weigh_word(read, language) for language in _LANGUAGES["utf-8"]):
                raise DatasetError(
                    f"{path}: line {line} is in UTF-8, line {lines[others[0]]} in {legacy}.",
                    "Save the whole file in one encoding, UTF-8.",
                )


def _ask(path: Path, lines: dict[bytes, int], best: _Reading, rival: _Reading) -> DatasetError:
    line, one, other = next(
        (line, one, other)
        for line, one, other in zip(lines.values(), best.words, rival.words, strict=True)
        if one != other
    )
    return DatasetError(
        f"{path}, line {line}: this is {one!r} in {best.encoding}, and {other!r} in {rival.encoding}.",
        f"Say which is right: --encoding {best.encoding} or --encoding {rival.encoding} (data.encoding in a recipe).",
    )
