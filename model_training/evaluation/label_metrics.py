"""Figures of a multi-label model: average precision and F1 of each label, their means, and intervals."""

from __future__ import annotations

from typing import Literal

import numpy as np
from scipy.stats import binomtest

from ..runtime.card import Metric
from ..runtime.label_measures import LabelMetrics
from .bootstrap import draw_weights

#: Bootstrap draws × images × labels: beyond, fewer draws.
_BUDGET = 200_000_000


def weighted_average_precision(scores: np.ndarray, positive: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Σ (Rₙ − Rₙ₋₁) Pₙ as in scikit-learn, float (B,); NaN where no positive image has a weight.

    `scores`: float (N,); `positive`: bool (N,); `weights`: float (B, N), how often each image counts.
    """
    order = np.argsort(-scores, kind="stable")
    hits = positive[order].astype(float)
    last_of_run = np.append(np.diff(scores[order]) != 0, True)
    drawn = weights[:, order]
    true = np.cumsum(drawn * hits, axis=1)[:, last_of_run]
    everything = np.cumsum(drawn, axis=1)[:, last_of_run]
    gained = np.diff(true, axis=1, prepend=0)
    with np.errstate(invalid="ignore", divide="ignore"):
        return (gained * np.where(everything > 0, true / everything, 0)).sum(axis=1) / true[:, -1]


def average_precisions(scores: np.ndarray, targets: np.ndarray, weights: np.ndarray | None = None) -> np.ndarray:
    """Of each label, float (B, labels), see `weighted_average_precision`; B is 1 without `weights`.

    `scores`: float (N, labels); `targets`: 0 or 1, (N, labels).
    """
    counted = np.ones((1, len(scores))) if weights is None else weights
    labels = range(scores.shape[1])
    return np.stack([weighted_average_precision(scores[:, each], targets[:, each] > 0, counted) for each in labels], 1)


def label_f1(chosen: np.ndarray, targets: np.ndarray, weights: np.ndarray | None = None) -> np.ndarray:
    """F1 of each label, float (B, labels), 0 for one without images and answers; `chosen`: bool (N, labels)."""
    counted = np.ones((1, len(chosen))) if weights is None else weights
    right = counted @ (chosen & (targets > 0))
    asked = counted @ chosen + counted @ targets
    return np.divide(2 * right, asked, out=np.zeros_like(right), where=asked > 0)


def mean_of_known(values: np.ndarray) -> np.ndarray:
    """The mean over the labels, (B, labels) → (B,), of those that have one; NaN where none has."""
    known = ~np.isnan(values)
    total = np.where(known, values, 0).sum(1)
    return np.divide(total, known.sum(1), out=np.full(len(values), np.nan), where=known.any(1))


def measure_labels(
    probabilities: np.ndarray,
    chosen: np.ndarray,
    targets: np.ndarray,
    group: np.ndarray,
    split: Literal["validation", "test"],
) -> tuple[Metric, ...]:
    """Macro-average precision and macro-F1 with their 95% bootstrap intervals.

    `probabilities`: float (N, labels); `chosen`: bool (N, labels), above their thresholds; `targets`: 0 or 1,
    (N, labels); `group`: int (N,), images of one group are drawn together.
    """
    draws = int(np.clip(_BUDGET // max(1, probabilities.size), 100, 1000))
    precisions, f1s = [], []
    for weights in draw_weights(group, draws):
        precisions.append(mean_of_known(average_precisions(probabilities, targets, weights)))
        f1s.append(label_f1(chosen, targets, weights).mean(1))
    values = {
        "macro_average_precision": (mean_of_known(average_precisions(probabilities, targets)), precisions),
        "macro_f1": (label_f1(chosen, targets).mean(1), f1s),
    }
    return tuple(_figure(name, float(value[0]), drawn, group, split) for name, (value, drawn) in values.items())


def measure_each_label(
    probabilities: np.ndarray, chosen: np.ndarray, targets: np.ndarray, keys: tuple[str, ...]
) -> tuple[LabelMetrics, ...]:
    """Precision and recall are 0 where they are not defined, as in scikit-learn; so is average precision."""
    precision = np.nan_to_num(average_precisions(probabilities, targets)[0])
    f1 = label_f1(chosen, targets)[0]
    right, said, meant = (chosen & (targets > 0)).sum(0), chosen.sum(0), (targets > 0).sum(0)
    return tuple(
        LabelMetrics(
            key=key,
            precision=round(float(right[row] / max(said[row], 1)), 4),
            recall=round(float(right[row] / max(meant[row], 1)), 4),
            f1=round(float(f1[row]), 4),
            support=int(meant[row]),
            average_precision=round(float(precision[row]), 4),
        )
        for row, key in enumerate(keys)
    )


def _figure(
    name: str, value: float, blocks: list[np.ndarray], group: np.ndarray, split: Literal["validation", "test"]
) -> Metric:
    """A faultless ranking is faultless however it is drawn again; as an interval then stands Wilson's, of as many
    faultless answers as there are groups."""
    drawn = np.concatenate(blocks)
    low, high = np.nanquantile(drawn, [0.025, 0.975])
    method = "bootstrap"
    if high - low < 1e-9 and value in (0, 1):
        groups = len(np.unique(group))
        wilson = binomtest(round(value * groups), groups).proportion_ci(0.95, method="wilson")
        low, high, method = wilson.low, wilson.high, "wilson"
    return Metric(
        name=name,
        value=round(value, 4),
        low=round(float(low), 4),
        high=round(float(high), 4),
        images=len(group),
        split=split,
        interval=method,
    )
