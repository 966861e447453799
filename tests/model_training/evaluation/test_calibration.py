from __future__ import annotations

from statistics import fmean

import numpy as np
import pytest
from scipy.special import softmax as scipy_softmax
from sklearn.metrics import log_loss

from model_training.evaluation.calibration import choose_thresholds, fit_temperature


def sample(count: int, sharpness: float, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Targets drawn from softmax(logits), and these logits times `sharpness`, which is then the temperature."""
    generator = np.random.default_rng(seed)
    logits = generator.normal(0, 2, (count, 3))
    probabilities = scipy_softmax(logits, axis=1)
    targets = np.array([generator.choice(3, p=row) for row in probabilities])
    return logits * sharpness, targets


@pytest.mark.parametrize("sharpness", [0.5, 1.0, 3.0])
def test_the_true_temperature_is_found(sharpness: float) -> None:
    found = fmean(fit_temperature(*sample(4000, sharpness, seed)).temperature for seed in range(3))
    assert found == pytest.approx(sharpness, rel=0.06)


def test_no_temperature_nearby_is_better() -> None:
    logits, targets = sample(500, 2.0)
    best = fit_temperature(logits, targets).temperature
    loss = {factor: log_loss(targets, scipy_softmax(logits / (best * factor), axis=1)) for factor in (0.9, 1.0, 1.1)}
    assert loss[1.0] < min(loss[0.9], loss[1.1])


def test_faultless_validation_does_not_make_the_model_surer() -> None:
    logits = np.array([[3.0, 0.0], [0.0, 3.0], [2.0, 1.0]])
    assert fit_temperature(logits, np.array([0, 1, 0])).temperature == pytest.approx(1.0, abs=0.01)


def test_the_threshold_is_the_lowest_that_keeps_its_promise() -> None:
    confidence = np.concatenate([np.full(98, 0.95), [0.9, 0.85], np.full(20, 0.8)])
    right = np.concatenate([np.full(98, True), [True, False], np.full(20, False)])
    probabilities = np.stack([confidence, 1 - confidence], axis=1)
    found = choose_thresholds(probabilities, np.where(right, 0, 1))
    assert found.sure == 0.85  # 99 of 100 right; one step further it would be 99 of 120
    assert found.precision_above == 0.99


def test_equal_confidences_stand_or_fall_together() -> None:
    confidence = np.full(100, 0.9)
    targets = np.concatenate([np.zeros(99, int), [1]])
    found = choose_thresholds(np.stack([confidence, 1 - confidence], axis=1), targets)
    assert (found.sure, found.precision_above) == (0.9, 0.99)
    targets[:5] = 1
    assert choose_thresholds(np.stack([confidence, 1 - confidence], axis=1), targets).sure == 1.0


def test_a_lucky_toss_is_not_sure() -> None:
    confidence = np.array([0.99, 0.9, 0.55])
    found = choose_thresholds(np.stack([confidence, 1 - confidence], axis=1), np.zeros(3, int))
    assert found.sure == 0.7


def test_a_certain_error_rate_needs_enough_answers() -> None:
    def choose(count: int, wrong: int) -> float:
        confidence = np.full(count, 0.9)
        targets = (np.arange(count) < wrong).astype(int)
        return choose_thresholds(np.stack([confidence, 1 - confidence], axis=1), targets, 0.02, 0.9).sure

    # 0.98^n ≤ 0.1 from n = 114 on; with one fault from n = 194 on (0.98^n + n·0.02·0.98^(n−1) ≤ 0.1).
    assert [choose(*case) for case in ((113, 0), (114, 0), (193, 1), (194, 1))] == [1.0, 0.9, 1.0, 0.9]


def test_the_stated_error_holds_for_images_to_come() -> None:
    """Over 300 draws of 600 validation pictures the true error above the threshold exceeds 2% in one of ten at most,
    where the empirical rate alone lets about half of the draws exceed it."""
    generator = np.random.default_rng(0)
    exceeded = {0.9: 0, None: 0}
    for _ in range(300):
        confidence = generator.beta(6, 1, 600) / 2 + 0.5
        wrong = generator.random(600) > confidence
        probabilities = np.stack([confidence, 1 - confidence], axis=1)
        for certainty in exceeded:
            sure = choose_thresholds(probabilities, wrong.astype(int), 0.02, certainty).sure
            # The error above t is the mean of 1 − confidence there.
            x = 2 * max(sure, 0.5) - 1
            above = np.linspace(x, 1, 400)
            weights = above**5
            true_error = float((weights * (1 - above) / 2).sum() / weights.sum()) if sure < 1 else 0.0
            exceeded[certainty] += true_error > 0.02
    assert exceeded[0.9] <= 0.13 * 300
    assert exceeded[None] > 0.25 * 300
