"""Two models on the same images: which is better, or that these images can't tell."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.stats import binomtest

from model_training.runtime.card import Text

from .metrics import Score, bootstrap
from .translation import _

SIGNIFICANCE = 0.05


@dataclass(frozen=True)
class Comparison:
    """`only_first`, `only_second`: images that only this model answers rightly; `difference`: the first's accuracy
    less the second's; `p_value`: McNemar's exact test; `verdict`: `better`, `worse` or `can't tell`, of the first."""

    only_first: int
    only_second: int
    difference: Score
    p_value: float
    verdict: str
    words: Text


def compare(first_right: np.ndarray, second_right: np.ndarray, group: np.ndarray) -> Comparison:
    """`first_right`, `second_right`: bool (N,), whether each model answers each image rightly; `group`: int (N,).

    A model is better where McNemar's exact test (1947) and the paired bootstrap both say so. McNemar takes images as
    independent; where some share a group the bootstrap, which draws groups, guards against that.
    """
    only_first = int((first_right & ~second_right).sum())
    only_second = int((~first_right & second_right).sum())
    apart = only_first + only_second
    p_value = float(binomtest(only_first, apart, 0.5).pvalue) if apart else 1.0
    gained = first_right.astype(float) - second_right.astype(float)
    difference = bootstrap(lambda weights: weights @ gained / weights.sum(axis=1), group)
    verdict = "can't tell"
    if p_value < SIGNIFICANCE and difference.low > 0:
        verdict = "better"
    elif p_value < SIGNIFICANCE and difference.high < 0:
        verdict = "worse"
    return Comparison(only_first, only_second, difference, p_value, verdict, _phrase(verdict, difference, len(gained)))


def _phrase(verdict: str, difference: Score, images: int) -> Text:
    points = f"{abs(difference.value) * 100:.1f}"
    low, high = sorted(abs(bound) * 100 for bound in (difference.low, difference.high))
    span = f"{low:.1f}–{high:.1f}"
    if verdict == "better":
        return _("Better, by {points} points of accuracy ({span}).", points=points, span=span)
    if verdict == "worse":
        return _("Worse, by {points} points of accuracy ({span}).", points=points, span=span)
    return _("Can't tell with {images} pictures.", images=images)
