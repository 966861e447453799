from __future__ import annotations

import numpy as np
import pytest
from sklearn.metrics import accuracy_score, confusion_matrix, f1_score

from model_training.evaluation.metrics import macro_f1_interval, mean_f1, measure, measure_classes


def test_values_are_scikit_learns_and_wilson_is_the_textbooks() -> None:
    generator = np.random.default_rng(1)
    targets = generator.integers(0, 3, 200)
    predicted = np.where(generator.random(200) < 0.8, targets, generator.integers(0, 3, 200))
    accuracy, macro_f1 = measure(predicted, targets, "test", 3)
    assert accuracy.value == pytest.approx(accuracy_score(targets, predicted), abs=1e-4)
    assert macro_f1.value == pytest.approx(f1_score(targets, predicted, average="macro"), abs=1e-4)
    assert macro_f1.low < macro_f1.value < macro_f1.high
    assert (accuracy.images, accuracy.split) == (200, "test")


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


@pytest.mark.parametrize(
    ("classes", "images", "recall"),
    [(2, 45, 0.86), (2, 24, 0.97), (10, 12, 0.65), (23, 5, 0.62), (23, 5, 0.95)],
    ids=["two classes", "two classes, nearly faultless", "ten", "many small ones", "many small ones, nearly faultless"],
)
def test_the_macro_f1_interval_covers(classes: int, images: int, recall: float) -> None:
    """By simulation, not by formula: each class has a recall of its own, and is mistaken for a few others mostly."""
    generator = np.random.default_rng(3)
    covered, count = 0, 300
    for number in range(count):
        if number % 10 == 0:
            rates = np.stack([mistake(generator, classes, own, recall) for own in range(classes)])
            true = mean_f1(rates * images)
        confusion = np.stack([generator.multinomial(images, row) for row in rates])
        low, high = macro_f1_interval(confusion, draws=400)
        assert low <= mean_f1(confusion) <= high
        covered += low <= true <= high
    assert covered / count >= 0.87


def mistake(generator: np.random.Generator, classes: int, own: int, recall: float) -> np.ndarray:
    """How often a class is given each answer, float (classes,)."""
    right = generator.beta(20 * recall, 20 * (1 - recall))
    return np.insert(generator.dirichlet(np.full(classes - 1, 0.2)) * (1 - right), own, right)


def test_macro_f1_is_that_of_scikit_learn() -> None:
    generator = np.random.default_rng(4)
    targets, predicted = generator.integers(0, 4, (2, 60))
    targets[targets == 3] = 0  # answered, but never true
    found = mean_f1(confusion_matrix(targets, predicted, labels=range(5)))  # and one that is neither
    assert found == pytest.approx(f1_score(targets, predicted, labels=range(5), average="macro", zero_division=0))


def test_faultless_is_not_certain() -> None:
    targets = np.array([0] * 24 + [1] * 24)
    _, macro_f1 = measure(targets, targets, "test", 2)
    assert macro_f1.value == macro_f1.high == 1.0
    assert 0.88 < macro_f1.low < 0.98


def test_a_class_without_images_is_zero_not_a_crash() -> None:
    classes = measure_classes(np.array([0, 0, 1]), np.array([0, 1, 1]), ("a", "b", "c"))
    assert [(each.precision, each.recall, each.support) for each in classes] == [
        (0.5, 1.0, 1), (1.0, 0.5, 2), (0.0, 0.0, 0),
    ]  # fmt: skip
