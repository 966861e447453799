"""Excel's and LibreOffice's files → rows."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, datetime
from pathlib import Path

from ...runtime.errors import DatasetError
from ..findings import Findings

SUFFIXES = frozenset({".xlsx", ".xlsm", ".xlsb", ".xls", ".ods"})


def read_spreadsheet(path: Path, findings: Findings) -> Iterator[tuple[int, list[str]]]:
    """Row numbers and cells of the first sheet that holds any, as they are shown; empty rows passed over.

    Raises `DatasetError` where python-calamine is not installed, and for a file that it can't read.
    """
    try:
        from python_calamine import CalamineError, load_workbook
    except ImportError:
        raise DatasetError(
            f"{path}: a spreadsheet is read by python-calamine, which is not installed.",
            "Install hwapung[spreadsheets], or save the table as CSV (UTF-8).",
        ) from None
    try:
        with path.open("rb") as file:
            book = load_workbook(file)
            sheets = [
                (name, book.get_sheet_by_name(name).to_python(skip_empty_area=False)) for name in book.sheet_names
            ]
    except (CalamineError, OSError) as error:
        raise DatasetError(f"{path}: the spreadsheet can't be read ({error}).", "Save it as CSV (UTF-8).") from None
    filled = [(name, rows) for name, rows in sheets if any(cell not in ("", None) for row in rows for cell in row)]
    for name, _ in filled[1:]:
        findings.add("further sheets of the spreadsheet left out", name)
    for number, row in enumerate(filled[0][1] if filled else (), 1):
        cells = [_write_cell(cell) for cell in row]
        if any(cells):
            yield number, cells


def _write_cell(value: object) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    if isinstance(value, datetime | date):
        return value.isoformat()
    return "" if value is None else str(value)
