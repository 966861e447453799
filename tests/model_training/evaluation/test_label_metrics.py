from __future__ import annotations

import numpy as np
import pytest
from sklearn.metrics import average_precision_score, f1_score, precision_recall_fscore_support

from model_training.evaluation.label_metrics import (
    average_precisions,
    label_f1,
    mean_of_known,
    measure_each_label,
    measure_labels,
)


def draw(count: int, generator: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    targets = (generator.random((count, 3)) < [0.5, 0.3, 0.15]).astype(np.float32)
    scores = np.round(np.clip(0.3 * targets + 0.7 * generator.random((count, 3)), 0, 1), 2)  # with ties
    return scores, targets


def test_the_figures_are_scikit_learns() -> None:
    scores, targets = draw(200, np.random.default_rng(0))
    chosen = scores >= 0.5
    precision, f1 = measure_labels(scores, chosen, targets, np.arange(200), "test")
    assert precision.value == pytest.approx(average_precision_score(targets, scores, average="macro"), abs=1e-4)
    assert f1.value == pytest.approx(f1_score(targets, chosen, average="macro"), abs=1e-4)
    assert precision.low < precision.value < precision.high
    assert (precision.interval, precision.is_headline, f1.is_headline) == ("bootstrap", True, False)
    rows = measure_each_label(scores, chosen, targets, ("a", "b", "c"))
    theirs = precision_recall_fscore_support(targets, chosen, zero_division=0)
    for row, values in zip(rows, np.array(theirs).T, strict=True):
        assert [row.precision, row.recall, row.f1, row.support] == pytest.approx(values.tolist(), abs=1e-4)
    assert [each.average_precision for each in rows] == pytest.approx(
        average_precision_score(targets, scores, average=None).tolist(), abs=1e-4
    )


def test_weights_count_an_image_as_often_as_it_was_drawn() -> None:
    scores, targets = draw(40, np.random.default_rng(1))
    times = np.random.default_rng(2).integers(0, 3, 40)
    again = np.repeat(np.arange(40), times)
    weighted = average_precisions(scores, targets, times[None].astype(float))[0]
    assert weighted == pytest.approx(average_precision_score(targets[again], scores[again], average=None))
    f1 = label_f1(scores > 0.5, targets, times[None].astype(float))[0]
    assert f1 == pytest.approx(f1_score(targets[again], scores[again] > 0.5, average=None))


def test_a_label_without_images_has_no_average_precision_and_does_not_count() -> None:
    scores, targets = draw(50, np.random.default_rng(3))
    targets[:, 2] = 0
    found = average_precisions(scores, targets)
    assert np.isnan(found[0, 2])
    assert mean_of_known(found)[0] == pytest.approx(found[0, :2].mean())
    assert np.isnan(mean_of_known(np.full((1, 3), np.nan))[0])


def test_the_interval_holds_in_about_95_of_100_samples() -> None:
    generator = np.random.default_rng(4)
    truth = float(mean_of_known(average_precisions(*draw(100_000, generator)))[0])
    held = 0
    for _ in range(120):
        scores, targets = draw(150, generator)
        figure, _ = measure_labels(scores, scores > 0.5, targets, np.arange(150), "test")
        held += figure.low <= truth <= figure.high
    assert held >= 0.87 * 120


def test_a_series_counts_as_one_and_a_faultless_ranking_is_not_certain() -> None:
    scores, targets = draw(60, np.random.default_rng(5))
    alone, _ = measure_labels(scores, scores > 0.5, targets, np.arange(60), "test")
    copies = np.tile(np.arange(60), 4)
    together, _ = measure_labels(scores[copies], scores[copies] > 0.5, targets[copies], copies, "test")
    assert (together.low, together.high) == pytest.approx((alone.low, alone.high), abs=0.02)
    perfect, _ = measure_labels(targets, targets > 0, targets, np.arange(60) // 3, "test")
    assert (perfect.value, perfect.high, perfect.interval) == (1.0, 1.0, "wilson")
    assert 0.8 < perfect.low < 0.9
