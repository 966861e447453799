from __future__ import annotations

import numpy as np
import pytest
from sklearn.metrics import accuracy_score, f1_score

from model_training.figures import macro_f1_interval, measure, measure_classes


def test_values_are_scikit_learns_and_wilson_is_the_textbooks() -> None:
    generator = np.random.default_rng(1)
    targets = generator.integers(0, 3, 200)
    predicted = np.where(generator.random(200) < 0.8, targets, generator.integers(0, 3, 200))
    accuracy, macro_f1 = measure(predicted, targets, "test", 3)
    assert accuracy.value == pytest.approx(accuracy_score(targets, predicted), abs=1e-4)
    assert macro_f1.value == pytest.approx(f1_score(targets, predicted, average="macro"), abs=1e-4)
    assert macro_f1.low < macro_f1.value < macro_f1.high
    assert (accuracy.pictures, accuracy.split) == (200, "test")


def test_wilson_by_hand() -> None:
    """9 of 10: centre (0.9 + z²/20) / (1 + z²/10) = 0.7889, half width 0.1936 with z = 1.96 (Wilson 1927)."""
    targets = np.zeros(10, int)
    predicted = targets.copy()
    predicted[0] = 1
    accuracy, _ = measure(predicted, targets, "test", 2)
    assert (accuracy.low, accuracy.high) == pytest.approx((0.5958, 0.9821), abs=2e-4)


def test_the_wilson_interval_covers() -> None:
    generator = np.random.default_rng(2)
    covered = 0
    for _ in range(400):
        right = generator.random(75) < 0.95
        accuracy, _ = measure(np.where(right, 0, 1), np.zeros(75, int), "test", 2)
        covered += accuracy.low <= 0.95 <= accuracy.high
    assert 0.92 <= covered / 400 <= 0.99


def test_the_macro_f1_interval_covers() -> None:
    """Two classes of 60 and 30 pictures, answered rightly at 0.92 and 0.8: by simulation, not by formula."""
    generator = np.random.default_rng(3)
    rates = np.array([[0.92, 0.08], [0.2, 0.8]])
    true = rates * np.array([[60], [30]])
    f1 = [2 * true[k, k] / (true[:, k].sum() + true[k].sum()) for k in range(2)]
    covered = 0
    for _ in range(300):
        confusion = np.array([generator.multinomial(count, row) for count, row in zip((60, 30), rates, strict=True)])
        low, high = macro_f1_interval(confusion, draws=1000)
        covered += low <= np.mean(f1) <= high
    assert 0.91 <= covered / 300 <= 0.985


def test_faultless_is_not_certain() -> None:
    targets = np.array([0] * 24 + [1] * 24)
    _, macro_f1 = measure(targets, targets, "test", 2)
    assert macro_f1.value == macro_f1.high == 1.0
    assert 0.88 < macro_f1.low < 0.98


def test_a_class_without_pictures_is_zero_not_a_crash() -> None:
    classes = measure_classes(np.array([0, 0, 1]), np.array([0, 1, 1]), ("a", "b", "c"))
    assert [(each.precision, each.recall, each.support) for each in classes] == [
        (0.5, 1.0, 1), (1.0, 0.5, 2), (0.0, 0.0, 0),
    ]  # fmt: skip
