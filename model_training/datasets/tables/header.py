"""A table's first line → which cell of a line is which."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from ...runtime.errors import DatasetError
from ..findings import Findings
from ..suggest import suggest
from .columns import Role, find_columns, find_role, match_name


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


@dataclass(frozen=True)
class Header:
    """`names`: column → its place; `path`, `label`: the columns that name the picture and its class, `label` None where
    no column does; `unnamed`: how many columns at the end nobody named."""

    names: dict[str, int]
    path: str
    label: str | None
    unnamed: int

    def read_line(self, path: Path, line: int, cells: Sequence[str], findings: Findings) -> Columns:
        """Raises `DatasetError` for a line that has another number of cells, unless those have nothing in them."""
        surplus = cells[len(self.names) :]
        missing = len(self.names) - len(cells)
        if any(surplus) or missing > self.unnamed:
            raise DatasetError(
                f"{path}, line {line}: there are {len(cells)} cells, the first line names {len(self.names)} columns.",
                'Put a cell that holds a comma between quotation marks: "Rain, Steam and Speed".',
            )
        if surplus:
            findings.add("lines of the manifest that end with a separator too many", line)
        return Columns(self.names, (*cells[: len(self.names)], *[""] * missing))


def read_header(path: Path, cells: Sequence[str], label: str, setting: str, findings: Findings) -> Header:
    """`label` is the column that `setting` asks for, or one of the usual names where that is just "label".

    Raises `DatasetError` where no column names the picture, where that which is asked for is not there, or where
    several are as likely.
    """
    known = [name for name in cells if name]
    if not known:
        raise DatasetError(f"{path}: the file is empty.", "Its first line names the columns: path,label.")
    if twice := [name for name in known if known.count(name) > 1]:
        raise DatasetError(f"{path}: two columns are called {twice[0]!r}.", "Rename or remove one of them.")
    # Spreadsheets leave columns without a name behind: they are kept as `column 3`.
    names = {name or f"column {number + 1}": number for number, name in enumerate(cells)}
    picture = _take(find_columns(known, "path"), "path", findings)
    if picture is None:
        raise DatasetError(f"{path}: there is no column 'path'.", suggest("path", known))
    unnamed = len(cells) - 1 - max(names[name] for name in known)
    others = [name for name in known if name != picture]
    return Header(names, picture, _choose_label(path, others, label, setting, findings), unnamed)


def _choose_label(path: Path, known: Sequence[str], label: str, setting: str, findings: Findings) -> str | None:
    if (asked := match_name(label, known)) is not None:
        return asked
    if label != "label":
        raise DatasetError(f"{path}: there is no column {label!r}.", suggest(label, known))
    likely = find_columns(known, "label") or (known if len(known) == 1 and find_role(known[0]) is None else [])
    if len(likely) > 1:
        raise DatasetError(
            f"{path}: {likely[0]!r} and {likely[1]!r} may both name the class.",
            f"Say which: {setting}={likely[0]} or {setting}={likely[1]}.",
        )
    return _take(likely, "label", findings)


def _take(likely: Sequence[str], role: Role, findings: Findings) -> str | None:
    if likely and likely[0] != role:
        findings.add("columns of the manifest that are read by their usual names", f"{likely[0]} → {role}")
    return likely[0] if likely else None
