"""A manifest → a list of entries: a table with a picture a line, its path, its class and any further columns."""

from __future__ import annotations

import os
import re
import sys
import unicodedata
from collections.abc import Collection, Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from ..runtime.errors import DatasetError
from .findings import Findings
from .folders import Dataset, Entry, is_procedural, sort_entries
from .suggest import suggest
from .tables.columns import find_columns, find_role, fold, match_name
from .tables.files import FileFinder, is_elsewhere
from .tables.header import Columns, Header, read_header
from .tables.nameless import name_columns
from .tables.one_hot import find_classes, name_classes
from .tables.read import read_table
from .tables.split_cells import find_split
from .tree import Folder, read_tree

NAME = "manifest.csv"
#: Between the classes of a multi-label image, in a cell.
SEPARATOR = ";"
#: im2rec writes classes as 0.000000.
_WHOLE = re.compile(r"\d+\.0+", re.ASCII)
#: Lines by which a table is judged.
_TRIED = 50


def count_pictures(path: Path, label: str = "label", root: Path | None = None) -> int:
    """How many lines of a table name an image and its class, as far as the first lines tell; 0 for what is no table.

    With `root`, half of the images have to be below it, and a table without names of columns is understood by them.
    """
    finder = FileFinder(str(root), Findings()) if root else None
    try:
        names, table = _read_names(path, None, finder, Findings())
        lines = [cells for _, cells in table if len(cells) == len(names)]
    except DatasetError:
        return 0
    places = {name: column for column, name in enumerate(names)}
    rows = [Columns(places, tuple(cells)) for cells in lines[:_TRIED]]
    pictures = find_columns(names, "path")
    if not pictures or not (
        find_columns(names, "label")
        or match_name(label, names)
        or path.name == "_classes.csv"
        or (root is not None and (_find_other(names, rows) or find_classes(rows)))
    ):
        return 0
    known = finder is None or 2 * sum(finder.has(row[pictures[0]]) for row in rows) > len(rows)
    return len(lines) if known else 0


def _find_other(names: Sequence[str], rows: Sequence[Columns]) -> bool:
    """Whether a table of two columns says of its images what several of them have."""
    others = [name for name in names if find_role(name) is None]
    return len(names) == 2 and len(others) == 1 and len({row[others[0]] for row in rows}) < len(rows)


def lists_boxes(path: Path) -> bool:
    """Whether a table has a box in each line: `xmin`, `ymin`, `xmax` and `ymax` beside the name of an image."""
    try:
        names, _ = _read_names(path, None, None, Findings())
    except DatasetError:
        return False
    return {fold(name) for name in names} >= {"xmin", "ymin", "xmax", "ymax"}


def read_manifest(
    path: Path,
    label: str = "label",
    setting: str = "data.label",
    *,
    multi_label: bool = False,
    encoding: str | None = None,
    root: Path | None = None,
    listed: set[str] | None = None,
) -> Dataset:
    """List the images of a manifest, in one pass over its lines.

    `label` names the class column, `setting` the recipe's key that says so; the usual names of columns in English,
    Korean, Japanese and Chinese are understood. With `multi_label` cells hold one class or several, with `;` between
    them. A column `split` is a given split. `encoding` is that of the text; None has it detected. Paths start at
    `root`, by default the manifest's folder; `FileFinder` says what else is found. What was left out or guessed is in
    the dataset's findings; so is what
    lies below `root` and is not listed, unless the caller counts that: `listed` then gets the paths that are.
    Raises `DatasetError` with the line's number for whatever does not hold.
    """
    findings = Findings()
    folder = Path(os.path.normpath(root or path.parent))
    finder = FileFinder(str(folder), findings)
    header, rows = _read_rows(path, label, setting, encoding, finder, findings)
    classes = _find_one_hot(path, header, rows, label, setting, findings)
    given = find_split(path, rows, findings)
    entries: list[Entry] = []
    lines: dict[str, int] = {}  # path → the line that has it
    missing: list[tuple[int, str]] = []
    for line, row in rows:
        named = row[header.path]
        cell = SEPARATOR.join(name_classes(row, classes)) if header.label is None else row[header.label]
        if not named or (not cell and header.label is not None):
            column = header.label if named else header.path
            raise DatasetError(f"{path}, line {line}: the {column} is empty.", "Fill it in or remove the line.")
        if not cell:
            findings.add("lines of the manifest without a class, left out", named)
            continue
        name, *others = dict.fromkeys(_read_classes(path, line, cell, multi_label))
        file = finder.find(named, f"{path}, line {line}")
        if file is None:
            missing.append((line, named))
            continue
        if (first := lines.setdefault(file, line)) != line:
            raise DatasetError(
                f"{path}, line {line}: {named} is in line {first} already.", "Remove one of the two lines."
            )
        entries.append(Entry(Path(file), name, given.read(row) if given else None, row, line, tuple(others)))
    if missing:
        raise _miss(path, *missing[0], len(missing) - 1)
    if listed is None:
        count_unlisted(read_tree(folder), lines, {path}, findings)
    else:
        listed.update(lines)
    entries = _place_rest(entries, findings)
    labels = tuple(sorted({name for entry in entries for name in entry.labels}))
    return Dataset(folder, sort_entries(entries), labels, is_procedural(folder), path, findings=tuple(findings))


def count_unlisted(tree: Folder, listed: Collection[str], tables: Collection[Path], findings: Findings) -> None:
    """What a folder holds beside the images that its `tables` list."""
    for image in tree.list_images():
        if str(image) not in listed:
            findings.add(
                "pictures beside the manifest that it does not list, left out", os.path.relpath(image, tree.path)
            )
    findings.extend(tree.list_left_out(tables))


def _read_rows(
    path: Path, label: str, setting: str, encoding: str | None, finder: FileFinder, findings: Findings
) -> tuple[Header, list[tuple[int, Columns]]]:
    names, table = _read_names(path, encoding, finder, findings)
    header = read_header(path, names, label, setting, findings)
    return header, [(line, header.read_line(path, line, cells, findings)) for line, cells in table]


def _read_names(
    path: Path, encoding: str | None, finder: FileFinder | None, findings: Findings
) -> tuple[list[str], Iterator[tuple[int, list[str]]]]:
    """The names of a table's columns, and its lines; a table without names has those that the files tell."""
    table = ((line, [_tidy(cell) for cell in cells]) for line, cells in read_table(path, encoding, findings))
    first, names = next(table, (1, []))
    if finder is not None and not any(find_role(name) for name in names):
        rows = [(first, names), *table]
        found = name_columns(names, [cells for _, cells in rows], finder.has)
        if found is None:
            return names, iter(rows[1:])
        findings.add("manifest without names of columns, read as", ", ".join(found))
        return found, ((line, [_write_whole(cell) for cell in cells]) for line, cells in rows)
    return names, table


def _write_whole(cell: str) -> str:
    return cell.partition(".")[0] if _WHOLE.fullmatch(cell) else cell


def _find_one_hot(
    path: Path,
    header: Header,
    rows: Sequence[tuple[int, Columns]],
    label: str,
    setting: str,
    findings: Findings,
) -> list[str]:
    """The columns that are classes where none names the class. Raises `DatasetError` where there are none either."""
    if header.label is not None:
        return []
    if classes := find_classes([row for _, row in rows]):
        findings.add("columns of the manifest that are read as classes", ", ".join(classes), len(classes))
        return classes
    known = [name for name in header.names if name != header.path]
    other = f" Name the class column with {setting}={known[0]}." if known else ""
    raise DatasetError(f"{path}: there is no column {label!r}.", suggest(label, known) + other)


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


def _tidy(cell: str) -> str:
    return sys.intern(unicodedata.normalize("NFC", cell.strip()))


def _miss(path: Path, line: int, named: str, others: int) -> DatasetError:
    more = f", nor are the files of {others} more lines" if others else ""
    if is_elsewhere(named):
        return DatasetError(
            f"{path}, line {line}: {named} is a path on another machine{more}.",
            f"Put the pictures below {path.parent}, in folders of the same names.",
        )
    return DatasetError(
        f"{path}, line {line}: {named} is not there{more}.",
        f"Paths start at {path.parent}. Put the file there or remove the line.",
    )


def _place_rest(entries: list[Entry], findings: Findings) -> list[Entry]:
    """What to do about lines without a split where others have one: they train where no line says so itself."""
    named = {entry.split for entry in entries}
    if named <= {None} or None not in named:
        return entries
    rest = [entry for entry in entries if entry.split is None]
    if "train" in named:
        findings.add("lines of the manifest without a split, left out", rest[0].path.name, len(rest))
        return [entry for entry in entries if entry.split is not None]
    findings.add("lines of the manifest without a split, taken for training", rest[0].path.name, len(rest))
    return [entry if entry.split else replace(entry, split="train") for entry in entries]


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
