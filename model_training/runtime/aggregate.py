"""One answer for many frames of a film, or panels of a strip, and how far it would move with another such stretch.

Frames that follow each other resemble each other, so n of them say less than n images do. The interval comes from a
circular block bootstrap (Politis and Romano 1992), which draws runs of neighbouring frames and so keeps their likeness.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

RESAMPLES = 2000
#: A block is this part of the film. The block length that is best for a variance (Politis and White 2004) leaves the
#: intervals of films of a minute or two much too narrow; long blocks with Student's factor keep closer to what they
#: promise (the fixed-b argument of Shao and Politis 2013). tests/frontend/video/test_aggregate.py simulates it.
BLOCKS = 4
#: With four blocks a spread is known as badly as by four numbers: t₃ / z at 97.5%, times √(4 / 3).
WIDENING = 3.1824 / 1.9600 * math.sqrt(BLOCKS / (BLOCKS - 1))
#: Fewer frames than this make no four blocks worth the name: no interval then.
FEWEST = 8


@dataclass(frozen=True)
class Mean:
    """Weighted means, each of shape (classes,) and in 0…1; `low` and `high` bound the 95% interval, or are None."""

    value: np.ndarray
    low: np.ndarray | None
    high: np.ndarray | None


def mean_of_parts(values: np.ndarray, weights: np.ndarray, seed: int = 0) -> Mean:
    """`values`: (frames, classes), each in 0…1. `weights`: (frames,), the seconds, or pixels, that each stands for.

    The interval is as likely as promised where the film is long beside the time for which neighbours are alike; a film
    shorter than ten times that shows too little of itself, and its interval is too narrow.
    """
    value = weights @ values / weights.sum()
    count = len(values)
    if count < FEWEST:
        return Mean(value, None, None)
    length = math.ceil(count / BLOCKS)
    starts = np.random.default_rng(seed).integers(0, count, (RESAMPLES, BLOCKS))
    sums = _circular_sums(values * weights[:, None], length)[starts].sum(axis=1)
    means = sums / _circular_sums(weights[:, None], length)[starts].sum(axis=1)
    low, high = np.percentile(means, [2.5, 97.5], axis=0)
    return Mean(
        value,
        np.clip(value - (value - low) * WIDENING, 0, 1),
        np.clip(value + (high - value) * WIDENING, 0, 1),
    )


def _circular_sums(values: np.ndarray, length: int) -> np.ndarray:
    """Sums of `length` neighbours from each row on, the series closed to a ring: (n, k) → (n, k)."""
    totals = np.concatenate([np.zeros((1, values.shape[1])), np.concatenate([values, values[:length]]).cumsum(axis=0)])
    sums: np.ndarray = totals[length : length + len(values)] - totals[: len(values)]
    return sums
