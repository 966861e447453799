"""Unequal classes: which training images an epoch shows, and how often.

What works on the loss instead (class weights, focal loss, logit adjustment) is in `losses.py`.
"""

from __future__ import annotations

import numpy as np

from ..recipe import Training


def draw_rows(rows: np.ndarray, targets: np.ndarray, training: Training, seed: int) -> np.ndarray:
    """The rows that an epoch goes through, int64; `targets[i]`, the class, belongs to `rows[i]`.

    With s = `class_balancing_strength`, n images in a class, m in the smallest and M in the largest:

    - `down_sampling` takes n^(1−s)·m^s of each class, other ones in every epoch;
    - `up_sampling` takes n^(1−s)·M^s: every image equally often but for one;
    - `balanced_sampler` draws as many as there are with replacement, an image's chance being proportional to n^−s.

    The others take every image once. The draw hangs on `seed` alone, and its length not even on that.
    """
    if training.class_balancing not in ("down_sampling", "up_sampling", "balanced_sampler"):
        return rows
    generator = np.random.default_rng((seed, len(rows)))
    classes, member, counts = np.unique(targets, return_inverse=True, return_counts=True)
    if training.class_balancing == "balanced_sampler":
        chance = counts[member] ** -training.class_balancing_strength
        return generator.choice(rows, len(rows), p=chance / chance.sum())
    goal = counts.min() if training.class_balancing == "down_sampling" else counts.max()
    strength = min(training.class_balancing_strength, 1.0)
    wanted = np.round(counts ** (1 - strength) * float(goal) ** strength).astype(int)
    return np.concatenate([_take(rows[member == number], wanted[number], generator) for number in range(len(classes))])


def _take(rows: np.ndarray, wanted: int, generator: np.random.Generator) -> np.ndarray:
    """`wanted` of `rows`, each as often as every other or once more."""
    times, rest = divmod(wanted, len(rows))
    return np.concatenate([np.tile(rows, times), generator.permutation(rows)[:rest]])
