"""Lists without names of columns: `a.jpg 0`, MXNet's `0 1.0 a.jpg`, `a.jpg n01443537 0 32 44 62`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import pairwise

from .columns import find_role

#: From so many lines on, 1, 2, 3, … are numbers of the lines, not classes.
_COUNTED = 10


def name_columns(
    first: Sequence[str], rows: Sequence[Sequence[str]], is_file: Callable[[str], bool]
) -> list[str] | None:
    """Names of the columns of a table whose first line names an image's file: `path`, `label`, and numbers for others.

    The class is the first of the other columns that does not count the lines. None where the first line has names of
    columns, where not just one of its cells is a file, or where nothing can be the class.
    """
    if len(first) < 2 or any(find_role(cell) for cell in first):
        return None
    paths = [column for column, cell in enumerate(first) if cell and is_file(cell)]
    if len(paths) != 1:
        return None
    others = [column for column in range(len(first)) if column != paths[0]]
    likely = [column for column in others if not _counts(rows, column, least=_COUNTED if len(others) == 1 else 2)]
    if not likely:
        return None
    known = {paths[0]: "path", likely[0]: "label"}
    return [known.get(column, f"column {column + 1}") for column in range(len(first))]


def _counts(rows: Sequence[Sequence[str]], column: int, *, least: int) -> bool:
    """Whether the cells of a column are numbers, each one more than the one before."""
    cells = [row[column] for row in rows if column < len(row)]
    if len(cells) < least or not all(cell.isdecimal() for cell in cells):
        return False
    return all(int(after) == int(before) + 1 for before, after in pairwise(cells))
