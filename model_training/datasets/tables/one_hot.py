"""Tables with a column for each class and 1 where a picture has it → a cell that names them."""

from __future__ import annotations

from collections.abc import Sequence

from .header import Columns

_YES = frozenset({"1", "1.0", "true"})
_NO = frozenset({"0", "0.0", "-1", "false", ""})


def find_classes(rows: Sequence[Columns]) -> list[str]:
    """The columns of which every cell says yes or no, and some say yes; none where there are fewer than two."""
    found = [
        name
        for name in (rows[0] if rows else ())
        if all(row[name].lower() in _YES | _NO for row in rows) and any(row[name].lower() in _YES for row in rows)
    ]
    return found if len(found) > 1 else []


def name_classes(row: Columns, classes: Sequence[str]) -> list[str]:
    return [name for name in classes if row[name].lower() in _YES]
