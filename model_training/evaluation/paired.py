"""Whether one classifier is better than another on the same images, beyond what chance in those images explains."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

from .metrics import mean_f1

Figure = Literal["accuracy", "macro_f1"]

_FOLDS = 10


@dataclass(frozen=True)
class Lead:
    """How far one classifier's figure is ahead of another's, with its 95% interval.

    `is_beyond_noise`: whether it is above 0 in 95 of 100 draws. One side counts: nobody asks whether it is behind. In
    simulations with 300 images and the best of ten epochs an equal passes in 11 of 100 runs, one that is three points
    better in 44, one of five points in 67 (tests/model_training/evaluation/test_paired.py).
    """

    value: float
    low: float
    high: float
    is_beyond_noise: bool


def measure_lead(ours: np.ndarray, theirs: np.ndarray, targets: np.ndarray, classes: int, figure: Figure) -> Lead:
    """A paired bootstrap over the images (Efron & Tibshirani 1993, chapter 13, percentiles): both classifiers answer
    the same draw, so that what is hard for both cancels. `ours`, `theirs`, `targets`: int (N,), classes.

    McNemar's exact test is of accuracy alone, and keeps far below its level where two good classifiers differ on a
    handful of images. `cross_fit` gives answers without the favour of having been chosen by the images themselves.
    """
    # Images that agree in target and in both answers are exchangeable: counted, they are drawn all at once.
    (target, our, their), counts = np.unique(np.stack([targets, ours, theirs]), axis=1, return_counts=True)
    drawn = np.random.default_rng(0).multinomial(len(targets), counts / len(targets), 4000)
    weights = np.concatenate([counts[None], drawn])
    value, *leads = (
        _score(target, our, weights, classes, figure) - _score(target, their, weights, classes, figure)
    ).tolist()
    low, fifth, high = np.quantile(leads, [0.025, 0.05, 0.975])
    return Lead(value, min(float(low), value), max(float(high), value), bool(fifth > 0))


def cross_fit(answers: np.ndarray, targets: np.ndarray, classes: int, figure: Figure) -> np.ndarray:
    """The answers of "the best epoch" without the favour of having been chosen by the images that it answers.

    The figure of the best of many epochs is optimistic on the images that chose it (Varma & Simon 2006). So they are
    divided into ten parts, alike in classes, and each part is answered by the epoch that is best on the other nine.
    `answers`: int (epochs, N), classes; `targets`: int (N,), N at least 2. Returns int (N,).
    """
    order = np.lexsort((np.random.default_rng(0).random(len(targets)), targets))
    part = np.empty(len(targets), int)
    part[order] = np.arange(len(targets)) % _FOLDS
    fair = np.empty_like(targets)
    for number in np.unique(part):
        inside = part == number
        once = np.ones((1, int((~inside).sum())), int)
        scores = [_score(targets[~inside], each[~inside], once, classes, figure)[0] for each in answers]
        fair[inside] = answers[int(np.argmax(scores)), inside]
    return fair


def _score(targets: np.ndarray, answers: np.ndarray, counts: np.ndarray, classes: int, figure: Figure) -> np.ndarray:
    """The figure where image i counts `counts[…, i]` times, int (draws, N). Returns float (draws,)."""
    if figure == "accuracy":
        return counts[:, targets == answers].sum(1) / counts.sum(1)
    confusion = np.zeros((classes * classes, len(counts)))
    np.add.at(confusion, targets * classes + answers, counts.T)
    return mean_f1(confusion.T.reshape(-1, classes, classes))
