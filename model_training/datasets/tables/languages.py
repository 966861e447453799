"""How probable a word is in a language, by its letters alone: enough to tell encodings apart by a few words."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

from charset_normalizer.constant import FREQUENCIES

#: The probability of a letter by its rank falls off as 1 / (rank + OFFSET), close to what dictionaries show.
OFFSET = 30
#: Natural logarithms of the probability of an ASCII letter in any language, of a letter of its alphabet that
#: a language rarely has, of one that it does not use, and of one that no text has: control characters, private use.
ASCII, RARE, STRANGE, IMPOSSIBLE = math.log(1 / 200), -9.0, -14.0, -25.0
#: Added where two scripts meet inside a word, as in "SF만화", and for a capital inside a word.
SWITCH, CAPITAL = -4.0, -3.0


@dataclass(frozen=True)
class _Language:
    """`common`: lists in letters.txt with the share of the letters that each covers; `script`: of all its letters;
    `standard`: the encoding of its national standard, with the number and the share of its further letters."""

    script: str
    common: tuple[tuple[str, float], ...]
    standard: str
    further: int
    further_share: float


EAST_ASIAN = {
    "korean": _Language("hangul", (("korean", 0.97),), "euc_kr", 1650, 0.025),
    "simplified_chinese": _Language("han", (("simplified_chinese", 0.83),), "gb2312", 5563, 0.165),
    "traditional_chinese": _Language("han", (("traditional_chinese", 0.85),), "big5", 11853, 0.145),
    "japanese": _Language("han", (("kana", 0.5), ("japanese", 0.42)), "euc_jp", 5355, 0.07),
}
#: charset-normalizer's lists of letters, by the Windows code page that has them
ALPHABETS = {
    "cp1250": ("Polish", "Czech", "Slovak", "Slovene", "Croatian", "Hungarian", "Romanian"),
    "cp1251": ("Russian", "Ukrainian", "Bulgarian", "Serbian", "Kazakh"),
    "cp1252": ("German", "French", "Spanish", "Portuguese", "Italian", "Dutch", "Swedish", "Danish", "Finnish"),
    "cp1253": ("Greek",),
    "cp1254": ("Turkish",),
    "cp1255": ("Hebrew",),
    "cp1256": ("Arabic", "Farsi"),
    "cp1257": ("Lithuanian", "Estonian"),
    "cp1258": ("Vietnamese",),
    "cp874": ("Thai",),
}


def weigh_word(word: str, language: str) -> float:
    """The natural logarithm of a word's probability: of letters drawn one by one, less where scripts meet.

    `language` is one of `EAST_ASIAN`, or of those in `ALPHABETS`.
    """
    weight, last = 0.0, " "
    for letter in word:
        weight += _weigh_letter(letter, language)
        script, before = _find_script(letter), _find_script(last)
        if script and before and script != before:
            weight += SWITCH
        elif letter.isupper() and last.isalpha():
            weight += CAPITAL
        last = letter
    return weight


@cache
def _read_common(language: str) -> dict[str, float]:
    """The log probabilities of a language's common letters."""
    if language not in EAST_ASIAN:
        letters = [letter for letter in FREQUENCIES[language] if not letter.isascii()]
        share = 0.3 if letters and _find_script(letters[0]) == "latin" else 1
        return _rank(letters, share, 2)
    lines = files(__package__).joinpath("letters.txt").read_text("utf-8").splitlines()
    lists = dict(line.split("\t") for line in lines if not line.startswith("#"))
    weights: dict[str, float] = {}
    for name, share in EAST_ASIAN[language].common:
        weights |= _rank(lists[name], share, OFFSET)
    return weights


def _rank(letters: Sequence[str], share: float, offset: int) -> dict[str, float]:
    total = sum(1 / (rank + offset) for rank in range(len(letters)))
    return {letter: math.log(share / total / (rank + offset)) for rank, letter in enumerate(letters)}


@cache
def _find_script(letter: str) -> str:
    """Chinese characters and kana are one script here, as Japanese mixes them; empty for digits and signs."""
    if "\u3041" <= letter <= "\u30ff" or "\u3400" <= letter <= "\u9fff":
        return "han"
    if not letter.isalpha():
        return ""
    if letter < "\u0250" or "\u1e00" <= letter <= "\u1eff":
        return "latin"
    return "hangul" if "\uac00" <= letter <= "\ud7a3" else "other"


@cache
def _weigh_letter(letter: str, language: str) -> float:
    if letter.isascii():
        return ASCII if letter.isprintable() else IMPOSSIBLE
    if letter < "\u00a0" or "\ue000" <= letter <= "\uf8ff":
        return IMPOSSIBLE
    script = _find_script(letter)
    common = _read_common(language)
    if letter.lower() in common:
        return common[letter.lower()]
    if language not in EAST_ASIAN:
        return RARE if script == _find_script(next(iter(common))) else STRANGE
    known = EAST_ASIAN[language]
    if script == known.script:
        in_standard = _is_encodable(letter, known.standard)
        return math.log(known.further_share / known.further) if in_standard else math.log(0.003 / 20_000)
    if script == "han":  # Chinese characters in Korean
        return math.log(0.002 / 4888)
    if "\uff66" <= letter <= "\uff9f" and language == "japanese":  # kana of half width
        return math.log(0.0005 / 58)
    if "\u3000" <= letter <= "\u303f" or "\uff01" <= letter <= "\uff5e":  # punctuation and letters of full width
        return math.log(0.01 / 160)
    return STRANGE


def _is_encodable(letter: str, encoding: str) -> bool:
    try:
        letter.encode(encoding)
    except UnicodeEncodeError:
        return False
    return True
