"""Every name comes back from every format as it was."""

from __future__ import annotations

import csv
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pyarrow import parquet

from hwapung.batch.rows import Row, list_columns, make_row
from hwapung.batch.tables import make_text, open_table
from model_training.runtime.errors import ImageError, OutputError
from tests.cards import make_card
from tests.conftest import ROOT

FORMULAS = "=+-@\t\r\n＝＋－＠'"
HOSTILE = st.text(
    st.one_of(st.sampled_from(FORMULAS + '",;\\한'), st.characters(), st.characters(codec=None)), min_size=1
)
NAMES = st.one_of(
    HOSTILE, st.binary(min_size=1).map(os.fsdecode), st.sampled_from(["=cmd|' /C calc'!A0", "a\r\nb", "'"])
)


def write(folder: Path, suffix: str, rows: list[Row]) -> Path:
    path = folder / f"table{suffix}"
    path.unlink(missing_ok=True)
    open_table(path).write(path, list_columns(make_card()), rows)
    return path


def read_csv(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8-sig", newline="") as file:
        return [{key: value.removeprefix("'") for key, value in row.items()} for row in csv.DictReader(file)]


@given(st.lists(NAMES, min_size=1, max_size=4), HOSTILE)
def test_hostile_names_come_back(tmp_path_factory: pytest.TempPathFactory, names: list[str], key: str) -> None:
    folder = tmp_path_factory.mktemp("tables")
    rows = [
        {"path": name, "class": make_text(key), "confidence": 0.1 + 0.2, "warnings": [make_text(key)]} for name in names
    ]
    wanted = [make_text(name) for name in names]
    found = read_csv(write(folder, ".csv", rows))
    assert [row["path"] for row in found] == wanted
    assert [json.loads(row["warnings"]) for row in found] == [[make_text(key)]] * len(names)
    assert {float(row["confidence"]) for row in found} == {0.1 + 0.2}
    for line in csv.reader(write(folder, ".csv", rows).open(encoding="utf-8-sig", newline="")):
        assert not [cell for cell in line if cell.startswith(tuple(FORMULAS[:-1]))]
    lines = write(folder, ".jsonl", rows).read_text("utf-8").split("\n")
    whole = json.loads(write(folder, ".json", rows).read_text("utf-8"))
    assert [json.loads(line) for line in lines[:-1]] == whole
    frame = parquet.read_table(write(folder, ".parquet", rows)).to_pylist()
    for given_back in (whole, frame):
        assert [row["path"] for row in given_back] == wanted
        assert [row["class"] for row in given_back] == [make_text(key)] * len(names)
        assert [row["warnings"] for row in given_back] == [[make_text(key)]] * len(names)


def test_bytes_that_are_no_text_are_written_as_such() -> None:
    assert make_text(os.fsdecode(b"\xb0\xa1.jpg")) == "\\xb0\\xa1.jpg"
    assert make_text("\ud800한") == "\\ud800한"


@pytest.mark.parametrize("suffix", [".csv", ".json", ".jsonl", ".parquet"])
def test_a_table_without_rows_is_whole(tmp_path: Path, suffix: str) -> None:
    path = write(tmp_path, suffix, [])
    if suffix == ".json":
        assert json.loads(path.read_text()) == []
    if suffix == ".parquet":
        assert parquet.read_table(path).num_rows == 0


def columns(**changes: Any) -> list[str]:
    return [each.name for each in list_columns(make_card(**changes))]


def test_columns_are_those_of_the_card() -> None:
    classes = ["p:china", "p:한국 그림"]
    end = ["warnings", "error", "message"]
    assert columns() == ["path", "class", "confidence", "verdict", "reason", "prediction_set", *classes, *end]
    assert columns(task="multi_label") == ["path", "labels", "verdict", "reason", "prediction_set", *classes, *end]
    assert columns(task="sketch") == ["path", "objects", "width", "height", "verdict", "reason", *end]
    assert columns(task="detection") == columns(task="sketch")
    assert columns(reads_provenance=True)[-5:] == ["provenance_says", "provenance_level", *end]


def test_every_key_of_a_row_has_a_column() -> None:
    answer: dict[str, Any] = {
        "class": "china", "confidence": 0.9, "verdict": "unknown", "reason": "blank", "model": "m", "version": "1",
        "probabilities": {"china": 0.9, "한국 그림": 0.1}, "prediction_set": {"coverage": 0.9, "classes": ["china"]},
        "provenance": {"says": "ai", "level": None, "statements": [], "unread": []}, "warnings": ["truncated"],
    }  # fmt: skip
    row = make_row("a", answer)  # type: ignore[arg-type]
    assert row == {
        "path": "a", "class": "china", "confidence": 0.9, "verdict": "unknown", "reason": "blank",
        "warnings": ["truncated"], "probabilities": answer["probabilities"], "prediction_set": ["china"],
        "provenance_says": "ai", "provenance_level": None,
    }  # fmt: skip
    assert row.keys() - {"probabilities"} <= {*columns(reads_provenance=True)}
    fault = ImageError("It is cut.", "Send it again.", code="broken_picture")
    assert make_row("a", fault) == {"path": "a", "error": "broken_picture", "message": "It is cut. Send it again."}


def test_what_can_not_be_a_table_is_said(tmp_path: Path) -> None:
    with pytest.raises(OutputError, match=r"no table of this kind. Name it .csv, .jsonl, .json, .parquet."):
        open_table(tmp_path / "a.xlsx")
    (tmp_path / "a.csv").write_text("mine")
    with pytest.raises(OutputError, match="is there already"):
        open_table(tmp_path / "a.csv")
    assert (tmp_path / "a.csv").read_text() == "mine"


def test_without_pyarrow_the_remedy_is_said_before_anything_is_read(tmp_path: Path) -> None:
    program = "import sys; sys.modules['pyarrow'] = None\nfrom hwapung.cli import main\n"
    program += f"main(['predict', {str(tmp_path)!r}, '--to', {str(tmp_path / 'a.parquet')!r}])"
    command = [sys.executable, "-c", program]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    said = "Parquet is written by pyarrow, which is not installed. Install hwapung[parquet], or write a .csv.\n"
    assert (done.returncode, done.stderr) == (2, f"error: {tmp_path / 'a.parquet'}: {said}")
