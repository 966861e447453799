from __future__ import annotations

import csv
import json
from pathlib import Path

import numpy as np
import pytest
from matplotlib.figure import Figure
from PIL import Image
from scipy.stats import ttest_1samp

from model_training.evaluation.metrics import mean_interval
from model_training.experiments.table import Comparison, say_interval

TABLE = Comparison(
    title="webtoon: two ways",
    columns=("way", "loss", "accuracy"),
    rows=(("one", "focal", "0.5"), ("other", "none", "–")),
    notes=("Left out: 한국.",),
    results=({"name": "one", "accuracy": 0.498765},),
)


def test_a_table_is_written_for_people_and_for_programs(tmp_path: Path) -> None:
    files = TABLE.write(tmp_path / "new" / "webtoon-ways.v1")
    assert [file.name for file in files] == ["webtoon-ways.v1.csv", "webtoon-ways.v1.json"]
    with files[0].open(newline="") as file:
        assert [tuple(row) for row in csv.reader(file)] == [TABLE.columns, *TABLE.rows]
    content = json.loads(files[1].read_text("utf-8"))
    assert content["rows"] == [["one", "focal", "0.5"], ["other", "none", "–"]]
    assert content["notes"] == ["Left out: 한국."]
    assert content["results"][0]["accuracy"] == 0.498765


def test_a_chart_comes_as_a_png(tmp_path: Path) -> None:
    figure = Figure(figsize=(2, 1))
    figure.subplots().plot([0, 1])
    chart = Comparison("t", ("a",), (), (), (), figure).write(tmp_path / "t")[2]
    with Image.open(chart) as image:
        assert (image.format, image.size) == ("PNG", (300, 150))
    assert sorted(each.name for each in tmp_path.iterdir()) == ["t.csv", "t.json", "t.png"]


def test_a_printed_table_has_its_numbers_on_the_right(capsys: pytest.CaptureFixture[str]) -> None:
    TABLE.show()
    lines = capsys.readouterr().err.splitlines()
    cells = next(line for line in lines if "focal" in line).split("│")
    assert [cell[:2] for cell in cells[1:3]] == [" o", " f"]  # names on the left
    assert cells[3].endswith("  0.5 ")
    assert lines[-1] == "Left out: 한국."


def test_an_interval_over_repeats_is_students() -> None:
    values = [0.7, 0.72, 0.69, 0.75, 0.71]
    mean, low, high = mean_interval(values)
    expected = ttest_1samp(values, 0).confidence_interval(0.95)
    assert (mean, low, high) == pytest.approx((np.mean(values), expected.low, expected.high))
    assert mean_interval([0.5]) == (0.5, -np.inf, np.inf)
    assert say_interval((mean, low, high)) == "0.714 (0.685 … 0.743)"
    assert say_interval(mean_interval([0.5]), signed=True) == "+0.500"
