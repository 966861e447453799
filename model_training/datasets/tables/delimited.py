"""Text with a separator between cells → rows."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from pathlib import Path

from ...runtime.errors import DatasetError

SEPARATORS = ",;\t|"


def read_delimited(path: Path, encoding: str) -> Iterator[tuple[int, list[str]]]:
    """Line numbers and cells, empty lines passed over; nothing but the line at hand is in memory.

    The separator is what Excel's first line `sep=;` says, else the one that the first line holds most often. Raises
    `DatasetError` for quotation marks that don't close and for bytes of another encoding.
    """
    try:
        with path.open(encoding=encoding, newline="") as file:
            header = next((line for line in file if line.strip()), "")
            before, start = 0, 1
            if header.strip().lower().startswith("sep=") and len(header.rstrip("\r\n")) == len("sep=") + 1:
                separator, before = header[4], 1
            else:
                separator = max(SEPARATORS, key=header.count)
                if separator not in header:  # lists of names and numbers have spaces
                    separator = " "
                file.seek(0)
            reader = csv.reader(file, delimiter=separator, strict=True, skipinitialspace=True)
            for cells in reader:
                if any(cells):
                    yield before + start, cells
                start = reader.line_num + 1
    except csv.Error as error:
        raise DatasetError(
            f"{path}, line {before + reader.line_num}: {error}.",
            "Close every quotation mark, and double one inside a cell.",
        ) from None
    except UnicodeError as error:  # of encodings that were not tried to the end
        raise DatasetError(
            f"{path}: this is not {encoding}, as its first bytes say ({error}).", "Save it as UTF-8."
        ) from None
