"""Calibration error against torchmetrics, conformal coverage against simulation."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torchmetrics.functional.classification import multiclass_calibration_error

from analysis.calibration import coverage_interval, measure_calibration, measure_conformal
from model_training.evaluation.conformal import conformal_sets, expected_calibration_error, fit_conformal


def draw(images: int, classes: int, generator: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Probabilities, and targets drawn from them: perfectly calibrated."""
    probabilities = generator.dirichlet(np.full(classes, 0.3), images)
    targets = (probabilities.cumsum(axis=1) < generator.random((images, 1))).sum(axis=1)
    return probabilities, np.minimum(targets, classes - 1)


def test_the_error_is_torchmetrics() -> None:
    generator = np.random.default_rng(0)
    probabilities, _ = draw(500, 3, generator)
    targets = generator.integers(0, 3, 500)
    expected = multiclass_calibration_error(
        torch.from_numpy(probabilities), torch.from_numpy(targets), 3, n_bins=15, norm="l1"
    )
    assert expected_calibration_error(probabilities, targets) == pytest.approx(expected.item(), abs=1e-6)
    measured = measure_calibration(probabilities, targets, np.arange(500))
    assert measured.error.value == pytest.approx(expected.item(), abs=1e-6)
    assert measured.error.low < measured.error.value < measured.error.high
    assert sum(each.images for each in measured.bins) == 500


def test_what_chance_shows_is_what_calibrated_models_show() -> None:
    generator = np.random.default_rng(1)
    errors, expected = [], []
    for _ in range(60):
        probabilities, targets = draw(80, 2, generator)
        errors.append(expected_calibration_error(probabilities, targets))
        expected.append(measure_calibration(probabilities, targets, np.arange(80)).by_chance)
    assert np.mean(errors) == pytest.approx(np.mean([mean for mean, _ in expected]), rel=0.1)
    assert np.mean([error > high for error, (_, high) in zip(errors, expected, strict=True)]) <= 0.15


def test_overconfidence_is_seen() -> None:
    probabilities = np.tile([0.99, 0.01], (200, 1))
    measured = measure_calibration(probabilities, np.arange(200) % 2, np.arange(200))
    assert measured.error.value == pytest.approx(0.49)
    assert measured.by_chance[1] < 0.05
    (only,) = measured.bins
    assert (only.images, only.accuracy.value) == (200, 0.5)


def test_conformal_sets_cover_what_they_say() -> None:
    generator = np.random.default_rng(2)
    shares = []
    for _ in range(300):
        validation, test = draw(60, 4, generator), draw(100, 4, generator)
        shares.append(measure_conformal(validation, test, np.arange(100)).coverage.value)
    low, high = coverage_interval(60, 100)
    assert np.mean(shares) == pytest.approx(np.ceil(61 * 0.9) / 61, abs=0.01)
    assert 0.92 <= np.mean([low <= share <= high for share in shares]) <= 0.99


def test_the_bound_is_the_ranked_score() -> None:
    probabilities = np.array([[0.9, 0.1], [0.8, 0.2], [0.7, 0.3], [0.4, 0.6]])
    targets = np.zeros(4, int)
    assert fit_conformal(probabilities, targets, alpha=0.2) == pytest.approx(0.4)  # the 4th of 4
    assert fit_conformal(probabilities, targets, alpha=0.5) == pytest.approx(0.7)  # ⌈2.5⌉ = 3rd smallest
    assert conformal_sets(probabilities, fit_conformal(probabilities, targets, 0.2))[3].tolist() == [True, True]


def test_too_few_validation_images_give_every_class() -> None:
    generator = np.random.default_rng(3)
    found = measure_conformal(draw(5, 3, generator), draw(20, 3, generator), np.arange(20))
    assert found.min_probability == 0
    assert found.sizes == {3: 20}
    assert found.coverage.value == 1
    assert found.expected == (1.0, 1.0)


def test_no_images_is_said() -> None:
    with pytest.raises(ValueError, match="no pictures"):
        measure_calibration(np.zeros((0, 2)), np.zeros(0, int), np.zeros(0, int))
