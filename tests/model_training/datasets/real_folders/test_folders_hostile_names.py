"""Classes whose names mean something to a chart, a page, a table, a shell or a file system."""

from __future__ import annotations

import csv
import html
import json
import re
import zipfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from matplotlib.text import Text as ChartText
from PIL import Image

from analysis import charts
from analysis.report import Sources, make_report
from analysis.style import Style, using_look
from model_training.datasets.prepare import prepare
from model_training.packaging.bundle import make_bundle
from model_training.packaging.model_card import escape_markdown
from model_training.recipe import load_recipe
from model_training.runtime.card import Text, read_card
from model_training.runtime.errors import make_printable
from model_training.training.classification import train
from model_training.training.loop import start_fabric
from tests.conftest import TINY
from torchserve.archive import build_archive

#: Folder → class.
NAMES = {
    "$10_$20": "$10_$20",
    "<b>%s|{0}": "<b>%s|{0}",
    "two\nlines": "two lines",
    "\u202e🐈 {label}": "\u202e🐈 {label}",
}


@pytest.fixture(scope="module")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("pictures")
    generator = np.random.default_rng(0)
    for number, name in enumerate(NAMES):
        (folder / name).mkdir()
        for index in range(10):
            coarse = generator.integers(0, 200, (8, 8, 3), dtype=np.uint8)
            coarse[..., number % 3] //= 3
            Image.fromarray(coarse).resize((64, 64), Image.Resampling.BICUBIC).save(folder / name / f"{index}.png")
    return folder


@pytest.fixture(scope="module")
def bundle(pictures: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    build = tmp_path_factory.mktemp("build")
    recipe = load_recipe("pictures", [*TINY, "training.epochs=1", "training.probe=false", "augmentation.policy=none"])
    prepared = prepare(recipe, pictures, build / "cache", quiet=True)
    return make_bundle(
        recipe, prepared, train(recipe, prepared, build / "runs", start_fabric("cpu")), build / "bundles"
    )


@pytest.mark.slow
def test_they_come_through_training_archive_report_and_card_as_they_are(
    bundle: Path, pictures: Path, tmp_path: Path
) -> None:
    card = read_card(bundle / "card.json")
    assert {label.key for label in card.labels} == set(NAMES.values())
    described = (bundle / "MODEL_CARD.md").read_text("utf-8")
    assert "<b>" not in described
    assert r"\<b\>%s\|{0}" in described

    archive = build_archive(bundle, tmp_path / "store")
    with zipfile.ZipFile(archive) as packed:
        assert {label["key"] for label in json.loads(packed.read("card.json"))["labels"]} == set(NAMES.values())

    report, failed = make_report(Sources(bundle, pictures), tmp_path / "reports", tmp_path)
    assert failed == []
    page = (report / "index.html").read_text("utf-8")
    assert "<b>%s" not in page
    titles = {label.title.en for label in card.labels}
    for title in titles:
        assert html.escape(title) in page
    with (report / "classification_report.csv").open(encoding="utf-8-sig", newline="") as file:
        assert titles <= {row[0] for row in csv.reader(file)}


hostile = st.text(st.sampled_from("$_^\\{}%<>&|`*[]#\"'\n\u202e🐈가a1 "), min_size=1, max_size=12)


@settings(max_examples=25)
@given(hostile, hostile)
def test_no_chart_takes_a_name_for_mathematics(first: str, second: str) -> None:
    names = [Text(en=first, ko=first), Text(en=second, ko=f"${second}$")]
    with using_look():
        figure = charts.confusion_matrix(np.array([[3, 1], [0, 4]]), names, Style("ko"))
        figure.draw_without_rendering()
    assert not any(text.get_parse_math() for text in figure.findobj(ChartText))
    assert {first, f"${second}$"} <= {text.get_text() for text in figure.findobj(ChartText)}


@given(hostile)
def test_markdown_shows_a_name_as_it_is(name: str) -> None:
    escaped = escape_markdown(name)
    assert "\n" not in escaped
    assert re.sub(r"\\([\\`*_<>|\[\]$&~#])", r"\1", escaped) == name.replace("\n", " ")
    assert not re.search(r"(?<!\\)(?:\\\\)*[<|`*\[$]", escaped)


@given(st.text())
def test_what_a_terminal_is_told_is_one_line(name: str) -> None:
    shown = make_printable(name + "\udcb0")
    assert shown.isprintable()
    assert shown.endswith(r"\udcb0")
