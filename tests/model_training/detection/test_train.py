"""`train sketch_detector` as a user runs it: labelled scenes and single drawings in, a bundle out."""

from __future__ import annotations

from pathlib import Path

import pytest
from typer.testing import CliRunner

from hwapung.cli import app
from model_training.runtime.errors import DatasetError
from model_training.sketch.bundle import DETECTOR_CARD, DetectorCard
from tests.tiny_sketch import draw_page

TINY = (
    "network.input=64",
    "composer.scenes=4",
    "training.composed_epochs=1",
    "training.epochs=1",
    "training.batch_size=4",
)


@pytest.fixture
def scenes(tmp_path: Path) -> Path:
    """Three pages with two objects each, of the second and the third class of three."""
    folder = tmp_path / "scenes"
    for kind in ("images", "labels"):
        (folder / kind).mkdir(parents=True)
    (folder / "data.yaml").write_text("names: [sun, house, tree]\n")
    for number in range(3):
        (folder / "images" / f"{number}.png").write_bytes(draw_page(0, 5 + number, size=(96, 96)))
        (folder / "labels" / f"{number}.txt").write_text("1 0.125 0.125 0.2 0.2\n2 0.5 0.4 0.3 0.3\n")
    return folder


@pytest.fixture
def drawings(tmp_path: Path) -> Path:
    folder = tmp_path / "drawings"
    folder.mkdir()
    (folder / "cat.png").write_bytes(draw_page(5, size=(96, 96)))
    (folder / "manifest.csv").write_text("path,object\ncat.png,cat\n")
    return folder


def train(scenes: Path, build: Path, *overrides: str) -> str:
    arguments = ["train", "sketch_detector", *TINY, *overrides, "--data", str(scenes), "--build", str(build)]
    outcome = CliRunner().invoke(app, arguments, catch_exceptions=False)
    assert outcome.exit_code == 0, outcome.output
    return outcome.output


def read_classes(build: Path) -> tuple[str, ...]:
    card = build / "bundles/sketch_detector" / DETECTOR_CARD
    return DetectorCard.model_validate_json(card.read_text("utf-8")).classes


def test_one_class_takes_in_all_objects_and_drawings(scenes: Path, drawings: Path, tmp_path: Path) -> None:
    chosen = ("data.single_class=true", f"data.drawings={drawings}", "data.drawings_label=object")
    output = train(scenes, tmp_path, *chosen)
    assert "Classes: object. 2 scenes to train, 1 to test; 5 single drawings to compose from." in output
    assert read_classes(tmp_path) == ("object",)


def test_the_drawings_column_is_asked_for_by_its_own_key(scenes: Path, drawings: Path, tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match=r"data\.drawings_label=object"):
        train(scenes, tmp_path, f"data.drawings={drawings}")
