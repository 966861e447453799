"""What another form of a network costs: how often it decides otherwise, and how much accuracy that can lose.

A form that rounds decides otherwise on so few images that a validation of some hundred can't bound their share: of 75
images without a change up to 4% may still have one. But it moves every image's logits, and how close an image is to
another decision is known of every image, too. So each validation image is moved by each difference that was seen, and
what a changed decision loses is what the network's calibrated probabilities say: where two classes are about equal,
hardly anything.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from ..runtime.classifier import softmax
from ..runtime.label_measures import LabelDecision
from ..runtime.measures import FormCost
from ..runtime.multi_label import calibrate, decide

#: logits (N, C), and the same moved in several ways, (N, M, C) → what each change of the decision loses, (N, M)
Regret = Callable[[np.ndarray, np.ndarray], np.ndarray]

_DRAWS = 1000
#: Of more images so many, drawn by seed, stand for all.
_MOST = 400
_AT_ONCE = 50
_NORMAL = 1.959964


@dataclass(frozen=True)
class Decided:
    """What one form makes of images: logits and probabilities, float (N, C), and decisions, int (N,) or bool (N, C)."""

    logits: np.ndarray
    probabilities: np.ndarray
    decisions: np.ndarray


def class_regret(temperature: float) -> Regret:
    """Of the probability of the class decided on, how much less the other decision has."""

    def lose(logits: np.ndarray, moved: np.ndarray) -> np.ndarray:
        probabilities = softmax(logits, temperature)
        best = probabilities.max(1, keepdims=True)
        lost: np.ndarray = best - np.take_along_axis(probabilities, moved.argmax(2), 1)
        return lost

    return lose


def label_regret(decisions: tuple[LabelDecision, ...]) -> Regret:
    """The mean over the labels of 2 |p − t| where a label with the probability p and the threshold t is decided
    otherwise: at a threshold of one half that is the accuracy lost."""
    thresholds = np.array([each.threshold for each in decisions])

    def lose(logits: np.ndarray, moved: np.ndarray) -> np.ndarray:
        probabilities = calibrate(logits, decisions)
        changed = decide(calibrate(moved, decisions), decisions) != decide(probabilities, decisions)[:, None]
        lost: np.ndarray = (changed * np.minimum(2 * np.abs(probabilities - thresholds), 1)[:, None]).mean(2)
        return lost

    return lose


def bound_loss(logits: np.ndarray, differences: np.ndarray, regret: Regret) -> tuple[float, float]:
    """The mean loss where every row of `logits`, (N, C), is moved by every row of `differences`, (M, C), and its upper
    bound at 95%: a bootstrap over both (Owen 2007, the pigeonhole bootstrap). It takes differences for independent of
    how close an image is to another decision."""
    generator = np.random.default_rng(0)
    logits, differences = (_draw(each, generator) for each in (logits, differences))
    lost = np.concatenate(
        [
            regret(part, part[:, None] + differences)
            for part in (logits[start : start + _AT_ONCE] for start in range(0, len(logits), _AT_ONCE))
        ]
    )
    rows, columns = (generator.multinomial(size, np.full(size, 1 / size), _DRAWS) / size for size in lost.shape)
    drawn = ((rows @ lost) * columns).sum(1)
    return float(lost.mean()), max(float(np.quantile(drawn, 0.95)), float(lost.mean()))


def _draw(rows: np.ndarray, generator: np.random.Generator) -> np.ndarray:
    return rows if len(rows) <= _MOST else rows[np.sort(generator.choice(len(rows), _MOST, replace=False))]


def paired_interval(ours: np.ndarray, theirs: np.ndarray) -> tuple[float, float, float]:
    """The difference of two shares of right answers to the same images, bool (N,) each, with its 95% interval (Bonett &
    Price 2012), which also has a width where both are right on the same ones."""
    count = len(ours)
    gained, lost = int((ours & ~theirs).sum()), int((~ours & theirs).sum())
    better, worse = (gained + 1) / (count + 2), (lost + 1) / (count + 2)
    middle = better - worse
    half = _NORMAL * np.sqrt((better + worse - middle**2) / (count + 2))
    return (gained - lost) / max(count, 1), max(-1.0, float(middle - half)), min(1.0, float(middle + half))


def measure_cost(own: Decided, other: Decided, targets: np.ndarray, regret: Regret, allowed: float) -> FormCost:
    """Of another form against the network's own one, on the same images: of training and, last, of validation.

    `targets`: of the validation images, (N,) or bool (N, labels) as the decisions; `allowed`: the share of the answers
    that may be lost.
    """
    count = len(targets)
    own_decisions, other_decisions = (each.decisions.reshape(len(each.logits), -1) for each in (own, other))
    truth = targets.reshape(count, -1)
    own_right, right = ((each[-count:] == truth).all(1) for each in (own_decisions, other_decisions))
    lead, low, high = paired_interval(right, own_right)
    loss, bound = bound_loss(own.logits[-count:], other.logits - own.logits, regret)
    return FormCost(
        images=len(own.logits),
        changed=int((own_decisions != other_decisions).any(1).sum()),
        largest_probability_difference=round(float(np.abs(own.probabilities - other.probabilities).max()), 6),
        accuracy_lead=round(lead, 4),
        low=round(low, 4),
        high=round(high, 4),
        validation_images=count,
        loss=round(loss, 6),
        loss_bound=round(bound, 6),
        holds=bound <= allowed,
    )
