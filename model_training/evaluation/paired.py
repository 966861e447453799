"""Whether one classifier is better than another on the same images, beyond what chance in those images explains."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

from ..runtime.classifier import softmax
from .calibration import fit_temperature
from .metrics import mean_f1

Figure = Literal["accuracy", "macro_f1"]

_DRAWS = 4000
_DRAWS_AT_ONCE = 200


@dataclass(frozen=True)
class Lead:
    """How far one classifier's figure is ahead of another's, with its 95% interval, and its mean log loss, in nats.

    `is_beyond_noise`: whether the log loss is ahead in 95 of 100 draws, and the figure not behind. One side counts:
    nobody asks whether it is behind. On the few images of a validation the log loss sees what the figure can't: it
    counts how sure each answer was of the truth, not only whether it was the best. In simulations with 300 images an
    equal passes in 5 of 100 runs, one that is two points better in 52, one of five points in all of them
    (tests/model_training/evaluation/test_paired.py).
    """

    value: float
    low: float
    high: float
    loss: float
    is_beyond_noise: bool


def measure_lead(ours: np.ndarray, theirs: np.ndarray, targets: np.ndarray, figure: Figure) -> Lead:
    """A paired bootstrap over the images (Efron & Tibshirani 1993, chapter 13, percentiles): both classifiers answer
    the same draw, so that what is hard for both cancels. `ours`, `theirs`: logits (N, classes); `targets`: int (N,).

    Each is asked at the temperature that suits it: how sure it is by itself is no merit.
    """
    count, classes = ours.shape
    generator = np.random.default_rng(0)
    ahead = _losses(theirs, targets) - _losses(ours, targets)

    def lead_in(weights: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        scores = [_score(targets, each.argmax(1), weights, classes, figure) for each in (ours, theirs)]
        return scores[0] - scores[1], weights @ ahead / count

    ((value,), (loss,)) = lead_in(np.ones((1, count), int))
    blocks = [
        lead_in(generator.multinomial(count, np.full(count, 1 / count), _DRAWS_AT_ONCE))
        for _ in range(_DRAWS // _DRAWS_AT_ONCE)  # of very many images all draws at once would fill the memory
    ]
    leads, losses = (np.concatenate(each) for each in zip(*blocks, strict=True))
    low, high = np.quantile(leads, [0.025, 0.975])
    beyond = bool(np.quantile(losses, 0.05) > 0 and value > -1e-12)
    return Lead(float(value), min(float(low), value), max(float(high), value), float(loss), beyond)


def _losses(logits: np.ndarray, targets: np.ndarray) -> np.ndarray:
    """Each image's log loss in nats, (N,)."""
    probabilities = softmax(logits, fit_temperature(logits, targets).temperature)
    return -np.log(np.maximum(probabilities[np.arange(len(targets)), targets], 1e-12))


def _score(targets: np.ndarray, answers: np.ndarray, counts: np.ndarray, classes: int, figure: Figure) -> np.ndarray:
    """The figure where image i counts `counts[…, i]` times, int (draws, N). Returns float (draws,)."""
    if figure == "accuracy":
        return counts[:, targets == answers].sum(1) / counts.sum(1)
    confusion = np.zeros((classes * classes, len(counts)))
    np.add.at(confusion, targets * classes + answers, counts.T)
    return mean_f1(confusion.T.reshape(-1, classes, classes))
