"""Lists without names of columns: `a.jpg 0`, `TRAIN,a.jpg,cat`, MXNet's `0 1.0 a.jpg`, `a.jpg n01443537 0 32 44 62`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import pairwise

from .columns import find_role
from .split_cells import says_splits

#: From so many lines on, 1, 2, 3, … are numbers of the lines, not classes.
_COUNTED = 10


def name_columns(
    first: Sequence[str], rows: Sequence[Sequence[str]], is_file: Callable[[str], bool]
) -> list[str] | None:
    """Names of the columns of a table whose first line names an image's file: `path`, `label`, `split`, and numbers for
    others.

    The class is the first of the other columns that does not count the lines, and has no words for splits alone. None
    where the first line has names of columns, where not just one of its cells is a file, or where nothing can be the
    class.
    """
    if len(first) < 2 or any(find_role(cell) for cell in first):
        return None
    paths = [column for column, cell in enumerate(first) if cell and is_file(cell)]
    if len(paths) != 1:
        return None
    others = [column for column in range(len(first)) if column != paths[0]]
    cells = {column: [row[column] for row in rows if column < len(row)] for column in others}
    splits = [column for column in others if len(others) > 1 and says_splits(cells[column])]
    others = [column for column in others if column not in splits]
    least = _COUNTED if len(others) == 1 else 2
    likely = [column for column in others if not _counts(cells[column], least)]
    if not likely:
        return None
    known = {paths[0]: "path", likely[0]: "label"} | dict.fromkeys(splits[:1], "split")
    return [known.get(column, f"column {column + 1}") for column in range(len(first))]


def _counts(cells: Sequence[str], least: int) -> bool:
    """Whether the cells of a column, so many at least, are numbers, each one more than the one before."""
    if len(cells) < least or not all(cell.isdecimal() for cell in cells):
        return False
    return all(int(after) == int(before) + 1 for before, after in pairwise(cells))
