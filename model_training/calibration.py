"""Confidence that means something: a temperature and a threshold, both from validation."""

from __future__ import annotations

import numpy as np
from scipy.optimize import minimize_scalar
from sklearn.metrics import log_loss

from .runtime.card import Calibration, Thresholds
from .runtime.classifier import softmax

#: An answer counts as sure where at least this share of equally or more confident validation answers was right …
SURE_ACCURACY = 0.98
#: … and never below this confidence: a coin's toss is not a sure answer, however lucky the validation pictures were.
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


def choose_thresholds(probabilities: np.ndarray, targets: np.ndarray) -> Thresholds:
    """The lowest confidence above which validation answers reach `SURE_ACCURACY`.

    `probabilities`: (N, classes), calibrated. Where no confidence reaches it, only certainty (1.0) counts as sure.
    """
    confidence = probabilities.max(1)
    right = probabilities.argmax(1) == targets
    order = np.argsort(-confidence, kind="stable")
    accuracy = np.cumsum(right[order]) / np.arange(1, len(order) + 1)
    # Equal confidences stand or fall together: only the last of each run is a possible cut.
    sorted_confidence = confidence[order]
    cut = np.append(sorted_confidence[1:] < sorted_confidence[:-1], True)
    good = np.nonzero((accuracy >= SURE_ACCURACY) & cut)[0]
    if not len(good):
        return Thresholds(sure=1.0, precision_above=None)
    threshold = max(LEAST_SURE, float(sorted_confidence[good[-1]]))
    above = confidence >= threshold
    return Thresholds(
        sure=round(threshold, 4), precision_above=round(float(right[above].mean()), 4) if above.any() else None
    )
