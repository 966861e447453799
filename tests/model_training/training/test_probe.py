"""Training from given weights: the probe comes first, and is kept unless fine-tuning beats it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from model_training.datasets.augment import augment
from model_training.datasets.prepare import Prepared
from model_training.evaluation.paired import Lead
from model_training.models.factory import head_layers
from model_training.packaging.bundle import make_bundle
from model_training.recipe import Recipe, override
from model_training.runtime.card import read_card
from model_training.runtime.network import load_network
from model_training.training.classification import ClassificationTask, run_folder, train
from model_training.training.inputs import PixelInputs
from model_training.training.loop import start_fabric
from model_training.training.start import (
    _list_copies,
    build_network,
    fit_on_features,
    has_probe,
    make_probe_network,
)
from tests.model_training.training.test_loop import InterruptedRunError, interrupt, weights


def judge(monkeypatch: pytest.MonkeyPatch, *, better: bool) -> None:
    lead = Lead(0.05, -0.05, 0.15, 0.1, better)
    monkeypatch.setattr("model_training.training.probe.measure_lead", lambda *_: lead)


def test_the_kept_probe_is_the_untouched_network_with_the_probe_as_its_head(
    given: Recipe, tiny_prepared: Prepared, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """From a head of two layers, which the served one then is not."""
    judge(monkeypatch, better=False)
    recipe = override(given, {"network.head.hidden": 8, "training.epochs": 1})
    trained = train(recipe, tiny_prepared, tmp_path, start_fabric("cpu"))
    assert trained.probe is not None
    assert (trained.probe.kept, trained.probe.lead, trained.probe.low) == ("probe", 0.05, -0.05)
    with np.load(trained.folder / "probe.npz") as kept:
        (layer,) = head_layers(trained.network)
        np.testing.assert_allclose(layer.weight.detach(), kept["weight"], rtol=1e-5)
        assert trained.trainable == kept["weight"].size + 2
        test = tiny_prepared.rows["test"]
        answers = trained.network(torch.from_numpy(tiny_prepared.pixels[test])).argmax(1).numpy()
        assert (answers == kept["test"].argmax(1)).all()
    assert trained.probe.probe.test_accuracy == pytest.approx((answers == tiny_prepared.targets[test]).mean(), abs=1e-4)
    bundle = make_bundle(recipe, tiny_prepared, trained, tmp_path / "bundles")
    card = read_card(bundle / "card.json")
    assert card.probe == trained.probe
    assert card.network.head.hidden is None
    (loaded,) = head_layers(load_network(card, bundle))
    assert torch.equal(loaded.weight, layer.weight)
    page = (bundle / "MODEL_CARD.md").read_text()
    assert "The linear probe on the untouched pretrained features was kept" in page
    assert "미세 조정" in page


def test_fine_tuning_starts_from_the_probe_resumes_and_stays_where_it_leads(
    given: Recipe, tiny_prepared: Prepared, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    judge(monkeypatch, better=True)
    recipe = override(given, {"training.average": "ema", "training.layer_decay": 0.8})
    whole = train(recipe, tiny_prepared, tmp_path / "whole", start_fabric("cpu"))
    assert whole.probe is not None
    assert whole.probe.kept == "fine_tuned"
    interrupt(monkeypatch, ClassificationTask, epoch=1, step=1)
    with pytest.raises(InterruptedRunError):
        train(recipe, tiny_prepared, tmp_path / "cut", start_fabric("cpu"))
    monkeypatch.undo()
    judge(monkeypatch, better=True)
    monkeypatch.setattr("model_training.training.probe.fit_on_features", None)  # it is there already
    resumed = train(recipe, tiny_prepared, tmp_path / "cut", start_fabric("cpu"))
    for name, value in weights(whole).items():
        assert torch.equal(value, weights(resumed)[name]), name
    assert resumed.probe == whole.probe
    with np.load(run_folder(recipe, tiny_prepared, tmp_path / "cut") / "probe.npz") as kept:
        monkeypatch.undo()
        (layer,) = head_layers(build_network(recipe, tiny_prepared))
        np.testing.assert_allclose(layer.weight.detach(), kept["weight"], rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize(
    "values",
    [
        {"network.pretrained": False},
        {"training.probe": False},
        {"network.backbone": "clip:folder", "network.head": {"stages": None}},
    ],
)
def test_some_recipes_have_no_probe(values: dict[str, object], given: Recipe) -> None:
    assert has_probe(given)
    changed = {"network.pretrained": True} if "network.backbone" in values else {}
    assert not has_probe(override(given, {**changed, **values}))


@pytest.mark.parametrize(
    ("values", "average"), [({}, "wise"), ({"training.probe": False}, "ema"), ({"training.head_init": "random"}, "ema")]
)
def test_what_does_not_start_from_a_probe_keeps_the_mean_itself(
    values: dict[str, object], average: str, given: Recipe, tiny_prepared: Prepared
) -> None:
    recipe = override(given, {"training.average": "wise", **values})
    network = build_network(recipe, tiny_prepared)
    task = ClassificationTask(recipe, tiny_prepared, network, network, PixelInputs(tiny_prepared, recipe.augmentation))
    assert task.average == average


def test_a_probe_sees_copies_that_are_changed_as_the_recipe_changes_them(
    given: Recipe, tiny_prepared: Prepared, monkeypatch: pytest.MonkeyPatch
) -> None:
    recipe = override(given, {"augmentation.zoom": 0.3, "training.probe_copies": 6})
    rows = tiny_prepared.rows["train"]
    given_to_fit: list[np.ndarray] = []

    def remember(train: tuple[np.ndarray, np.ndarray], *_: object) -> None:
        given_to_fit.extend(train)

    monkeypatch.setattr("model_training.training.start.fit_probe", remember)
    fit_on_features(recipe, tiny_prepared, torch.device("cpu"))
    features, targets = given_to_fit
    parts = features.reshape(8, len(rows), -1)  # the images, their mirror images and six copies
    assert (targets.reshape(8, -1) == tiny_prepared.targets[rows]).all()
    network = make_probe_network(recipe, tiny_prepared)
    third = augment(tiny_prepared.pixels[rows], rows, recipe.augmentation, seed=1)[:, :, ::-1]
    with torch.no_grad():
        expected = network.forward_with_features(torch.from_numpy(np.ascontiguousarray(third)))[1]
    np.testing.assert_allclose(parts[3], expected, rtol=1e-4, atol=1e-5)
    assert all(not np.allclose(parts[0], each) for each in parts[1:])


@pytest.mark.parametrize(("asked", "images", "copies"), [(6, 100, 6), (6, 2000, 3), (6, 5000, 0), (0, 100, 0)])
def test_many_images_have_fewer_copies_or_none(given: Recipe, asked: int, images: int, copies: int) -> None:
    recipe = override(given, {"training.probe_copies": asked})
    assert len(_list_copies(recipe, images)) == 2 + copies
    assert len(_list_copies(override(recipe, {"augmentation.horizontal_flip": 0.0}), 100)) == 1 + asked
