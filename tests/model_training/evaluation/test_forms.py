"""What another form costs: checked by simulations in which the truth is known."""

from __future__ import annotations

import numpy as np
import pytest

from model_training.evaluation import forms
from model_training.evaluation.forms import (
    Decided,
    bound_loss,
    class_regret,
    label_regret,
    measure_cost,
    paired_interval,
)
from model_training.runtime.classifier import softmax
from model_training.runtime.label_measures import LabelDecision


def test_a_changed_decision_loses_what_the_probabilities_differ_by() -> None:
    logits = np.log(np.array([[0.6, 0.3, 0.1], [0.5, 0.25, 0.25]]))
    moved = logits[:, None] + np.array([[0, 2.0, 0], [0, 0, 5.0], [0.1, 0, 0]])
    np.testing.assert_allclose(class_regret(1.0)(logits, moved), [[0.3, 0.5, 0], [0.25, 0.25, 0]])


def test_a_label_loses_twice_its_distance_from_its_threshold() -> None:
    decisions = tuple(
        LabelDecision(key=str(number), scale=1, offset=0, threshold=threshold, positives=20, own=True)
        for number, threshold in enumerate((0.5, 0.2))
    )
    logits = np.array([[np.log(0.6 / 0.4), np.log(0.1 / 0.9)]])
    moved = logits[:, None] + np.array([[-1.0, 0], [0, 2.0], [-1.0, 2.0], [1.0, -1.0]])
    np.testing.assert_allclose(label_regret(decisions)(logits, moved), [[0.1, 0.1, 0.2, 0]])


@pytest.mark.parametrize(("images", "noise"), [(75, 0.2), (75, 0.6)])
def test_the_bound_holds_in_95_of_100_draws_of_pictures(
    images: int, noise: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Images whose nearness to another decision is spread as a good network's, moved by noise with heavy tails."""
    monkeypatch.setattr(forms, "_DRAWS", 200)
    generator = np.random.default_rng(1)

    def draw(count: int) -> tuple[np.ndarray, np.ndarray]:
        margins = generator.normal(4, 2, count)
        logits = np.stack([np.zeros(count), margins], 1)
        return logits, np.stack([np.zeros(count), noise * generator.standard_t(5, count)], 1)

    regret = class_regret(1.0)
    many, moves = draw(50_000)
    truth = float(regret(many, (many + moves)[:, None]).mean())
    held = 0
    for _ in range(40):
        logits, differences = draw(4 * images)
        held += bound_loss(logits[:images], differences, regret)[1] >= truth
    assert held >= 34  # of 40 with a chance of 95% each, fewer in less than 1 in 100


def test_a_form_that_answers_at_random_is_found_out_and_an_exact_one_costs_nothing() -> None:
    generator = np.random.default_rng(2)
    logits = generator.normal(0, 3, (300, 2))
    lost, bound = bound_loss(logits[:75], generator.normal(0, 10, (300, 2)), class_regret(1.0))
    assert bound > lost > 0.2
    assert bound_loss(logits[:75], np.zeros((300, 2)), class_regret(1.0)) == (0, 0)


def test_the_paired_interval_covers_the_difference() -> None:
    generator = np.random.default_rng(3)
    held = 0
    for _ in range(1000):
        theirs = generator.random(75) < 0.9
        ours = np.where(generator.random(75) < 0.06, ~theirs, theirs)
        value, low, high = paired_interval(ours, theirs)
        assert value == pytest.approx(ours.mean() - theirs.mean())
        held += low <= 0.06 * (0.1 - 0.9) <= high
    assert 930 <= held <= 985
    value, low, high = paired_interval(np.ones(75, bool), np.ones(75, bool))
    assert (value, round(low, 3), round(high, 3)) == (0, -0.036, 0.036)


def test_a_cost_counts_decisions_and_answers_of_the_right_pictures() -> None:
    own = np.array([[2.0, 0], [0, 2.0], [2.0, 0], [0, 2.0], [1.0, 0]])
    other = own + np.array([[0, 3.0], [0, 0], [0, 0], [0, 0], [0, 1.5]])
    decided = [Decided(each, softmax(each), each.argmax(1)) for each in (own, other)]
    cost = measure_cost(*decided, np.array([1, 0]), class_regret(1.0), 0.005)
    assert (cost.images, cost.changed, cost.validation_images) == (5, 2, 2)
    assert cost.accuracy_lead == -0.5  # of the last two, the own form is right about both, the other about one
    assert cost.largest_probability_difference == pytest.approx(softmax(own)[0, 0] - softmax(other)[0, 0], abs=1e-6)
    assert not cost.holds
