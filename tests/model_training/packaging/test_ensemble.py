"""Bundles made of bundles: an ensemble, and another form."""

from __future__ import annotations

import shutil
import zipfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from typer.testing import CliRunner

from hwapung.cli import app
from model_training.datasets.prepare import Prepared
from model_training.packaging.bundle import make_bundle
from model_training.packaging.convert import convert_bundle, parse_precision
from model_training.packaging.ensemble import make_ensemble
from model_training.recipe import Recipe
from model_training.runtime.card import ModelCard, read_card, write_card
from model_training.runtime.classifier import Classifier, softmax
from model_training.runtime.errors import BundleError, DatasetError, RecipeError
from model_training.runtime.network import ClassificationNetwork
from model_training.training.loop import Trained


@pytest.fixture(scope="module")
def other_bundle(
    tiny_recipe: Recipe, tiny_prepared: Prepared, tiny_trained: Trained, tmp_path_factory: pytest.TempPathFactory
) -> Path:
    """Another network for the same classes and pictures."""
    settings = tiny_recipe.network.model_copy(update={"backbone": "test_resnet"})
    recipe = tiny_recipe.model_copy(update={"network": settings, "precision": "torch"})
    torch.manual_seed(5)
    network = ClassificationNetwork("test_resnet", 2, recipe.preprocessing).eval()
    return make_bundle(recipe, tiny_prepared, replace(tiny_trained, network=network), tmp_path_factory.mktemp("other"))


@pytest.fixture(scope="module")
def ensemble(
    tiny_bundle: Path, other_bundle: Path, procedural_folder: Path, tmp_path_factory: pytest.TempPathFactory
) -> Path:
    build = tmp_path_factory.mktemp("build")
    arguments = ["ensemble", str(tiny_bundle), str(other_bundle), "--data", str(procedural_folder)]
    outcome = CliRunner().invoke(app, [*arguments, "--build", str(build)], catch_exceptions=False)
    assert outcome.exit_code == 0
    return build / "bundles" / "landscape_ensemble"


def test_it_answers_with_the_mean_of_calibrated_probabilities(
    ensemble: Path, tiny_bundle: Path, other_bundle: Path, tiny_prepared: Prepared
) -> None:
    pixels = np.ascontiguousarray(tiny_prepared.pixels[tiny_prepared.rows["test"]])
    mean = np.mean([Classifier.load(each).probabilities(pixels) for each in (tiny_bundle, other_bundle)], axis=0)
    whole = Classifier.load(ensemble)
    np.testing.assert_allclose(softmax(whole.execute.forward_with_features(pixels)[0]), mean, atol=1e-5)


def test_it_is_a_bundle_like_every_other(ensemble: Path, tiny_bundle: Path, other_bundle: Path) -> None:
    card, first, second = (read_card(each / "card.json") for each in (ensemble, tiny_bundle, other_bundle))
    assert card.name == "landscape_ensemble"
    assert card.network.backbone == "mobilenetv3_small_050 + test_resnet"
    assert card.network.parameters == first.network.parameters + second.network.parameters
    assert [each.weights for each in card.network.members] == [
        each.files["weights.safetensors"] for each in (first, second)
    ]
    assert [each.temperature for each in card.network.members] == [
        each.calibration.temperature for each in (first, second)
    ]
    assert card.calibration.fitted_on == 6
    assert card.openvino_model is not None
    assert card.openvino_model.agreement.largest_logit_difference < 1e-4
    assert card.ood is not None
    assert (card.ood.bent, card.ood.threshold, card.ood.fitted_on) == (True, None, 6)  # too few for a bound
    assert {"MODEL_CARD.md", "network.bin"} <= set(card.files)
    assert not {"gate.npz", "companion.xml", "companion.bin"} & set(card.files)
    told = (ensemble / "MODEL_CARD.md").read_text("utf-8")
    assert "2 networks: landscape 1.0 (mobilenetv3_small_050), landscape 1.0 (test_resnet)." in told
    image = (ensemble / "examples" / card.examples[0].image).read_bytes()
    (answer,) = Classifier.load(ensemble).answer([image], [True])
    assert isinstance(answer, dict)
    assert answer["model"] == "landscape_ensemble"
    assert answer["explanation"]["method"] == "grad-cam"  # type: ignore[index]


def change(bundle: Path, target: Path, alter: Callable[[ModelCard], dict[str, object]]) -> Path:
    shutil.copytree(bundle, target)
    card = read_card(target / "card.json")
    write_card(card.model_copy(update=alter(card)), target / "card.json")
    return target


@pytest.mark.parametrize(
    ("alter", "said"),
    [
        (lambda card: {"labels": card.labels[::-1]}, "know different classes"),
        (
            lambda card: {"preprocessing": card.preprocessing.model_copy(update={"height": 96})},
            r"prepare pictures differently \(height: 96 and 64\)",
        ),
        (
            lambda card: {"data": card.data.model_copy(update={"fingerprint": "another"})},
            "not trained and tested on the same pictures",
        ),
    ],
)
def test_what_can_not_be_averaged_is_refused(
    tiny_bundle: Path,
    procedural_folder: Path,
    tmp_path: Path,
    alter: Callable[[ModelCard], dict[str, object]],
    said: str,
) -> None:
    other = change(tiny_bundle, tmp_path / "other", alter)
    with pytest.raises(BundleError, match=said):
        make_ensemble([tiny_bundle, other], procedural_folder, tmp_path / "build")
    assert not (tmp_path / "build" / "bundles").exists()


def test_one_bundle_and_an_ensemble_are_refused(
    tiny_bundle: Path, ensemble: Path, procedural_folder: Path, tmp_path: Path
) -> None:
    with pytest.raises(BundleError, match="two bundles or more"):
        make_ensemble([tiny_bundle], procedural_folder, tmp_path)
    with pytest.raises(BundleError, match="is an ensemble itself"):
        make_ensemble([tiny_bundle, ensemble], procedural_folder, tmp_path)


def test_other_images_and_bad_names_are_refused(
    tiny_bundle: Path, other_bundle: Path, procedural_folder: Path, tmp_path: Path
) -> None:
    with pytest.raises(RecipeError, match="name"):
        make_ensemble([tiny_bundle, other_bundle], procedural_folder, tmp_path, "Two Words")
    more = tmp_path / "procedural"
    shutil.copytree(procedural_folder, more)
    noise = np.random.default_rng(0).integers(0, 256, (64, 64, 3), dtype=np.uint8)
    Image.fromarray(noise).save(more / "china" / "new.png")
    with pytest.raises(DatasetError, match="does not hold, split for split"):
        make_ensemble([tiny_bundle, other_bundle], more, tmp_path)


def test_an_archive_is_built_from_the_chosen_form(tiny_bundle: Path, procedural_folder: Path, tmp_path: Path) -> None:
    arguments = ["convert", str(tiny_bundle), "--precision", "torch", "--data", str(procedural_folder)]
    assert CliRunner().invoke(app, [*arguments, "--build", str(tmp_path)], catch_exceptions=False).exit_code == 0
    made = tmp_path / "forms" / "torch" / "landscape"
    arguments = ["archive", str(made), "--out", str(tmp_path / "store")]
    assert CliRunner().invoke(app, arguments, catch_exceptions=False).exit_code == 0
    with zipfile.ZipFile(tmp_path / "store" / "landscape.mar") as archive:
        assert archive.read("card.json") == (made / "card.json").read_bytes()
        assert archive.read("MODEL_CARD.md") == (made / "MODEL_CARD.md").read_bytes()
    before, card = read_card(tiny_bundle / "card.json"), read_card(made / "card.json")
    assert card.openvino_model is None
    assert "network.xml" not in card.files
    assert card.provenance.recipe["precision"] == "torch"
    assert card.provenance.created == before.provenance.created
    assert {name: card.files[name] for name in ("weights.safetensors", "metrics.json")} == {
        name: before.files[name] for name in ("weights.safetensors", "metrics.json")
    }
    assert card.calibration.temperature == pytest.approx(before.calibration.temperature, rel=1e-3)


def test_the_form_that_it_has_needs_no_images(tiny_bundle: Path, tmp_path: Path) -> None:
    assert convert_bundle(tiny_bundle, "float32", tmp_path / "nowhere", tmp_path) == tiny_bundle
    with pytest.raises(RecipeError, match="There is no precision 'int4'"):
        parse_precision("int4")
