"""A table of any form that people have → its rows."""

from __future__ import annotations

import zipfile
from collections.abc import Iterator
from pathlib import Path

from ...runtime.errors import DatasetError
from ..findings import Findings
from .columns import WORDS
from .delimited import read_delimited
from .encodings import detect_encoding
from .records import read_records
from .spreadsheets import read_spreadsheet

_OLD_EXCEL = b"\xd0\xcf\x11\xe0"
_JSON = frozenset({".json", ".jsonl", ".ndjson"})
#: How files begin that hold tables in forms that are not read here
_OTHERS = {
    b"PAR1": "Parquet",
    b"<": "HTML or XML",
    b"%PDF": "PDF",
    b"SQLite": "SQLite",
    b"\x1f\x8b": "a compressed file",
}


def read_table(path: Path, encoding: str | None, findings: Findings) -> Iterator[tuple[int, list[str]]]:
    """Line numbers and cells, the header first: of text with separators, JSON, JSON lines, or a spreadsheet.

    The content decides what a file is. `encoding` is that of the text, `None` has it detected. Raises
    `DatasetError`.
    """
    try:
        with path.open("rb") as file:
            start = file.read(256).lstrip()
    except FileNotFoundError:
        raise DatasetError(f"{path}: there is no such file.", "Give --data FOLDER or --data manifest.csv.") from None
    if start.startswith(_OLD_EXCEL) or (start.startswith(b"PK\x03\x04") and _is_spreadsheet(path)):
        return read_spreadsheet(path, findings)
    for mark, form in _OTHERS.items():
        if start.startswith(mark):
            raise DatasetError(f"{path}: this is {form}, not a table that can be read.", "Save it as CSV (UTF-8).")
    found = detect_encoding(path, encoding, WORDS)
    if found not in {"utf-8", "utf-8-sig"}:
        findings.add("the encoding that the manifest was read in", found)
    if path.suffix.lower() in _JSON or start.startswith((b"{", b"[")):
        return read_records(path, found)
    return read_delimited(path, found)


def _is_spreadsheet(path: Path) -> bool:
    try:
        with zipfile.ZipFile(path) as archive:
            names = archive.namelist()
    except zipfile.BadZipFile:
        return True  # its reader says what is wrong
    if not any(name == "content.xml" or name.startswith("xl/") for name in names):
        raise DatasetError(f"{path}: this is an archive.", "Unpack it and give the folder.")
    return True
