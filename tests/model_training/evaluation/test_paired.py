from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import norm
from sklearn.metrics import f1_score

from model_training.evaluation.paired import measure_lead


def simulate(images: int, gain: float, generator: np.random.Generator) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Targets of two classes, logits of a probe that is right in 90%, and of a network that sees the same as the probe
    and something else of its own, which makes it right in `gain` more."""
    targets = generator.integers(0, 2, images)
    common, *own = generator.normal(size=(3, images))

    def as_logits(accuracy: float, own: np.ndarray) -> np.ndarray:
        margin = norm.ppf(accuracy) + 0.8 * common + 0.6 * own
        towards = 3 * margin * (2 * targets - 1)  # a Gaussian's margin is its own log odds, up to a temperature
        return np.stack([-towards, towards], 1) / 2

    return targets, as_logits(0.9, own[0]), as_logits(0.9 + gain, own[1])


def judge(gain: float, runs: int) -> tuple[float, float]:
    """Share of runs in which the network counts as better, and its mean lead."""
    generator = np.random.default_rng(1)
    leads = []
    for _ in range(runs):
        targets, probe, network = simulate(300, gain, generator)
        leads.append(measure_lead(network, probe, targets, "accuracy"))
    return float(np.mean([each.is_beyond_noise for each in leads])), float(np.mean([each.value for each in leads]))


def test_an_equal_passes_for_better_now_and_then_and_a_better_one_as_a_rule() -> None:
    passed, lead = judge(0.0, 80)
    assert passed < 0.1
    assert lead == pytest.approx(0, abs=0.004)
    passed, lead = judge(0.02, 40)
    assert passed > 0.2
    assert lead == pytest.approx(0.02, abs=0.006)
    passed, lead = judge(0.05, 20)
    assert passed > 0.9
    assert lead == pytest.approx(0.05, abs=0.01)


def test_the_lead_is_that_of_scikit_learns_figures() -> None:
    generator = np.random.default_rng(0)
    targets = generator.integers(0, 4, 200)
    ours, theirs = generator.normal(size=(2, 200, 4))
    lead = measure_lead(ours, theirs, targets, "macro_f1")
    expected = f1_score(targets, ours.argmax(1), average="macro") - f1_score(targets, theirs.argmax(1), average="macro")
    assert lead.value == pytest.approx(expected)
    assert lead.low < lead.value < lead.high
    swapped = measure_lead(theirs, ours, targets, "macro_f1")
    assert (swapped.low, swapped.high) == pytest.approx((-lead.high, -lead.low), abs=0.01)
    assert swapped.loss == pytest.approx(-lead.loss)


def test_the_log_loss_decides_where_both_are_right_and_one_is_surer_of_it() -> None:
    generator = np.random.default_rng(3)
    targets = np.arange(120) % 3
    right = np.eye(3)[targets]
    right[:12] = np.roll(right[:12], 1, axis=1)  # both wrong in the same dozen
    clear = right * 6 + generator.normal(size=(120, 3)) * 0.2
    vague = right * 6 + generator.normal(size=(120, 3)) * 2.0
    vague[np.arange(120), right.argmax(1)] = vague.max(1) + 0.01
    lead = measure_lead(clear, vague, targets, "accuracy")
    assert (lead.value, lead.is_beyond_noise) == (0, True)
    assert not measure_lead(vague, clear, targets, "accuracy").is_beyond_noise
    # Ten times as sure of all is no merit.
    assert measure_lead(clear * 10, clear, targets, "accuracy").loss == pytest.approx(0, abs=1e-3)


def test_a_figure_that_is_behind_is_not_kept_for_its_log_loss() -> None:
    targets = np.zeros(100, int)
    ours, theirs = np.zeros((100, 2)), np.zeros((100, 2))
    ours[:, 0], theirs[:, 0] = 3, 0.2
    ours[:2, 0] = -0.1
    theirs[:, 0] += np.linspace(0, 0.01, 100)
    lead = measure_lead(ours, theirs, targets, "accuracy")
    assert lead.value == pytest.approx(-0.02)
    assert lead.loss > 0.3
    assert not lead.is_beyond_noise


def test_the_same_answers_are_no_lead() -> None:
    logits = np.random.default_rng(0).normal(size=(30, 3))
    lead = measure_lead(logits, logits, np.zeros(30, int), "accuracy")
    assert (lead.value, lead.low, lead.high, lead.loss, lead.is_beyond_noise) == (0, 0, 0, 0, False)
