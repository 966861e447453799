"""Confidence that means something: a temperature and a threshold, both from validation."""

from __future__ import annotations

import numpy as np
from scipy.optimize import minimize_scalar
from scipy.stats import beta
from sklearn.metrics import log_loss

from ..runtime.card import Calibration, Thresholds
from ..runtime.classifier import softmax

#: No answer below this confidence is sure: a coin's toss is none, however lucky the validation images were.
LEAST_SURE = 0.7


def fit_temperature(logits: np.ndarray, targets: np.ndarray) -> Calibration:
    """The temperature that gives the least cross-entropy on validation (Guo et al. 2017, section 4.2).

    `logits`: (N, classes); `targets`: int (N,). The search is over 0.05 … 20 on a logarithmic scale;
    where validation is answered without a fault the least cross-entropy is at certainty itself, so the temperature then
    does not fall below 1.
    """
    labels = np.arange(logits.shape[1])

    def loss(log_temperature: float) -> float:
        return float(log_loss(targets, softmax(logits, float(np.exp(log_temperature))), labels=labels))

    separated = bool((logits.argmax(1) == targets).all())
    lowest = 0.0 if separated else np.log(0.05)
    best = minimize_scalar(loss, bounds=(lowest, np.log(20.0)), method="bounded")
    return Calibration(temperature=round(float(np.exp(best.x)), 4), fitted_on=len(targets))


def choose_thresholds(
    probabilities: np.ndarray, targets: np.ndarray, max_error_rate: float = 0.02, confidence_level: float | None = None
) -> Thresholds:
    """The lowest confidence above which no more than `max_error_rate` of the validation answers are wrong.

    With a `confidence_level`, the upper Clopper-Pearson bound of that level must not exceed `max_error_rate`
    (selective classification with guaranteed risk, Geifman & El-Yaniv 2017, lemma 3.1), so that it holds for images
    to come as well; 114 sure answers without a fault are the fewest that vouch for 2% at 90%.

    `probabilities`: (N, classes), calibrated. Where no confidence reaches it, only certainty (1.0) counts as sure.
    """
    return choose_sure(probabilities.max(1), probabilities.argmax(1) == targets, max_error_rate, confidence_level)


def choose_sure(
    confidence: np.ndarray, right: np.ndarray, max_error_rate: float = 0.02, confidence_level: float | None = None
) -> Thresholds:
    """`choose_thresholds` of answers of any kind: how confident each is, float (N,) in 0…1, and whether it is right,
    bool (N,)."""
    order = np.argsort(-confidence, kind="stable")
    answers = np.arange(1, len(order) + 1)
    wrong = np.cumsum(~right[order])
    # A rounding error of the quotient must not refuse the very rate that was asked for.
    rate = (
        wrong / answers - 1e-12 if confidence_level is None else beta.ppf(confidence_level, wrong + 1, answers - wrong)
    )
    # Equal confidences stand or fall together: only the last of each run is a possible cut.
    sorted_confidence = confidence[order]
    cut = np.append(sorted_confidence[1:] < sorted_confidence[:-1], True)
    good = np.nonzero((np.nan_to_num(rate, nan=1.0) <= max_error_rate) & cut)[0]
    aim = {"max_error_rate": max_error_rate, "confidence_level": confidence_level}
    if not len(good):
        return Thresholds(sure=1.0, precision_above=None, share_above=0.0, **aim)
    # Rounded up: a wrong answer just below the cut must not become a sure one.
    threshold = np.ceil(max(LEAST_SURE, float(sorted_confidence[good[-1]])) * 1e4 - 1e-6) / 1e4
    above = confidence >= threshold
    return Thresholds(
        sure=float(threshold),
        precision_above=round(float(right[above].mean()), 4) if above.any() else None,
        share_above=round(float(above.mean()), 4),
        **aim,
    )
