"""A recipe names a detector's and a classifier's bundle; both become one."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from typer.testing import CliRunner

from hwapung.cli import app
from model_training.runtime.card import SketchCard, read_card
from model_training.runtime.errors import CardError, RecipeError
from model_training.sketch.bundle import compose_sketch, hash_embedding
from model_training.sketch.recipe import SketchRecipe, load_sketch_recipe
from tests.tiny_sketch import MAP50


@pytest.fixture
def bundles(tiny_sketch_bundle: Path, tmp_path: Path) -> Path:
    """A detector's and a classifier's, without the sketch that they make."""
    for name in ("sketch_detector", "sketch_classifier"):
        shutil.copytree(tiny_sketch_bundle.with_name(name), tmp_path / "bundles" / name)
    return tmp_path / "bundles"


def test_the_shipped_recipe() -> None:
    recipe = load_sketch_recipe()
    assert (recipe.name, recipe.detector, recipe.classifier) == ("sketch", "sketch_detector", "sketch_classifier")


def test_it_is_the_classifiers_card_with_a_detector(bundles: Path) -> None:
    recipe = SketchRecipe(task="sketch", name="drawn", version="2.1")
    made = compose_sketch(recipe, bundles)
    card, classifier = read_card(made / "card.json", SketchCard), read_card(bundles / "sketch_classifier/card.json")
    assert (made, card.name, card.version) == (bundles / "drawn", "drawn", "2.1")
    assert (card.labels, card.calibration) == (classifier.labels, classifier.calibration)
    assert card.detector.file == "detector.xml"
    assert card.embedding == hash_embedding(bundles / "sketch_classifier")
    assert [each.model_dump() for each in card.metrics] == [MAP50]  # after the classifier's, which has none
    assert {"detector.xml", "detector.bin", "network.xml", "weights.safetensors", "MODEL_CARD.md"} < card.files.keys()
    assert "| mAP50 of the boxes | 0.600 | 0.500–0.700 | 9 | test | bootstrap |" in (made / "MODEL_CARD.md").read_text()


def test_the_version_is_the_classifiers_where_none_is_given(bundles: Path) -> None:
    assert read_card(compose_sketch(load_sketch_recipe(), bundles) / "card.json").version == "1.0"


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        (["detector=none"], "none/card.json: there is no card."),
        (["classifier=none"], "none/card.json: there is no card."),
        (["classifier=sketch_detector"], "this is a model for detection, not for classification or sketch."),
        (["detector=sketch_classifier"], "this is a model for classification, not for detection."),
    ],
)
def test_bundles_that_do_not_fit_are_refused_and_leave_nothing(
    bundles: Path, overrides: list[str], message: str
) -> None:
    with pytest.raises(CardError) as caught:
        compose_sketch(load_sketch_recipe(overrides=overrides), bundles)
    assert caught.value.message.endswith(message)
    assert sorted(each.name for each in bundles.iterdir()) == ["sketch_classifier", "sketch_detector"]


def test_the_previous_bundle_stays_where_composing_fails(bundles: Path) -> None:
    made = compose_sketch(load_sketch_recipe(), bundles)
    before = (made / "card.json").read_bytes()
    (bundles / "sketch_detector" / "detector.bin").unlink()
    with pytest.raises(FileNotFoundError):
        compose_sketch(load_sketch_recipe(), bundles)
    assert (made / "card.json").read_bytes() == before
    assert sorted(each.name for each in bundles.iterdir()) == ["sketch", "sketch_classifier", "sketch_detector"]


def test_the_command(bundles: Path) -> None:
    shutil.copytree(bundles / "sketch_classifier", bundles / "other")
    arguments = ["train", "sketch", "classifier=other", "--build", str(bundles.parent)]
    outcome = CliRunner().invoke(app, arguments, catch_exceptions=False)
    assert outcome.exit_code == 0
    assert read_card(bundles / "sketch" / "card.json", SketchCard).name == "sketch"


def test_a_recipe_with_another_key_is_refused() -> None:
    with pytest.raises(RecipeError, match=r"unknown key 'detectors'. Did you mean 'detector'\?"):
        load_sketch_recipe(overrides=["detectors=x"])
