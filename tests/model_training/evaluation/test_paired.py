from __future__ import annotations

import numpy as np
import pytest
from sklearn.metrics import f1_score

from model_training.evaluation.paired import cross_fit, measure_lead


def simulate(images: int, gain: float, generator: np.random.Generator) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Targets of two classes, a probe that is right in 90%, and ten epochs of a network that differs from it on some
    images: as often for the better as for the worse, and by `gain` more often for the better."""
    targets = generator.integers(0, 2, images)
    probe_right = generator.random(images) < 0.9
    shared = generator.random(images)
    epochs = []
    for _ in range(10):
        luck = np.where(generator.random(images) < 0.5, generator.random(images), shared)
        right = np.where(probe_right, luck > 0.04 / 0.9, luck < (0.04 + gain) / 0.1)
        epochs.append(np.where(right, targets, 1 - targets))
    return targets, np.where(probe_right, targets, 1 - targets), np.stack(epochs)


def judge(gain: float, runs: int) -> tuple[float, float, float]:
    """Share of runs in which the network counts as better, its mean lead, and that of its best epoch's own figure."""
    generator = np.random.default_rng(1)
    better, leads, naive = 0, [], []
    for _ in range(runs):
        targets, probe, epochs = simulate(300, gain, generator)
        lead = measure_lead(cross_fit(epochs, targets, 2, "accuracy"), probe, targets, 2, "accuracy")
        highest = epochs[np.argmax((epochs == targets).mean(1))]
        better += lead.is_beyond_noise
        leads.append(lead.value)
        naive.append((highest == targets).mean() - (probe == targets).mean())
    return better / runs, float(np.mean(leads)), float(np.mean(naive))


def test_an_equal_passes_for_better_now_and_then_and_a_better_one_as_a_rule() -> None:
    passed, lead, naive = judge(0.0, 200)
    assert 0.03 < passed < 0.16  # 5 of 100 of one fixed network; the choice of the epoch varies, too
    assert lead == pytest.approx(0, abs=0.004)
    assert naive > 0.008  # what the best epoch's own figure promises of nothing
    passed, lead, _ = judge(0.05, 60)
    assert passed > 0.5
    assert lead == pytest.approx(0.05, abs=0.008)


def test_the_lead_is_that_of_scikit_learns_figures() -> None:
    generator = np.random.default_rng(0)
    targets, ours, theirs = generator.integers(0, 4, (3, 200))
    lead = measure_lead(ours, theirs, targets, 4, "macro_f1")
    expected = f1_score(targets, ours, average="macro") - f1_score(targets, theirs, average="macro")
    assert lead.value == pytest.approx(expected)
    assert lead.low < lead.value < lead.high
    swapped = measure_lead(theirs, ours, targets, 4, "macro_f1")
    assert (swapped.low, swapped.high) == pytest.approx((-lead.high, -lead.low), abs=0.01)


def test_the_same_answers_are_no_lead() -> None:
    answers = np.arange(30) % 3
    lead = measure_lead(answers, answers, np.zeros(30, int), 3, "accuracy")
    assert (lead.value, lead.low, lead.high, lead.is_beyond_noise) == (0, 0, 0, False)


def test_a_single_epoch_is_its_own_choice() -> None:
    answers = np.arange(23) % 2
    assert (cross_fit(answers[None], np.zeros(23, int), 2, "macro_f1") == answers).all()
