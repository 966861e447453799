"""Figures with intervals for the card."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Literal

import numpy as np
from scipy.stats import binomtest, t
from sklearn.metrics import confusion_matrix, precision_recall_fscore_support

from ..runtime.card import ClassMetrics, Metric


def measure(
    predicted: np.ndarray, targets: np.ndarray, split: Literal["validation", "test"], classes: int
) -> tuple[Metric, ...]:
    """Accuracy with its Wilson interval and macro-F1 with `macro_f1_interval`, both at 95%.

    `predicted`, `targets`: int (N,).
    """
    return measure_confusion(confusion_matrix(targets, predicted, labels=np.arange(classes)), split)


def measure_confusion(confusion: np.ndarray, split: Literal["validation", "test"]) -> tuple[Metric, ...]:
    """`measure` from a confusion matrix, int (classes, classes), rows are true classes."""
    right, images = int(confusion.diagonal().sum()), int(confusion.sum())
    wilson = binomtest(right, images).proportion_ci(0.95, method="wilson")
    low, high = macro_f1_interval(confusion)
    macro_f1 = float(mean_f1(confusion))
    return (
        _figure("accuracy", right / images, wilson.low, wilson.high, images, split, "wilson"),
        _figure("macro_f1", macro_f1, low, high, images, split, "resampling"),
    )


def macro_f1_interval(confusion: np.ndarray, draws: int = 4000) -> tuple[float, float]:
    """A 95% interval of macro-F1: on each side the wider of two, of which each fails where the other holds.

    A basic bootstrap (Davison & Hinkley 1997, section 5.2) calls faultless answers certain, however few. A Dirichlet
    posterior (Goutte & Gaussier 2005, for more than two classes; Perks' prior, one imagined image a class, spread
    evenly) does not, but draws many small classes towards chance: so its spread is laid around the value.

    `confusion`: float (classes, classes) of at least 0, rows are true classes. A class without images counts as F1 0,
    as in scikit-learn.
    """
    generator = np.random.default_rng(0)
    value, support = float(mean_f1(confusion)), confusion.sum(axis=1)

    def resample(draw: Callable[[np.ndarray], np.ndarray]) -> tuple[np.ndarray, float]:
        rates = np.stack([draw(row) for row in confusion], axis=1)
        drawn = mean_f1(rates * support[None, :, None])
        return np.quantile(drawn, [0.025, 0.975]), float(drawn.mean())

    (low, high), mean = resample(lambda row: generator.dirichlet(row + 1 / len(row), draws))
    (least, most), _ = resample(lambda row: _draw_answers(row, draws, generator))
    return max(min(value + low - mean, 2 * value - most), 0.0), min(max(value + high - mean, 2 * value - least), 1.0)


def mean_f1(confusion: np.ndarray) -> np.ndarray:
    """Macro-F1 of confusion matrices, float (…, classes, classes) → (…)."""
    return class_f1(confusion).mean(axis=-1)


def class_f1(confusion: np.ndarray, undefined: float = 0.0) -> np.ndarray:
    """F1 of each class, float (…, classes, classes) → (…, classes); `undefined` for one without images and answers."""
    right = np.diagonal(confusion, axis1=-2, axis2=-1)
    asked = confusion.sum(axis=-2) + confusion.sum(axis=-1)
    return np.divide(2 * right, asked, out=np.full(asked.shape, undefined), where=asked > 0)


def _draw_answers(row: np.ndarray, draws: int, generator: np.random.Generator) -> np.ndarray:
    """Shares of the answers in as many images of a class anew, float (draws, classes)."""
    images = row.sum()
    if not images:
        return np.zeros((draws, len(row)))
    count = max(round(images), 1)  # an effective number of images is no whole one
    return generator.multinomial(count, row / images, draws) / count


def mean_interval(values: Sequence[float]) -> tuple[float, float, float]:
    """Mean and its 95% interval over repeats, by Student's t; from a single value nothing is known: ±infinity.

    The repeats share images, so the interval is of these images divided anew, not of other images.
    """
    mean = float(np.mean(values))
    if len(values) < 2:
        return mean, -np.inf, np.inf
    half = float(t.ppf(0.975, len(values) - 1) * np.std(values, ddof=1) / np.sqrt(len(values)))
    return mean, mean - half, mean + half


def measure_classes(predicted: np.ndarray, targets: np.ndarray, keys: tuple[str, ...]) -> tuple[ClassMetrics, ...]:
    precision, recall, f1, support = precision_recall_fscore_support(
        targets, predicted, labels=np.arange(len(keys)), zero_division=0
    )
    return tuple(
        ClassMetrics(
            key=key,
            precision=round(float(precision[row]), 4),
            recall=round(float(recall[row]), 4),
            f1=round(float(f1[row]), 4),
            support=int(support[row]),
        )
        for row, key in enumerate(keys)
    )


def _figure(
    name: str, value: float, low: float, high: float, images: int, split: Literal["validation", "test"], interval: str
) -> Metric:
    return Metric(
        name=name,
        value=round(float(value), 4),
        low=round(float(low), 4),
        high=round(float(high), 4),
        images=images,
        split=split,
        interval=interval,
    )
