"""From logits to a set of labels, one label at a time: calibration, thresholds, and sets that miss a stated share."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from scipy.optimize import minimize

from ..runtime.classifier import holds
from ..runtime.label_measures import LabelCalibration, LabelDecision, RiskControl
from ..runtime.multi_label import decide, sigmoid
from .conformal import ALPHA, BINS, bin_of

#: A label with fewer validation images, or fewer images without it, shares its calibration and threshold with others
#: of that kind: a threshold that suits a handful of images suits nothing else.
FEWEST = 10


def fit_decisions(logits: np.ndarray, targets: np.ndarray, keys: Sequence[str]) -> tuple[LabelDecision, ...]:
    """How each label's logit becomes a probability, and from which probability on the label is named.

    `logits`: float (N, labels) and `targets`: 0 or 1, (N, labels), of validation.
    """
    positives = (targets > 0).sum(0)
    own = np.minimum(positives, len(targets) - positives) >= FEWEST
    pooled = _fit_one(logits.ravel(), targets.ravel())
    fitted = [
        _fit_one(logits[:, number], targets[:, number]) if own[number] else pooled for number in range(len(positives))
    ]
    return tuple(
        LabelDecision(
            key=key,
            scale=scale,
            offset=offset,
            threshold=threshold,
            positives=int(positives[number]),
            own=bool(own[number]),
        )
        for number, (key, (scale, offset, threshold)) in enumerate(zip(keys, fitted, strict=True))
    )


def _fit_one(logits: np.ndarray, targets: np.ndarray) -> tuple[float, float, float]:
    scale, offset = fit_platt(logits, targets)
    return scale, offset, choose_threshold(sigmoid(scale * logits.astype(np.float64) + offset), targets)


def fit_platt(logits: np.ndarray, targets: np.ndarray) -> tuple[float, float]:
    """Scale and offset of σ(scale · logit + offset) with the least cross-entropy on smoothed targets (Platt 1999,
    section 2.2): (N₊ + 1) / (N₊ + 2) and 1 / (N₋ + 2), so that a label told without a fault gets no infinite scale.

    `logits`: float (N,); `targets`: 0 or 1, (N,). The scale is at least 0.01: calibration changes no order.
    """
    positives = float((targets > 0).sum())
    goal = np.where(targets > 0, (positives + 1) / (positives + 2), 1 / (len(targets) - positives + 2))
    values = logits.astype(np.float64)

    def loss(point: np.ndarray) -> tuple[float, np.ndarray]:
        scaled = point[0] * values + point[1]
        error = sigmoid(scaled) - goal
        losses = np.logaddexp(0, scaled) - goal * scaled
        return float(losses.mean()), np.array([(error * values).mean(), error.mean()])

    start = np.array([1.0, 0.0])
    found = minimize(loss, start, jac=True, method="L-BFGS-B", bounds=[(0.01, 100.0), (None, None)])
    return float(found.x[0]), float(found.x[1])


def choose_threshold(probabilities: np.ndarray, targets: np.ndarray) -> float:
    """The probability from which naming a label gives the highest F1 on these images, halfway to the next lower one;
    0.5 where no image has it.

    `probabilities`: float (N,); `targets`: 0 or 1, (N,). Of equals the highest, which names less.
    """
    order = np.argsort(-probabilities, kind="stable")
    ranked, hits = probabilities[order], np.cumsum(targets[order] > 0)
    if not hits[-1]:
        return 0.5
    f1 = 2 * hits / (np.arange(1, len(order) + 1) + hits[-1])
    # Equal probabilities stand or fall together: only the last of each run is a possible cut.
    cut = np.append(ranked[1:] < ranked[:-1], True)
    best = int(np.where(cut, f1, -1).argmax())
    below = ranked[best + 1] if best + 1 < len(ranked) else 0.0
    return float((ranked[best] + below) / 2)


def control_risk(probabilities: np.ndarray, targets: np.ndarray, alpha: float = ALPHA) -> float:
    """The highest bound under which the labels that reach it miss, on average over images to come, at most the share
    `alpha` of an image's labels: conformal risk control (Angelopoulos et al. 2024, theorem 1) of the false negative
    rate, which is at most 1 and never falls where the bound rises.

    `probabilities`: float (N, labels) and `targets`: 0 or 1, (N, labels), of validation, each image with a label. The
    bound is the highest with (N · mean loss + 1) / (N + 1) ≤ α; with fewer than 1/α − 1 images that is 0, every label.
    """
    budget = alpha * (len(targets) + 1) - 1
    if budget < 0:
        return 0.0
    image, label = np.nonzero(targets > 0)
    missed = 1 / (targets > 0).sum(1)[image]
    values = probabilities[image, label]
    order = np.argsort(values, kind="stable")
    # A bound misses what lies strictly below it, so it may be the first value with which the budget would be spent.
    spent = np.cumsum(missed[order])
    over = np.searchsorted(spent, budget + 1e-9, side="right")
    return float(values[order[over]]) if over < len(order) else 1.0


def measure_risk(
    validation: tuple[np.ndarray, np.ndarray], test: tuple[np.ndarray, np.ndarray], alpha: float = ALPHA
) -> RiskControl:
    """`control_risk` on validation, and what the test images show; each probabilities and targets, (N, labels)."""
    bound = control_risk(*validation, alpha)
    probabilities, targets = test
    sets = holds(probabilities, bound)
    return RiskControl(
        target_risk=alpha,
        min_probability=bound,
        fitted_on=len(validation[0]),
        risk=round(float(false_negative_rates(sets, targets).mean()), 4),
        mean_size=round(float(sets.sum(1).mean()), 2),
        images=len(targets),
    )


def false_negative_rates(sets: np.ndarray, targets: np.ndarray) -> np.ndarray:
    """Of each image, float (N,): the share of its labels that the set misses. Each image has a label."""
    meant = targets > 0
    return 1 - (sets & meant).sum(1) / meant.sum(1)


def judge_answers(
    probabilities: np.ndarray, targets: np.ndarray, decisions: Sequence[LabelDecision]
) -> tuple[np.ndarray, np.ndarray]:
    """How sure each answer is, float (N,): the least probability of a label that it names, 0 where it names none; and
    whether all that it names is true, bool (N,)."""
    chosen = decide(probabilities, decisions)
    confidence = np.where(chosen, probabilities, np.inf).min(1)
    return np.where(chosen.any(1), confidence, 0.0), ~(chosen & (targets == 0)).any(1)


def calibration_error(probabilities: np.ndarray, targets: np.ndarray) -> float:
    """The mean over labels of the expected calibration error (15 bins) of a label's probability, 0…1."""
    errors = [
        np.abs(np.bincount(bin_of(each), meant - each, BINS)).sum() / len(each)
        for each, meant in zip(probabilities.T, targets.T, strict=True)
    ]
    return float(np.mean(errors))


def describe_calibration(
    fitted_on: int, logits: np.ndarray, probabilities: np.ndarray, targets: np.ndarray
) -> LabelCalibration:
    """`logits`, `probabilities` and `targets`, (N, labels), of the test images."""
    return LabelCalibration(
        fitted_on=fitted_on,
        ece_before=round(calibration_error(sigmoid(logits), targets), 4),
        ece_after=round(calibration_error(probabilities, targets), 4),
        ece_images=len(targets),
    )
