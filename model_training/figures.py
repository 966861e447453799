"""Figures with intervals for the card."""

from __future__ import annotations

from typing import Literal

import numpy as np
from scipy.stats import binomtest
from sklearn.metrics import confusion_matrix, precision_recall_fscore_support

from .runtime.card import ClassFigures, Figure


def measure(
    predicted: np.ndarray, targets: np.ndarray, split: Literal["validation", "test"], classes: int
) -> tuple[Figure, ...]:
    """Accuracy with its Wilson interval and macro-F1 with its posterior interval, both at 95%.

    `predicted`, `targets`: int (N,). A bootstrap would call a faultless macro-F1 certain, however few the pictures.
    """
    return measure_confusion(confusion_matrix(targets, predicted, labels=np.arange(classes)), split)


def measure_confusion(confusion: np.ndarray, split: Literal["validation", "test"]) -> tuple[Figure, ...]:
    """`measure` from a confusion matrix, int (classes, classes), rows are true classes."""
    right, pictures = int(confusion.diagonal().sum()), int(confusion.sum())
    wilson = binomtest(right, pictures).proportion_ci(0.95, method="wilson")
    low, high = macro_f1_interval(confusion)
    f1 = 2 * confusion.diagonal() / np.maximum(confusion.sum(0) + confusion.sum(1), 1)
    macro_f1 = float(f1.mean())
    return (
        _figure("accuracy", right / pictures, wilson.low, wilson.high, pictures, split, "wilson"),
        _figure("macro_f1", macro_f1, min(low, macro_f1), max(high, macro_f1), pictures, split, "dirichlet"),
    )


def macro_f1_interval(confusion: np.ndarray, draws: int = 4000) -> tuple[float, float]:
    """The 95% posterior interval of macro-F1 (Goutte & Gaussier 2005, for more than two classes).

    `confusion`: int (classes, classes), rows are true classes. A class's answers are multinomial, with a Dirichlet
    prior that adds one imagined picture a class, spread evenly (Perks). A class without pictures counts as F1 0, as in
    scikit-learn.
    """
    generator = np.random.default_rng(0)
    classes = len(confusion)
    support = confusion.sum(axis=1)
    rates = np.stack([generator.dirichlet(row + 1 / classes, draws) for row in confusion], axis=1)
    expected = rates * support[None, :, None]
    right = np.diagonal(expected, axis1=1, axis2=2)
    f1 = 2 * right / np.maximum(expected.sum(axis=1) + support[None, :], 1e-12)
    low, high = np.quantile(f1.mean(axis=1), [0.025, 0.975])
    return float(low), float(high)


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


def _figure(
    name: str, value: float, low: float, high: float, pictures: int, split: Literal["validation", "test"], interval: str
) -> Figure:
    return Figure(
        name=name,
        value=round(float(value), 4),
        low=round(float(low), 4),
        high=round(float(high), 4),
        pictures=pictures,
        split=split,
        interval=interval,
    )
