"""The column that says in which split a picture is, whatever its words are."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from ...runtime.errors import DatasetError
from ..findings import Findings
from ..split_names import SplitName, read_split
from .columns import find_columns, fold
from .header import Columns

#: Words of cells alone: a folder `tr` may be Turkish.
_SHORT: dict[str, SplitName] = {"tr": "train", "te": "test"}
_NUMBERED: dict[int, tuple[SplitName, ...]] = {2: ("train", "test"), 3: ("train", "validation", "test")}
#: Columns that say of one split whether a picture is in it.
_FLAGS: dict[str, tuple[SplitName, SplitName]] = {
    **dict.fromkeys(("istrain", "istraining", "istrainingimage"), ("test", "train")),
    **dict.fromkeys(("istest", "istesting", "istestimage"), ("train", "test")),
}
#: Vertex AI's word for no split, and what other programs write into an empty cell.
_NONE = frozenset({"", "unassigned", "none", "nan", "null"})
_TRUTH = {"0": 0, "1": 1, "false": 0, "true": 1, "no": 0, "yes": 1, "n": 0, "y": 1}


@dataclass(frozen=True)
class SplitColumn:
    name: str
    splits: Mapping[str, SplitName]

    def read(self, row: Columns) -> SplitName | None:
        return self.splits.get(row[self.name])


def find_split(path: Path, rows: Sequence[tuple[int, Columns]], findings: Findings) -> SplitColumn | None:
    """The column and what its words mean; None where there is none, or where it is empty.

    A column `split` has to be understood; others that may be one (`subset`, `is_test`) are if all of their words are.
    Raises `DatasetError` with the line of a word that is not.
    """
    names = list(rows[0][1]) if rows else []
    likely = [*find_columns(names, "split"), *(name for name in names if fold(name) in _FLAGS)]
    for name in likely:
        words = dict.fromkeys(row[name] for _, row in rows if row[name].lower() not in _NONE)
        splits = _understand(name, list(words))
        unknown = [word for word in words if word not in splits]
        if unknown and fold(name) == "split":
            line = next(line for line, row in rows if row[name] == unknown[0])
            raise DatasetError(
                f"{path}, line {line}: the split {unknown[0]!r} is unknown.",
                "Write train, validation or test into every line, or rename the column.",
            )
        if words and not unknown:
            if name != "split":
                findings.add("columns of the manifest that are read by their usual names", f"{name} → split")
            for word, split in splits.items():
                if _read_word(word) is None:
                    findings.add("numbers of the manifest that are read as splits", f"{name} {word} → {split}")
            return SplitColumn(name, splits)
    return None


def _understand(name: str, words: Sequence[str]) -> dict[str, SplitName]:
    if (flag := _FLAGS.get(fold(name))) is not None:
        return {word: flag[_TRUTH[word.lower()]] for word in words if word.lower() in _TRUTH}
    numbered = _NUMBERED.get(len(words), ())
    if sorted(words) == [str(number) for number in range(len(numbered))]:
        return dict(zip(sorted(words), numbered, strict=True))
    return {word: split for word in words if (split := _read_word(word)) is not None}


def says_splits(words: Iterable[str]) -> bool:
    """Whether all words are splits, or for none."""
    return all(word.lower() in _NONE or _read_word(word) for word in words)


def _read_word(word: str) -> SplitName | None:
    return _SHORT.get(word.lower()) or read_split(word)
