"""Figures with intervals for the card."""

from __future__ import annotations

import numpy as np
from scipy.stats import binomtest
from sklearn.metrics import f1_score, precision_recall_fscore_support

from .runtime.card import ClassFigures, Figure


def measure(
    predicted: np.ndarray, targets: np.ndarray, split: str, classes: int, *, resamples: int = 1000
) -> tuple[Figure, ...]:
    """Accuracy with its Wilson interval and macro-F1 with a percentile bootstrap over pictures, both at 95%.

    `predicted`, `targets`: int (N,).
    """
    right = int((predicted == targets).sum())
    wilson = binomtest(right, len(targets)).proportion_ci(0.95, method="wilson")
    labels = np.arange(classes)
    generator = np.random.default_rng(0)
    scores = [
        f1_score(targets[rows], predicted[rows], labels=labels, average="macro", zero_division=0)
        for rows in generator.integers(0, len(targets), (resamples, len(targets)))
    ]
    low, high = np.quantile(scores, [0.025, 0.975])
    macro_f1 = f1_score(targets, predicted, labels=labels, average="macro", zero_division=0)
    return (
        _figure("accuracy", right / len(targets), wilson.low, wilson.high, len(targets), split, "wilson"),
        _figure("macro_f1", macro_f1, low, high, len(targets), split, "bootstrap"),
    )


def measure_classes(predicted: np.ndarray, targets: np.ndarray, keys: tuple[str, ...]) -> tuple[ClassFigures, ...]:
    precision, recall, f1, support = precision_recall_fscore_support(
        targets, predicted, labels=np.arange(len(keys)), zero_division=0
    )
    return tuple(
        ClassFigures(
            key=key,
            precision=round(float(precision[row]), 4),
            recall=round(float(recall[row]), 4),
            f1=round(float(f1[row]), 4),
            support=int(support[row]),
        )
        for row, key in enumerate(keys)
    )


def _figure(name: str, value: float, low: float, high: float, pictures: int, split: str, interval: str) -> Figure:
    return Figure(
        name=name,
        value=round(float(value), 4),
        low=round(float(low), 4),
        high=round(float(high), 4),
        pictures=pictures,
        split=split,
        interval=interval,
    )
