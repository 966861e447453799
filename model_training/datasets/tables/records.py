"""JSON and JSON lines → rows: objects with one key a column."""

from __future__ import annotations

import json
from collections.abc import Iterator
from itertools import zip_longest
from pathlib import Path

from ...runtime.errors import DatasetError
from .columns import find_role

#: Between the items of a list, which is how a cell of JSON holds several classes.
BETWEEN = ";"


def read_records(path: Path, encoding: str) -> Iterator[tuple[int, list[str]]]:
    """The columns, which are the keys of all objects, then a row each with its line, or its number in plain JSON.

    Plain JSON is a list of objects, one under a key, columns with a cell for each row (as pandas writes them), or an
    object of file names with a label or an object each, or of classes with their files. Raises `DatasetError` for
    anything else.
    """
    try:
        text = path.read_text(encoding)
    except UnicodeError as error:  # of encodings that were not tried to the end
        raise DatasetError(f"{path}: this is not {encoding} ({error}).", "Save it as UTF-8.") from None
    numbered = list(_read_lines(path, text) if _is_lines(path, text) else _read_whole(path, text))
    columns = list(dict.fromkeys(name for _, record in numbered for name in record))
    yield 1, columns
    for number, record in numbered:
        yield number, [_write_cell(record.get(name)) for name in columns]


def _is_lines(path: Path, text: str) -> bool:
    """An object in the first line and another below it is a line of JSON lines, whatever the file is called."""
    if path.suffix.lower() in {".jsonl", ".ndjson"}:
        return True
    first, _, rest = text.strip().partition("\n")
    try:
        return bool(rest) and isinstance(json.loads(first), dict)
    except (ValueError, RecursionError):
        return False


def _read_lines(path: Path, text: str) -> Iterator[tuple[int, dict[str, object]]]:
    for number, line in enumerate(text.split("\n"), 1):
        if line.strip():
            record = _parse(path, line, number)
            if not isinstance(record, dict):
                raise DatasetError(f"{path}, line {number}: this is no object.", 'Write {"path": …, "label": …}.')
            # SageMaker names a class beside its number: "choice": 1, "choice-metadata": {"class-name": "cat", …}.
            named = [value for value in record.values() if isinstance(value, dict) and "class-name" in value]
            yield number, record | ({"label": named[0]} if named else {})


def _read_whole(path: Path, text: str) -> Iterator[tuple[int, dict[str, object]]]:
    found = _parse(path, text, 1)
    if isinstance(found, dict):
        if {"images", "annotations"} <= found.keys():
            raise DatasetError(
                f"{path}: these are labelled scenes in COCO's format, not a manifest.",
                "Train a detector on them: hwapung train sketch_detector.",
            )
        found = _unwrap(found)
    if not isinstance(found, list) or not all(isinstance(record, dict) for record in found):
        raise DatasetError(f"{path}: this is no list of objects.", 'Write [{"path": …, "label": …}, …].')
    yield from enumerate(found, 1)


def _unwrap(found: dict[str, object]) -> object:
    """The objects in what else tools write."""
    values = list(found.values())
    lists = [each for each in values if isinstance(each, list)]
    if len(lists) == len(values) and any(find_role(name) == "path" for name in found):  # columns of cells
        return [dict(zip(found, cells, strict=False)) for cells in zip_longest(*lists)]
    tables = [each for each in lists if each and isinstance(each[0], dict)]
    if len(tables) == 1:
        return tables[0]
    if len(lists) == len(values):  # class → files
        return [{"path": name, "label": label} for label, names in found.items() for name in names]  # type: ignore[attr-defined]
    if all(isinstance(each, dict) for each in values):
        if all(key.isdecimal() for each in values for key in each):  # type: ignore[attr-defined]
            rows = dict.fromkeys(key for each in values for key in each)  # type: ignore[attr-defined]
            return [{name: cells.get(row) for name, cells in found.items()} for row in rows]  # type: ignore[attr-defined]
        return [{"path": name, **cells} for name, cells in found.items()]  # type: ignore[dict-item]
    return [{"path": name, "label": label} for name, label in found.items()]


def _parse(path: Path, text: str, line: int) -> object:
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as error:
        at = line + getattr(error, "lineno", 1) - 1
        raise DatasetError(f"{path}, line {at}: this is no JSON ({error}).", "Write it anew.") from None


def _write_cell(value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    if isinstance(value, list):
        return BETWEEN.join(_write_cell(each) for each in value)
    if isinstance(value, dict):  # Hugging Face's images, SageMaker's classes
        named = next((key for key in ("path", "class-name", "name") if isinstance(value.get(key), str)), None)
        return value[named] if named else json.dumps(value, ensure_ascii=False)
    return str(value)
