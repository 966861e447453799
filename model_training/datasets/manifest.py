"""`manifest.csv` → a list of entries: `path,label` and any further columns, one line an image."""

from __future__ import annotations

import codecs
import csv
import difflib
import os
import sys
import unicodedata
from collections.abc import Collection, Iterator, Mapping, Sequence
from pathlib import Path, PureWindowsPath

from ..runtime.errors import DatasetError
from .folders import SPLIT_FOLDERS, Dataset, Entry, SplitName, is_procedural, list_folder, sort_entries

NAME = "manifest.csv"
#: Between the classes of a multi-label image, in a cell.
SEPARATOR = ";"

_BYTE_ORDER_MARKS = {codecs.BOM_UTF8: "utf-8-sig", codecs.BOM_UTF16_LE: "utf-16", codecs.BOM_UTF16_BE: "utf-16"}


class Columns(Mapping[str, str]):
    """One line's cells by column. A million lines share the names and every repeated word."""

    __slots__ = ("_cells", "_names")

    def __init__(self, names: dict[str, int], cells: tuple[str, ...]) -> None:
        self._names = names
        self._cells = cells

    def __getitem__(self, name: str) -> str:
        return self._cells[self._names[name]]

    def __iter__(self) -> Iterator[str]:
        return iter(self._names)

    def __len__(self) -> int:
        return len(self._names)

    def __repr__(self) -> str:
        return repr(dict(self))


def find_manifest(place: Path) -> Path | None:
    """The manifest that `place` is or holds; None for a folder without one."""
    if place.suffix.lower() in {".csv", ".tsv"}:
        return place
    inside = place / NAME
    return inside if inside.is_file() else None


def list_dataset(
    place: Path,
    label: str = "label",
    setting: str = "data.label",
    attributes: Sequence[str] = (),
    *,
    multi_label: bool = False,
    label_from: str | None = None,
    encoding: str | None = None,
) -> Dataset:
    """`read_manifest` of the manifest that `place` is or holds, else `list_folder`. Opens no image."""
    manifest = find_manifest(place)
    if manifest is None:
        return list_folder(place, attributes, label_from, encoding)
    return read_manifest(manifest, label, setting, multi_label=multi_label)


def read_manifest(
    path: Path, label: str = "label", setting: str = "data.label", *, multi_label: bool = False
) -> Dataset:
    """List the images of a manifest, in one pass over its lines.

    Paths start at the manifest's folder; Windows' backslashes are understood, and so is a Hangul name that a Mac
    decomposed. `label` names the class column, `setting` the recipe's key that says so; with `multi_label` its cells
    hold one class or several, with `;` between them. A column `split` (train, validation or val, test) is a given
    split. UTF-8, UTF-16 and CP949 are told apart; commas, semicolons and tabs too.
    Raises `DatasetError` with the line's number for whatever does not hold.
    """
    root = os.path.normpath(path.parent)
    entries: list[Entry] = []
    lines: dict[str, int] = {}  # path → the line that has it
    missing: list[tuple[int, str]] = []
    rows = _read_rows(path)
    names = _read_header(path, next(rows, (1, []))[1], label, setting)
    for line, cells in rows:
        if len(cells) != len(names):
            raise DatasetError(
                f"{path}, line {line}: there are {len(cells)} cells, the first line names {len(names)} columns.",
                'Put a cell that holds a comma between quotation marks: "Rain, Steam and Speed".',
            )
        columns = Columns(names, tuple(_tidy(cell) for cell in cells))
        given = columns["path"]
        for column in ("path", label):
            if not columns[column]:
                raise DatasetError(f"{path}, line {line}: the {column} is empty.", "Fill it in or remove the line.")
        classes = _read_classes(path, line, columns[label], multi_label)
        file = _find_file(root, given)
        if file is None:
            _refuse_other_machine(path, line, given)
            missing.append((line, given))
            continue
        if (first := lines.setdefault(file, line)) != line:
            raise DatasetError(
                f"{path}, line {line}: {given} is in line {first} already.", "Remove one of the two lines."
            )
        name, *others = dict.fromkeys(classes)
        entries.append(Entry(Path(file), name, _read_split(path, line, columns), columns, line, tuple(others)))
    if missing:
        line, given = missing[0]
        more = f", nor are the files of {len(missing) - 1} more lines" if len(missing) > 1 else ""
        raise DatasetError(
            f"{path}, line {line}: {given} is not there{more}.",
            f"Paths start at {path.parent}. Put the file there or remove the line.",
        )
    labels = tuple(sorted({name for entry in entries for name in entry.labels}))
    return Dataset(Path(root), sort_entries(entries), labels, is_procedural(path.parent), manifest=path)


def _read_classes(path: Path, line: int, cell: str, multi_label: bool) -> list[str]:
    if SEPARATOR not in cell:
        return [cell]
    if not multi_label:
        raise DatasetError(
            f"{path}, line {line}: {cell!r} holds several classes.",
            "Pass data.multi_label=true for a model that names several, or write one class into each line.",
        )
    names = [_tidy(name) for name in cell.split(SEPARATOR)]
    if not all(names):
        raise DatasetError(
            f"{path}, line {line}: {cell!r} holds a class without a name.", f"Write {SEPARATOR} between classes only."
        )
    return names


def check_column(dataset: Dataset, column: str, setting: str) -> None:
    """Raise `DatasetError` where the dataset has no such column; `setting` is the recipe's key that asks for it."""
    known = list(dataset.entries[0].columns) if dataset.entries else []
    if dataset.manifest is None and not known:
        raise DatasetError(
            f"{dataset.root}: {setting} asks for the column {column!r}, but there is no {NAME}.",
            f"Put a {NAME} with the columns path, label and {column} into the folder, or leave {setting} out.",
        )
    if column not in known:
        raise DatasetError(
            f"{dataset.source}: there is no column {column!r}.", f"{suggest(column, known)} Pass {setting}=column."
        )


def suggest(name: str, known: Collection[str]) -> str:
    """`Did you mean 'artist'?`, or all that there is where nothing is near."""
    near = difflib.get_close_matches(name, known, n=1)
    if near:
        return f"Did you mean {near[0]!r}?"
    listed = ", ".join(list(known)[:20])
    return f"There is {listed}{', …' if len(known) > 20 else ''}."


def _read_rows(path: Path) -> Iterator[tuple[int, list[str]]]:
    """Line numbers and cells, empty lines passed over; nothing but the line at hand is in memory."""
    encoding = detect_encoding(path)
    try:
        with path.open(encoding=encoding, newline="") as file:
            header = file.readline()
            delimiter = max(",;\t", key=header.count)
            file.seek(0)
            reader = csv.reader(file, delimiter=delimiter, strict=True)
            start = 1
            for cells in reader:
                if any(cells):
                    yield start, cells
                start = reader.line_num + 1
    except csv.Error as error:
        raise DatasetError(
            f"{path}, line {reader.line_num}: {error}.", "Close every quotation mark, and double one inside a cell."
        ) from None
    except UnicodeError as error:  # the encodings that were not tried line by line
        reason = f"this is not {encoding}, as its first bytes say ({error})"
        raise DatasetError(f"{path}: {reason}.", "Save it as UTF-8.") from None


def _read_header(path: Path, header: list[str], label: str, setting: str) -> dict[str, int]:
    names = [_tidy(name) for name in header]
    if not names:
        raise DatasetError(f"{path}: the file is empty.", "Its first line names the columns: path,label.")
    for column in ("path", label):
        if column not in names:
            known = [name for name in names if name]
            other = next((name for name in known if name != "path"), "column")
            set_label = "" if column == "path" else f" Name the class column with {setting}={other}."
            raise DatasetError(f"{path}: there is no column {column!r}.", suggest(column, known) + set_label)
    if twice := [name for name in names if name and names.count(name) > 1]:
        raise DatasetError(f"{path}: two columns are called {twice[0]!r}.", "Rename or remove one of them.")
    return {name: number for number, name in enumerate(names)} if all(names) else _number_unnamed(names)


def _number_unnamed(names: list[str]) -> dict[str, int]:
    """Spreadsheets leave columns without a name behind: they are kept as `column 3`."""
    return {name or f"column {number + 1}": number for number, name in enumerate(names)}


def _tidy(cell: str) -> str:
    return sys.intern(unicodedata.normalize("NFC", cell.strip()))


def _find_file(root: str, given: str) -> str | None:
    """The file's path without `.` and `..`; in strings, since a `Path` for each try would take most of the time."""
    for name in (given, given.replace("\\", "/")):
        for form in (name, unicodedata.normalize("NFD", name)):
            file = os.path.normpath(os.path.join(root, form))  # noqa: PTH118
            if os.path.isfile(file):  # noqa: PTH113
                return file
    return None


def _refuse_other_machine(path: Path, line: int, given: str) -> None:
    if PureWindowsPath(given).drive:
        raise DatasetError(
            f"{path}, line {line}: {given} is a path on another machine.",
            f"Write the path from the manifest's folder on: {PureWindowsPath(given).name}, for example.",
        )


def _read_split(path: Path, line: int, columns: Columns) -> SplitName | None:
    if "split" not in columns:
        return None
    split = SPLIT_FOLDERS.get(columns["split"].lower())
    if split is None:
        raise DatasetError(
            f"{path}, line {line}: the split {columns['split']!r} is unknown.",
            "Write train, validation or test into every line, or rename the column.",
        )
    return split


def detect_encoding(path: Path) -> str:
    """`utf-8`, `utf-8-sig`, `utf-16` or `cp949`, by the byte order mark or by looking at every line.

    Raises `DatasetError` for a missing file, for another encoding, and for UTF-8 and CP949 in one file.
    """
    try:
        with path.open("rb") as file:
            start = file.read(4)
            for mark, encoding in _BYTE_ORDER_MARKS.items():
                if start.startswith(mark):
                    return encoding
            if b"\0" in start:
                raise DatasetError(f"{path}: this is not a CSV file in UTF-8.", "Save it as CSV (UTF-8).")
            file.seek(0)
            return _detect_by_lines(path, file)
    except FileNotFoundError:
        raise DatasetError(f"{path}: there is no such file.", "Give --data FOLDER or --data manifest.csv.") from None


def _detect_by_lines(path: Path, lines: Collection[bytes] | Iterator[bytes]) -> str:
    utf8 = cp949 = 0  # the first line that can only be the one or the other
    for number, line in enumerate(lines, 1):
        if line.isascii():
            continue
        if not _decodes(line, "utf-8"):
            if not _decodes(line, "cp949"):
                raise DatasetError(f"{path}, line {number}: this is neither UTF-8 nor CP949.", "Save it as UTF-8.")
            cp949 = cp949 or number
        # Short words in CP949 can pass for two-byte UTF-8 (치 is ġ): only longer sequences are evidence.
        elif any(byte >= 0xE0 for byte in line) or not _decodes(line, "cp949"):
            utf8 = utf8 or number
        if utf8 and cp949:
            raise DatasetError(
                f"{path}: line {utf8} is in UTF-8, line {cp949} in CP949.",
                "Save the whole file in one encoding, UTF-8.",
            )
    return "cp949" if cp949 else "utf-8"


def _decodes(line: bytes, encoding: str) -> bool:
    try:
        line.decode(encoding)
    except UnicodeDecodeError:
        return False
    return True
