"""Markdown's tables."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

#: The first line of every page that is written by a program.
HEAD = "<!-- Written by `python -m tests.docs.generate`: do not edit. -->"


def make_table(columns: Sequence[str], rows: Iterable[Sequence[str]]) -> Iterator[str]:
    """The lines of a table; bars and line ends inside a cell are escaped."""
    yield "| " + " | ".join(columns) + " |"
    yield "|" + "---|" * len(columns)
    for row in rows:
        yield "| " + " | ".join(cell.replace("|", "\\|").replace("\n", " ") for cell in row) + " |"
