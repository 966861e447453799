"""Whether confidence means something: calibration error, reliability, and sets that hold the truth at a stated rate."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.stats import betabinom

from model_training.evaluation.conformal import ALPHA, BINS, bin_of, conformal_rank, conformal_sets, fit_conformal

from .metrics import Score, bootstrap, grouped_share


@dataclass(frozen=True)
class Bin:
    """One bar of a reliability diagram: images whose confidence lies in (`low`, `high`]."""

    low: float
    high: float
    images: int
    confidence: float
    accuracy: Score


@dataclass(frozen=True)
class Calibrated:
    """`error`: expected calibration error with 15 bins of equal width; `by_chance`: the mean and the 95th percentile of
    what a perfectly calibrated model would show on as many images, since the measure is never negative."""

    error: Score
    by_chance: tuple[float, float]
    bins: tuple[Bin, ...]


def measure_calibration(probabilities: np.ndarray, targets: np.ndarray, group: np.ndarray) -> Calibrated:
    """`probabilities`: float (N, classes); `targets`, `group`: int (N,). Raises `ValueError` for no image."""
    if not len(targets):
        raise ValueError("no pictures")
    confidence = probabilities.max(axis=1)
    right = (probabilities.argmax(axis=1) == targets).astype(float)
    index = bin_of(confidence)

    def measure(weights: np.ndarray) -> np.ndarray:
        # Σ over bins of |Σ w (right − confidence)| / Σ w: the bins' shares cancel against their means.
        gaps = weights @ (np.eye(BINS)[index] * (right - confidence)[:, None])
        return np.abs(gaps).sum(axis=1) / weights.sum(axis=1)

    bins = tuple(
        Bin(
            low=number / BINS,
            high=(number + 1) / BINS,
            images=int(inside.sum()),
            confidence=float(confidence[inside].mean()),
            accuracy=grouped_share(right[inside] > 0, group[inside]),
        )
        for number in range(BINS)
        if (inside := index == number).any()
    )
    return Calibrated(bootstrap(measure, group), _error_by_chance(confidence, index), bins)


def _error_by_chance(confidence: np.ndarray, index: np.ndarray, draws: int = 300) -> tuple[float, float]:
    generator = np.random.default_rng(0)
    errors = []
    for _ in range(draws):
        right = generator.random(len(confidence)) < confidence
        errors.append(np.abs(np.bincount(index, right - confidence, BINS)).sum() / len(confidence))
    return float(np.mean(errors)), float(np.quantile(errors, 0.95))


@dataclass(frozen=True)
class ConformalSets:
    """Sets of classes that hold the true one with probability `wanted` at least.

    `least_probability`: a class belongs to the set where its probability is at least this; `coverage`: what the test
    images show; `expected`: between what the share lies in 95 of 100 repetitions; `sizes`: set size → test images.
    """

    wanted: float
    min_probability: float
    coverage: Score
    expected: tuple[float, float]
    mean_size: float
    sizes: dict[int, int]


def measure_conformal(
    validation: tuple[np.ndarray, np.ndarray],
    test: tuple[np.ndarray, np.ndarray],
    group: np.ndarray,
    alpha: float = ALPHA,
) -> ConformalSets:
    """`validation`, `test`: (probabilities, targets); `group`: int (N,), the test images'."""
    least = fit_conformal(*validation, alpha)
    probabilities, targets = test
    sets = conformal_sets(probabilities, least)
    sizes = sets.sum(axis=1)
    return ConformalSets(
        wanted=1 - alpha,
        min_probability=least,
        coverage=grouped_share(sets[np.arange(len(targets)), targets], group),
        expected=coverage_interval(len(validation[1]), len(targets), alpha),
        mean_size=float(sizes.mean()),
        sizes={int(size): int(count) for size, count in zip(*np.unique(sizes, return_counts=True), strict=True)},
    )


def coverage_interval(validation: int, test: int, alpha: float = ALPHA) -> tuple[float, float]:
    """Between what the covered share of `test` images lies 95 times in 100, over draws of both sets: beta-binomial
    (Angelopoulos & Bates 2023, section 3.2), for scores without ties."""
    rank = conformal_rank(validation, alpha)
    if rank > validation:
        return 1.0, 1.0
    distribution = betabinom(test, rank, validation + 1 - rank)
    return float(distribution.ppf(0.025)) / test, float(distribution.ppf(0.975)) / test
