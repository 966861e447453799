from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from scipy.stats import t

from model_training.evaluation.calibration import choose_thresholds
from model_training.evaluation.unseen_sources import UnseenAnswers, measure_unseen

LABELS = ("ai", "real")


def answers(parts: dict[str, tuple[int, list[float]]], tested: int = 0) -> UnseenAnswers:
    """Source → its class and each image's probability of that class; the first `tested` of each are test images."""
    truth = np.concatenate([values for _, values in parts.values()])
    targets = np.repeat([label for label, _ in parts.values()], [len(values) for _, values in parts.values()])
    probabilities = np.stack([np.where(targets == 0, truth, 1 - truth), np.where(targets == 1, truth, 1 - truth)], 1)
    return UnseenAnswers(
        column="generator",
        probabilities=probabilities,
        targets=targets,
        sources=np.repeat(list(parts), [len(values) for _, values in parts.values()]),
        tested=np.concatenate([np.arange(len(values)) < tested for _, values in parts.values()]),
        seen=(45, 50),
        trainings=3,
        kept=("phone",),
        unnamed=2,
    )


def test_sources_count_alike_however_many_images_they_have() -> None:
    found = measure_unseen(
        answers({"large": (0, [0.9] * 40), "small": (0, [0.9] * 3 + [0.2]), "mixed": (1, [0.8, 0.1])}),
        LABELS,
        0.02,
        None,
    )
    assert [(each.source, each.classes, each.images, each.accuracy) for each in found.sources] == [
        ("mixed", ("real",), 2, 0.5), ("small", ("ai",), 4, 0.75), ("large", ("ai",), 40, 1.0),
    ]  # fmt: skip
    values = [0.5, 0.75, 1.0]
    half = t.ppf(0.975, 2) * np.std(values, ddof=1) / np.sqrt(3)
    assert (found.mean, found.low, found.high) == (0.75, round(0.75 - half, 4), 1.0)
    assert (found.seen, found.kept, found.unnamed, found.column) == (0.9, ("phone",), 2, "generator")


def test_the_band_is_chosen_without_the_test_images_and_judged_on_them() -> None:
    """Test images are wrong at 0.95: chosen on them, too, the threshold would lie above."""
    free = [0.9] * 50 + [0.15] * 3  # wrong at a confidence of 0.85
    judged = answers({"one": (0, [0.05] * 2 + free), "two": (1, [0.05] * 2 + free)}, tested=2)
    found = measure_unseen(judged, LABELS, 0.02, None)
    assert found.thresholds is not None
    alone = choose_thresholds(judged.probabilities[~judged.tested], judged.targets[~judged.tested], 0.02)
    assert found.thresholds == alone.model_copy(update={"chosen_on": "unseen_sources"})
    assert found.thresholds.sure == 0.9
    assert (found.sure, found.sure_error_rate) == (1.0, 1.0)
    assert found.sources[0].sure == round(52 / 55, 4)
    assert found.sources[0].sure_error_rate == round(2 / 52, 4)


def test_one_source_has_no_interval_over_sources() -> None:
    found = measure_unseen(answers({"one": (0, [0.9])}), LABELS, 0.02, None)
    assert (found.mean, found.low, found.high) == (1.0, None, None)
    assert (found.sources[0].low, found.sources[0].high) == (pytest.approx(0.2065, abs=1e-4), 1.0)  # Wilson, 1 of 1


def test_where_all_are_test_images_no_band_is_chosen() -> None:
    found = measure_unseen(answers({"one": (0, [0.9] * 5)}, tested=5), LABELS, 0.02, None)
    assert (found.thresholds, found.sure, found.sure_error_rate) == (None, 0.0, None)


def test_without_answers_nothing_is_said() -> None:
    none = answers({"one": (0, [0.9])})
    none = replace(
        none,
        probabilities=np.empty((0, 2)),
        targets=none.targets[:0],
        sources=none.sources[:0],
        tested=none.tested[:0],
        seen=(0, 0),
    )
    found = measure_unseen(none, LABELS, 0.02, 0.9)
    assert (found.sources, found.mean, found.seen, found.thresholds, found.sure) == ((), None, None, None, None)
