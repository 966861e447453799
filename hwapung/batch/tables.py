"""Rows → a table for spreadsheets (csv), programs (json, jsonl) or data frames (parquet)."""

from __future__ import annotations

import csv
import itertools
import json
import os
import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from model_training.runtime.errors import OutputError

from .rows import PROBABILITY, Column, Row, read_cell

#: With one of these before it a cell is a formula to some spreadsheet; an apostrophe is what keeps it a text.
_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠", "'")
#: How Python holds bytes that are no UTF-8, and halves of characters: no file can.
_NO_TEXT = re.compile("[\ud800-\udfff]")
#: Rows that Parquet keeps together, and that are in memory at once.
_GROUP = 2000

Write = Callable[[Path, Sequence[Column], Iterable[Row]], None]


@dataclass(frozen=True)
class Table:
    """Where it will be, and what writes it there."""

    path: Path
    write: Write

    @property
    def journal(self) -> Path:
        """Where the rows are until the table is whole."""
        return self.path.with_name(self.path.name + ".journal")


def open_table(path: Path) -> Table:
    """By the suffix. Raises `OutputError` for another one, Parquet without pyarrow, or a table that is there."""
    write = _WRITERS.get(path.suffix.lower())
    if write is None:
        raise OutputError(f"{path}: there is no table of this kind.", f"Name it {', '.join(_WRITERS)}.")
    if write is write_parquet:
        check_parquet(path)
    table = Table(path, write)
    if os.path.lexists(path) and not table.journal.exists():
        raise refuse(path)
    return table


def refuse(name: object) -> OutputError:
    """What to raise where a table is there."""
    return OutputError(f"{name} is there already.", "Name another table, or remove it.")


def check_parquet(name: object) -> None:
    """Raises `OutputError` without pyarrow."""
    try:
        import pyarrow  # noqa: F401
    except ImportError:
        raise OutputError(
            f"{name}: Parquet is written by pyarrow, which is not installed.",
            "Install hwapung[parquet], or write a .csv.",
        ) from None


def write_csv(path: Path, columns: Sequence[Column], rows: Iterable[Row]) -> None:
    """RFC 4180 in UTF-8 with the mark by which Excel knows it. Lists and objects are JSON. A text that a spreadsheet
    would compute has an apostrophe before it, and so has one that begins with an apostrophe: who takes the first one
    away has the text."""
    with path.open("w", encoding="utf-8-sig", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(_defuse(make_text(column.name)) for column in columns)
        for row in rows:
            writer.writerow(_write_cell(read_cell(row, column), column) for column in columns)


def write_jsonl(path: Path, columns: Sequence[Column], rows: Iterable[Row]) -> None:
    """A row on each line; what has no value is null, and the probabilities are one object."""
    with path.open("w", encoding="utf-8") as file:
        for row in rows:
            file.write(_write_object(row, columns) + "\n")


def write_json(path: Path, columns: Sequence[Column], rows: Iterable[Row]) -> None:
    """The same rows as one array."""
    with path.open("w", encoding="utf-8") as file:
        file.write("[")
        for separator, row in zip(itertools.chain(["\n"], itertools.repeat(",\n")), rows, strict=False):
            file.write(separator + _write_object(row, columns))
        file.write("\n]\n")


def write_parquet(path: Path | IO[bytes], columns: Sequence[Column], rows: Iterable[Row]) -> None:
    """Lists of texts are lists, objects JSON."""
    import pyarrow as pa
    from pyarrow import parquet

    kinds = {"number": pa.float64(), "whole": pa.int64(), "texts": pa.list_(pa.string())}
    schema = pa.schema([(make_text(each.name), kinds.get(each.kind, pa.string())) for each in columns])
    waiting = iter(rows)
    with parquet.ParquetWriter(path, schema, compression="zstd") as writer:
        while group := list(itertools.islice(waiting, _GROUP)):
            cells = [[_as_value(read_cell(row, column), column) for row in group] for column in columns]
            arrays = [pa.array(each, field.type) for each, field in zip(cells, schema, strict=True)]
            writer.write_table(pa.Table.from_arrays(arrays, schema=schema))


_WRITERS: dict[str, Write] = {
    ".csv": write_csv,
    ".jsonl": write_jsonl,
    ".json": write_json,
    ".parquet": write_parquet,
}


def make_text(name: str) -> str:
    """A name as it is but for bytes that are no UTF-8, which become `\\xb0`."""
    return _NO_TEXT.sub(lambda found: repr(found[0])[1:-1].replace("\\udc", "\\x"), name)


def _as_value(value: Any, column: Column) -> Any:
    if value is None or column.kind in ("number", "whole"):
        return value
    if column.kind == "texts":
        return [make_text(each) for each in value]
    return _write_json(value) if column.kind == "json" else make_text(value)


def _write_cell(value: Any, column: Column) -> Any:
    if value is None:
        return ""
    if column.kind in ("texts", "json"):
        return _write_json(value)
    return _defuse(make_text(value)) if column.kind == "text" else value


def _write_object(row: Row, columns: Sequence[Column]) -> str:
    content: dict[str, Any] = {}
    for column in columns:
        if column.name.startswith(PROBABILITY):
            content.setdefault("probabilities", row.get("probabilities"))
        else:
            content[column.name] = make_text(row[column.name]) if column.name == "path" else read_cell(row, column)
    return _write_json(content)


def _defuse(text: str) -> str:
    return f"'{text}" if text.startswith(_FORMULA) else text


def _write_json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)
