from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest
from scipy.special import logsumexp, softmax

from model_training.runtime.card import read_card
from model_training.runtime.classifier import Classifier
from model_training.runtime.errors import BundleError
from model_training.runtime.ood import REFERENCES, NearestNeighbours, energy, load_score


def test_energy_is_minus_the_log_of_the_sum() -> None:
    assert energy(np.log([[1.0, 2.0, 5.0]]), 1.0) == pytest.approx([-np.log(8)])
    logits = np.random.default_rng(0).normal(size=(4, 3)) * 300
    assert energy(logits, 2.0) == pytest.approx(-2 * logsumexp(logits / 2, axis=1))
    # p(class) = exp((logit + energy) / T) for T = 2
    assert np.exp((logits + energy(logits, 2.0)[:, None]) / 2) == pytest.approx(softmax(logits / 2, axis=1))


def test_the_fifth_neighbour_by_hand() -> None:
    generator = np.random.default_rng(1)
    train, asked = generator.normal(size=(30, 6)), generator.normal(size=(5000, 6))
    unit = lambda rows: rows / np.linalg.norm(rows, axis=1, keepdims=True)  # noqa: E731
    distances = np.sort(np.linalg.norm(unit(asked)[:, None] - unit(train)[None], axis=2), axis=1)
    assert NearestNeighbours(train)(asked) == pytest.approx(distances[:, 4], abs=1e-3)


def test_features_of_zero_and_few_references_do_no_harm() -> None:
    assert np.isfinite(NearestNeighbours(np.eye(3)[:2])(np.zeros((2, 3)))).all()


def test_the_answer_is_unknown_above_the_threshold_and_keeps_its_class(tiny_bundle: Path) -> None:
    classifier = Classifier.load(tiny_bundle)
    card = classifier.card
    assert card.ood is not None
    image = (tiny_bundle / "examples" / card.examples[0].image).read_bytes()
    for threshold, unknown in ((-1e9, True), (1e9, False)):
        moved = card.ood.model_copy(update={"threshold": threshold})
        classifier.card = card.model_copy(update={"ood": moved})
        (answer,) = classifier.answer([image])
        assert isinstance(answer, dict)
        assert (answer["verdict"] == "unknown") is unknown
        assert answer.get("reason") == ("unlike" if unknown else None)
        assert answer["class"] in ("china", "japan")


def test_torch_and_openvino_see_the_same_features(tiny_bundle: Path) -> None:
    classifier = Classifier.load(tiny_bundle)
    slow = Classifier(classifier.card.model_copy(update={"openvino_model": None}), tiny_bundle, "cpu")
    preprocessing = classifier.card.preprocessing
    size = (3, preprocessing.height, preprocessing.width, 3)
    pixels = np.random.default_rng(4).integers(0, 256, size, dtype=np.uint8)
    for ours, theirs in zip(
        classifier.execute.forward_with_features(pixels), slow.execute.forward_with_features(pixels), strict=True
    ):
        np.testing.assert_allclose(ours, theirs, atol=1e-3, rtol=1e-3)


def test_the_card_says_which_score_and_a_missing_file_is_named(tiny_bundle: Path, tmp_path: Path) -> None:
    card = read_card(tiny_bundle / "card.json")
    assert card.ood is not None
    assert load_score(card.model_copy(update={"ood": None}), tmp_path) is None
    energetic = card.model_copy(update={"ood": card.ood.model_copy(update={"method": "energy"})})
    score = load_score(energetic, tmp_path)
    assert score is not None
    logits = np.array([[1.0, 2.0]])
    assert score(logits, np.zeros((1, 3))) == pytest.approx(energy(logits, card.calibration.temperature))
    near = card.model_copy(update={"ood": card.ood.model_copy(update={"method": "knn"})})
    with pytest.raises(BundleError, match=REFERENCES):
        load_score(near, tmp_path)
    shutil.copyfile(tiny_bundle / REFERENCES, tmp_path / REFERENCES)
    assert load_score(near, tmp_path) is not None
