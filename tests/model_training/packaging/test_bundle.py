from __future__ import annotations

import hashlib
import json
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from model_training.datasets.prepare import Prepared
from model_training.packaging import bundle as bundle_module
from model_training.packaging.bundle import make_bundle
from model_training.packaging.served_form import measure_agreement
from model_training.recipe import Recipe
from model_training.runtime.card import read_card
from model_training.runtime.classifier import Classifier
from model_training.training.loop import Trained


def test_the_card_says_what_was_trained_on_what(tiny_bundle: Path, tiny_prepared: Prepared) -> None:
    card = read_card(tiny_bundle / "card.json")
    assert [label.key for label in card.labels] == ["china", "japan"]
    assert card.labels[0].title.ko == "중국"
    assert card.data.procedural is True
    assert card.data.counts == {
        "train": {"china": 9, "japan": 9},
        "validation": {"china": 3, "japan": 3},
        "test": {"china": 3, "japan": 3},
    }
    assert card.data.fingerprint == tiny_prepared.provenance.fingerprint
    assert card.provenance.libraries["torch"] == torch.__version__.partition("+")[0]
    assert card.provenance.recipe["training"]["epochs"] == 2  # type: ignore[index]


def test_figures_are_of_the_test_split(tiny_bundle: Path, tiny_prepared: Prepared, tiny_trained: Trained) -> None:
    card = read_card(tiny_bundle / "card.json")
    test = tiny_prepared.rows["test"]
    with torch.inference_mode():
        logits = tiny_trained.network(torch.from_numpy(tiny_prepared.pixels[test]))
    accuracy = (logits.argmax(1).numpy() == tiny_prepared.targets[test]).mean()
    figure = next(each for each in card.metrics if (each.name, each.split) == ("accuracy", "test"))
    assert figure.value == pytest.approx(accuracy, abs=1e-4)
    assert figure.images == 6
    assert figure.low < figure.high
    assert sum(each.support for each in card.class_metrics) == 6


def test_the_two_forms_agree_and_the_card_says_how_well(tiny_bundle: Path) -> None:
    form = read_card(tiny_bundle / "card.json").openvino_model
    assert form is not None
    assert form.agreement.images == 12
    assert form.agreement.largest_logit_difference < 1e-4
    assert form.agreement.same_class == 1.0


def test_agreement_is_measured_not_assumed() -> None:
    reference = np.array([[1.0, 0.0], [0.0, 1.0]], np.float32)
    other = np.array([[1.0, 0.25], [0.5, 0.0]], np.float32)
    agreement = measure_agreement(reference, other)
    assert agreement.largest_logit_difference == 1.0
    assert agreement.same_class == 0.5


def test_examples_are_test_images_with_the_answers_that_the_model_gives(tiny_bundle: Path) -> None:
    classifier = Classifier.load(tiny_bundle)
    assert [each.label for each in classifier.card.examples] == ["china"] * 3 + ["japan"] * 3
    for example in classifier.card.examples:
        image = tiny_bundle / "examples" / example.image
        stored = json.loads((tiny_bundle / "examples" / f"{example.name}.json").read_text())
        (fresh,) = classifier.answer([image.read_bytes()], [True])
        assert isinstance(fresh, dict)
        assert stored["class"] == fresh["class"]
        assert stored["probabilities"] == pytest.approx(fresh["probabilities"], abs=1e-5)
        assert stored["explanation"]["data"]
        with Image.open(image) as opened:
            assert max(opened.size) <= 512


def test_every_file_is_vouched_for(tiny_bundle: Path) -> None:
    card = read_card(tiny_bundle / "card.json")
    present = {path.relative_to(tiny_bundle).as_posix() for path in tiny_bundle.rglob("*") if path.is_file()}
    assert set(card.files) == present - {"card.json"}
    assert {"weights.safetensors", "network.xml", "network.bin", "loss_accuracy.png"} <= present
    for name, digest in card.files.items():
        assert hashlib.sha256((tiny_bundle / name).read_bytes()).hexdigest() == digest


def test_a_model_reads_provenance_where_the_recipe_asks_for_it(
    tiny_recipe: Recipe, tiny_prepared: Prepared, tiny_trained: Trained, tiny_bundle: Path, tmp_path: Path
) -> None:
    asking = tiny_recipe.model_copy(update={"provenance": True})
    card = read_card(make_bundle(asking, tiny_prepared, tiny_trained, tmp_path) / "card.json")
    assert (card.reads_provenance, read_card(tiny_bundle / "card.json").reads_provenance) == (True, False)


def test_a_failure_leaves_the_previous_bundle_whole(
    tiny_recipe: Recipe,
    tiny_prepared: Prepared,
    tiny_trained: Trained,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    first = make_bundle(tiny_recipe, tiny_prepared, tiny_trained, tmp_path)
    before = (first / "card.json").read_bytes()

    def fail(*arguments: object) -> None:
        raise OSError("disk full")

    monkeypatch.setattr(bundle_module, "measure_classes", fail)
    with pytest.raises(OSError, match="disk full"):
        make_bundle(tiny_recipe, tiny_prepared, tiny_trained, tmp_path)
    assert (first / "card.json").read_bytes() == before
    assert [path.name for path in tmp_path.iterdir()] == ["landscape"]
