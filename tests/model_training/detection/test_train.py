"""`train sketch_detector` as a user runs it: labelled scenes and single drawings in, a bundle out."""

from __future__ import annotations

import json
import re
from importlib.util import find_spec
from pathlib import Path

import pytest
import torch
from typer.testing import CliRunner

from hwapung.cli import app
from model_training.runtime.card import DetectorCard, read_card
from model_training.runtime.errors import DatasetError, RecipeError
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


def test_one_class_takes_in_all_objects_and_drawings(scenes: Path, drawings: Path, tmp_path: Path) -> None:
    chosen = ("data.single_class=true", f"data.drawings={drawings}", "data.drawings_label=object")
    chosen += ("--tensorboard", str(tmp_path / "board")) if find_spec("tensorboard") else ()
    output = train(scenes, tmp_path, *chosen)
    scenes_told = "1 to train, 1 to choose the epoch by, 1 to test; 3 single drawings to compose from."
    assert f"Classes: object. Scenes: {scenes_told}" in output
    assert re.search(r"Best epoch [12] of 2: validation mAP50 [01]\.\d{3}\.", output)
    assert re.search(r"Test mAP50 ([01]\.\d{3}) \(95% interval [01]\.\d{3}–[01]\.\d{3}\), .* on 1 scenes", output)
    assert output.endswith(f"Next: hwapung archive {tmp_path}/bundles/sketch_detector, then hwapung serve\n")
    (metrics,) = tmp_path.glob("runs/sketch_detector/*/metrics.json")
    kept = json.loads(metrics.read_text("utf-8"))
    assert kept["scenes"] == {"train": 1, "validation": 1, "test": 1}
    assert [each["epoch"] for each in kept["epochs"]] == [1, 2]
    assert metrics.with_name("loss_accuracy.png").is_file()
    assert f"{metrics.with_name('labels')} has the first 3 pages with their boxes drawn on" in output
    assert [path.name for path in sorted(metrics.with_name("labels").iterdir())] == ["01.png", "02.png", "03.png"]
    assert "  classes without a box: 1 (sun)\n" in output
    card = read_card(tmp_path / "bundles/sketch_detector/card.json", DetectorCard)
    assert [label.key for label in card.labels] == ["object"]
    assert card.data.counts == {"train": {"object": 2}, "validation": {"object": 2}, "test": {"object": 2}}
    if find_spec("tensorboard"):
        from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

        events = EventAccumulator(str(tmp_path / "board" / "sketch_detector")).Reload()
        followed = [(each.step, each.value) for each in events.Scalars("validation_map50")]
        assert followed == [(each["epoch"], pytest.approx(each["validation_map50"])) for each in kept["epochs"]]
        assert events.Scalars("card/test_map50")[0].value == pytest.approx(card.metrics[0].value)


def test_the_device_is_obeyed_or_refused(scenes: Path, tmp_path: Path) -> None:
    with pytest.raises(RecipeError, match="no device 'tpu'"):
        train(scenes, tmp_path, "--device", "tpu")
    if not torch.cuda.is_available():
        with pytest.raises(RecipeError, match="no CUDA device"):
            train(scenes, tmp_path, "--device", "cuda")
    assert not (tmp_path / "runs").exists()


@pytest.mark.parametrize(
    "settings",
    [["training.composed_epochs=0", "training.epochs=0"], ["composer.scenes=0"]],
)
def test_a_recipe_that_trains_nothing_is_refused(scenes: Path, tmp_path: Path, settings: list[str]) -> None:
    with pytest.raises(RecipeError, match="nothing"):
        train(scenes, tmp_path, *settings)


def test_where_there_is_nothing_to_compose_from(scenes: Path, tmp_path: Path) -> None:
    for path in (scenes / "labels").glob("*.txt"):
        path.write_text("1 0.9 0.9 0.05 0.05\n")  # bare paper
    with pytest.raises(DatasetError, match="no single drawing"):
        train(scenes, tmp_path)


def test_the_drawings_column_is_asked_for_by_its_own_key(scenes: Path, drawings: Path, tmp_path: Path) -> None:
    manifest = drawings / "manifest.csv"  # of two columns the other one would be the class
    manifest.write_text("\n".join(f"{line},x{number}" for number, line in enumerate(manifest.read_text().split())))
    with pytest.raises(DatasetError, match=r"data\.drawings_label=object"):
        train(scenes, tmp_path, f"data.drawings={drawings}")
