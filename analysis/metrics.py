"""Scores of a classifier, each with a 95% interval.

A score that can't be computed is NaN: recall without images of the class, precision without answers, AUC where all
images are of one class.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
from scipy.optimize import brentq
from scipy.stats import norm
from sklearn.metrics import precision_recall_curve
from sklearn.metrics import roc_curve as sklearn_roc_curve

from model_training.evaluation.bootstrap import DRAWS, draw_weights
from model_training.evaluation.label_metrics import weighted_average_precision
from model_training.evaluation.metrics import class_f1, macro_f1_interval

Z = float(norm.ppf(0.975))


@dataclass(frozen=True)
class Score:
    """A figure with its 95% interval; `method`: wilson, resampling, newcombe or bootstrap; `images`: of how many."""

    value: float
    low: float
    high: float
    method: str
    images: int


@dataclass(frozen=True)
class ClassReport:
    """One class against the rest; `support`: its images."""

    precision: Score
    recall: Score
    f1: float
    support: int


def confusion(targets: np.ndarray, predicted: np.ndarray, classes: int) -> np.ndarray:
    """int64 (classes, classes): rows are true classes, columns are answers."""
    return np.bincount(targets * classes + predicted, minlength=classes * classes).reshape(classes, classes)


def wilson(right: float, total: float, images: int | None = None) -> Score:
    """A share with Wilson's score interval (1927). `total` may be an effective number, smaller than `images`."""
    images = round(total) if images is None else images
    if not total:
        return Score(np.nan, np.nan, np.nan, "wilson", 0)
    share = right / total
    spread = 1 + Z**2 / total
    middle = (share + Z**2 / (2 * total)) / spread
    half = Z / spread * np.sqrt(share * (1 - share) / total + Z**2 / (4 * total**2))
    return Score(share, max(0.0, middle - half), min(1.0, middle + half), "wilson", images)


def design_effect(values: np.ndarray, group: np.ndarray) -> float:
    """How many times more a mean of `values` varies than one of as many independent images (Kish 1965), at least 1.

    `values`: float (N,); `group`: int (N,). Where all values are equal nothing shows how alike a group's images are;
    they then count as one each.
    """
    _, index = np.unique(group, return_inverse=True)
    groups = int(index.max()) + 1 if len(index) else 0
    if groups == len(values):
        return 1.0
    spread = values.var()
    if groups < 2 or spread == 0:
        return len(values) / max(groups, 1)
    sums = np.bincount(index, values - values.mean())
    variance = groups / (groups - 1) * (sums**2).sum() / len(values) ** 2
    return max(1.0, variance / (spread / len(values)))


def accuracy(targets: np.ndarray, predicted: np.ndarray, group: np.ndarray) -> Score:
    right = (targets == predicted).astype(float)
    return grouped_share(right, group)


def grouped_share(right: np.ndarray, group: np.ndarray) -> Score:
    """A share over images that may share a group: Wilson's interval with the effective number of images
    (Dean & Pagano 2015)."""
    if not len(right):
        return wilson(0, 0)
    effective = len(right) / design_effect(right.astype(float), group)
    return wilson(right.mean() * effective, effective, len(right))


def macro_f1(targets: np.ndarray, predicted: np.ndarray, group: np.ndarray, classes: int) -> Score:
    """The mean F1 of the classes that have images or answers, with `macro_f1_interval`."""
    matrix = confusion(targets, predicted, classes)
    seen = np.nonzero(matrix.sum(0) + matrix.sum(1))[0]
    if not len(seen):
        return Score(np.nan, np.nan, np.nan, "resampling", 0)
    matrix = matrix[np.ix_(seen, seen)]
    value = float(class_f1(matrix, np.nan).mean())
    effect = design_effect((targets == predicted).astype(float), group)
    # Draws × classes² numbers: fewer draws where there are many classes.
    draws = int(np.clip(40_000_000 // len(seen) ** 2, 400, 4000))
    low, high = macro_f1_interval(matrix / effect, draws)
    return Score(value, low, high, "resampling", len(targets))


def classification_report(
    targets: np.ndarray, predicted: np.ndarray, group: np.ndarray, classes: int
) -> tuple[ClassReport, ...]:
    f1 = class_f1(confusion(targets, predicted, classes), np.nan)
    right = targets == predicted
    reports: list[ClassReport] = []
    for number in range(classes):
        answers, images = predicted == number, targets == number
        reports.append(
            ClassReport(
                precision=grouped_share(right[answers], group[answers]),
                recall=grouped_share(right[images], group[images]),
                f1=float(f1[number]),
                support=int(images.sum()),
            )
        )
    return tuple(reports)


def roc_curve(scores: np.ndarray, positive: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """False and true positive rate, each (K,), from (0, 0) to (1, 1). `scores`: float (N,); `positive`: bool (N,)."""
    false_rate, true_rate, _ = sklearn_roc_curve(positive, scores)
    return false_rate, true_rate


def precision_recall(scores: np.ndarray, positive: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Recall and precision, each (K,), from recall 1 down to 0."""
    precision, recall, _ = precision_recall_curve(positive, scores, drop_intermediate=True)
    return recall, precision


def auc(scores: np.ndarray, positive: np.ndarray, group: np.ndarray | None = None) -> Score:
    """Area under the ROC curve (Mann–Whitney) with Newcombe's interval (2006, part 2, method 5), which holds at 1, too.

    With `group`, int (N,), positives and negatives count as many as they have groups.
    """
    positives, negatives = int(positive.sum()), int((~positive).sum())
    if not positives or not negatives:
        return Score(np.nan, np.nan, np.nan, "newcombe", len(scores))
    _, index, counts = np.unique(scores, return_inverse=True, return_counts=True)
    ranks = (np.cumsum(counts) - (counts - 1) / 2)[index]
    area = float((ranks[positive].sum() - positives * (positives + 1) / 2) / (positives * negatives))
    if group is not None:
        positives, negatives = len(np.unique(group[positive])), len(np.unique(group[~positive]))
    low, high = newcombe_interval(area, positives, negatives)
    return Score(area, low, high, "newcombe", len(scores))


def newcombe_interval(area: float, positives: int, negatives: int) -> tuple[float, float]:
    """Newcombe 2006 (Statistics in Medicine 25, 559), method 5: the areas from which `area` is 1.96 standard errors
    away, the error taken at the sought area after Hanley & McNeil, with both class sizes replaced by their mean."""
    size = (positives + negatives) / 2 - 1

    def distance(other: float) -> float:
        variance = other * (1 - other) * (1 + size * ((1 - other) / (2 - other) + other / (1 + other)))
        return (area - other) ** 2 - Z**2 * variance / (positives * negatives)

    # An area of 0 or 1 is itself a root, of no interest: the other one is sought.
    nearly = 1e-12
    low = 0.0 if area <= 0 else float(brentq(distance, 0.0, min(area, 1 - nearly)))
    high = 1.0 if area >= 1 else float(brentq(distance, max(area, nearly), 1.0))
    return low, high


def macro_auc(probabilities: np.ndarray, targets: np.ndarray, group: np.ndarray, draws: int = DRAWS) -> Score:
    """The mean area of the classes that have images, each against the rest, with its bootstrap interval.

    `probabilities`: float (N, classes). NaN where fewer than two classes have images.
    """
    present = np.unique(targets)
    if len(present) < 2:
        return Score(np.nan, np.nan, np.nan, "bootstrap", len(targets))

    def measure(weights: np.ndarray) -> np.ndarray:
        return np.mean([_weighted_auc(probabilities[:, each], targets == each, weights) for each in present], axis=0)

    return _widen(bootstrap(measure, group, draws), len(np.unique(group)))


def _weighted_auc(scores: np.ndarray, positive: np.ndarray, weights: np.ndarray) -> np.ndarray:
    order = np.argsort(scores, kind="stable")
    runs = np.nonzero(np.diff(scores[order], prepend=-np.inf))[0]
    drawn, hits = weights[:, order], positive[order]
    positives = np.add.reduceat(drawn * hits, runs, axis=1)
    negatives = np.add.reduceat(drawn * ~hits, runs, axis=1)
    below = np.cumsum(negatives, axis=1) - negatives / 2
    with np.errstate(invalid="ignore"):
        return (positives * below).sum(axis=1) / (positives.sum(axis=1) * negatives.sum(axis=1))


def average_precision(scores: np.ndarray, positive: np.ndarray, group: np.ndarray, draws: int = DRAWS) -> Score:
    """Σ (Rₙ − Rₙ₋₁) Pₙ as in scikit-learn, with its bootstrap interval."""
    if not positive.any():
        return Score(np.nan, np.nan, np.nan, "bootstrap", len(scores))

    def measure(weights: np.ndarray) -> np.ndarray:
        return weighted_average_precision(scores, positive, weights)

    return _widen(bootstrap(measure, group, draws), len(np.unique(group[positive])))


def _widen(score: Score, units: int) -> Score:
    """A faultless ranking is faultless however it is drawn again; as an interval then stands Wilson's, of as many
    faultless answers as there are independent images to rank."""
    if score.high - score.low > 1e-9:
        return score
    return replace(wilson(score.value * units, units, score.images), value=score.value)


def bootstrap(
    measure: Callable[[np.ndarray], np.ndarray], group: np.ndarray, draws: int = DRAWS, seed: int = 0
) -> Score:
    """A percentile interval (Efron 1979) by drawing groups, not images, with replacement (Field & Welsh 2007).

    `measure`: weights, float (B, N), how often each image was drawn → float (B,); `group`: int (N,).
    """
    value = float(measure(np.ones((1, len(group))))[0])
    drawn = np.concatenate([measure(weights) for weights in draw_weights(group, draws, seed)])
    drawn = drawn[~np.isnan(drawn)]  # where a draw has no image of the class
    low, high = np.quantile(drawn, [0.025, 0.975]) if len(drawn) else (np.nan, np.nan)
    return Score(value, float(low), float(high), "bootstrap", len(group))
