"""How far confidence can be taken at its word: calibration error, and sets that hold the truth at a stated rate."""

from __future__ import annotations

import numpy as np

from ..runtime.classifier import holds

BINS = 15
#: Prediction sets miss the true class in this share of cases at most.
ALPHA = 0.1


def bin_of(confidence: np.ndarray) -> np.ndarray:
    """Which of 15 bins (k/15, (k+1)/15] of equal width (Guo et al. 2017, eq. 2–3): int (N,)."""
    return np.clip(np.ceil(confidence * BINS).astype(int) - 1, 0, BINS - 1)


def expected_calibration_error(probabilities: np.ndarray, targets: np.ndarray) -> float:
    """Guo et al. 2017, eq. 3: the mean gap between confidence and accuracy, weighed by the bins' images.

    `probabilities`: float (N, classes); `targets`: int (N,). Returns 0…1.
    """
    confidence = probabilities.max(axis=1)
    right = probabilities.argmax(axis=1) == targets
    return float(np.abs(np.bincount(bin_of(confidence), right - confidence, BINS)).sum() / len(targets))


def fit_conformal(probabilities: np.ndarray, targets: np.ndarray, alpha: float = ALPHA) -> float:
    """The least probability that a class of the set must have (split conformal, score 1 − p: Sadinle et al. 2019).

    `probabilities`: (N, classes) and `targets`: (N,) of validation. The ⌈(N + 1)(1 − α)⌉-th smallest score is the
    bound; with fewer than 1/α − 1 images no bound holds, and the set is every class: 0.
    """
    scores = np.sort(1 - probabilities[np.arange(len(targets)), targets])
    rank = conformal_rank(len(targets), alpha)
    return float(1 - scores[rank - 1]) if rank <= len(scores) else 0.0


def conformal_rank(images: int, alpha: float = ALPHA) -> int:
    return int(np.ceil((images + 1) * (1 - alpha) - 1e-9))


def conformal_sets(probabilities: np.ndarray, min_probability: float) -> np.ndarray:
    """bool (N, classes): the classes in each image's set. It can be empty; a served one then has the best class."""
    return holds(probabilities, min_probability)
