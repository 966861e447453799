from __future__ import annotations

import numpy as np
import pytest
from scipy.special import expit
from sklearn.calibration import _SigmoidCalibration
from sklearn.metrics import f1_score

from model_training.evaluation.label_decisions import (
    calibration_error,
    choose_threshold,
    control_risk,
    false_negative_rates,
    fit_decisions,
    fit_platt,
    judge_answers,
    measure_risk,
)
from model_training.runtime.classifier import holds
from model_training.runtime.label_measures import LabelDecision
from model_training.runtime.multi_label import calibrate, decide

KEYS = tuple("abcd")
SHARES = np.array([0.5, 0.3, 0.1, 0.06])


def draw(count: int, generator: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Logits on a scale of their own for each label, and targets with at least one label each."""
    targets = (generator.random((count, 4)) < SHARES).astype(np.float32)
    empty = targets.sum(1) == 0
    targets[empty, generator.integers(0, 4, int(empty.sum()))] = 1
    logits = (2 * targets - 1) * 1.2 + generator.normal(size=(count, 4))
    return logits * np.array([1.0, 3.0, 0.5, 1.0]) + np.array([0.0, 2.0, -1.0, 0.0]), targets


def test_platts_scaling_is_scikit_learns() -> None:
    logits, targets = draw(400, np.random.default_rng(0))
    for number in range(4):
        theirs = _SigmoidCalibration().fit(logits[:, number], targets[:, number])
        scale, offset = fit_platt(logits[:, number], targets[:, number])
        assert scale == pytest.approx(-theirs.a_, rel=1e-3)
        assert offset == pytest.approx(-theirs.b_, abs=1e-3)


def test_a_label_that_is_told_without_a_fault_keeps_a_finite_scale() -> None:
    scale, offset = fit_platt(np.array([-2.0, -1.0, 1.0, 2.0]), np.array([0, 0, 1, 1]))
    assert 0.01 <= scale < 100
    assert abs(offset) < 1e-3


def test_the_threshold_gives_the_highest_f1() -> None:
    generator = np.random.default_rng(1)
    for _ in range(20):
        targets = generator.integers(0, 2, 60)
        targets[0] = 1
        probabilities = np.round(np.clip(0.4 * targets + generator.random(60) * 0.6, 0, 1), 2)  # with ties
        threshold = choose_threshold(probabilities, targets)
        reached = f1_score(targets, probabilities >= threshold)
        assert reached == pytest.approx(max(f1_score(targets, probabilities >= each) for each in probabilities))
    assert choose_threshold(np.array([0.2, 0.9]), np.array([0, 0])) == 0.5


def test_calibration_brings_each_label_to_its_rate() -> None:
    generator = np.random.default_rng(2)
    logits, targets = draw(4000, generator)
    decisions = fit_decisions(logits, targets, KEYS)
    fresh, truth = draw(4000, generator)
    probabilities = calibrate(fresh, decisions)
    np.testing.assert_allclose(probabilities.mean(0), truth.mean(0), atol=0.02)
    assert calibration_error(probabilities, truth) < 0.03 < calibration_error(expit(fresh), truth)


def test_a_rare_label_shares_what_all_labels_decided() -> None:
    logits, targets = draw(400, np.random.default_rng(3))
    kept = np.cumsum(targets[:, 3]) < 10  # nine images have it
    first, *_, rare = fit_decisions(logits[kept], targets[kept], KEYS)
    assert (first.own, rare.own, rare.positives) == (True, False, 9)
    pooled = fit_platt(logits[kept].ravel(), targets[kept].ravel())
    assert (rare.scale, rare.offset) == pooled
    assert (first.scale, first.offset) != pooled


@pytest.mark.parametrize("alpha", [0.1, 0.25])
def test_the_share_of_missed_labels_is_what_was_stated(alpha: float) -> None:
    """Conformal risk control keeps E[loss] ≤ α and, where the loss moves in small steps, not far below."""
    generator = np.random.default_rng(4)
    missed, served = [], []
    for _ in range(300):
        (known, known_targets), (fresh, targets) = draw(150, generator), draw(2000, generator)
        raw = control_risk(expit(known), known_targets, alpha)
        missed.append(false_negative_rates(holds(expit(fresh), raw), targets).mean())
        # As a bundle does it: the probabilities are calibrated on the same images.
        decisions = fit_decisions(known, known_targets, KEYS)
        bound = control_risk(calibrate(known, decisions), known_targets, alpha)
        served.append(false_negative_rates(holds(calibrate(fresh, decisions), bound), targets).mean())
    error = 3 * np.std(missed) / np.sqrt(len(missed))
    assert alpha - 2 / 151 - error < np.mean(missed) < alpha + error
    assert np.mean(served) < alpha + 0.01


def test_the_bound_is_the_highest_that_the_theorem_allows() -> None:
    generator = np.random.default_rng(5)
    logits, targets = draw(60, generator)
    probabilities = np.round(expit(logits), 2)
    bound = control_risk(probabilities, targets, 0.2)

    def risk(at: float) -> float:
        return (60 * false_negative_rates(holds(probabilities, at), targets).mean() + 1) / 61

    assert risk(bound) <= 0.2
    higher = np.unique(probabilities[probabilities > bound])
    assert all(risk(each) > 0.2 for each in higher)


def test_too_few_images_promise_nothing_and_every_label_is_in_the_set() -> None:
    logits, targets = draw(8, np.random.default_rng(6))
    assert control_risk(expit(logits), targets, 0.1) == 0.0
    found = measure_risk((expit(logits), targets), (expit(logits), targets), 0.1)
    assert (found.min_probability, found.risk, found.mean_size) == (0.0, 0.0, 4.0)


def test_an_answer_is_right_where_all_that_it_names_is_true() -> None:
    decisions = [LabelDecision(key=key, scale=1, offset=0, threshold=0.5, positives=10, own=True) for key in "ab"]
    probabilities = np.array([[0.9, 0.6], [0.9, 0.1], [0.2, 0.3], [0.9, 0.6]])
    targets = np.array([[1, 1], [1, 1], [0, 1], [1, 0]])
    confidence, right = judge_answers(probabilities, targets, decisions)
    assert confidence.tolist() == [0.6, 0.9, 0.0, 0.6]
    assert right.tolist() == [True, True, True, False]
    assert decide(probabilities, decisions).sum(1).tolist() == [2, 1, 0, 2]
