"""How far confidence can be taken at its word: calibration error, and sets that hold the truth at a stated rate."""

from __future__ import annotations

import numpy as np

from ..runtime.classifier import holds
from ..runtime.measures import ClassBound

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


def fit_class_conditional(
    probabilities: np.ndarray, targets: np.ndarray, alpha: float = ALPHA
) -> tuple[np.ndarray, np.ndarray]:
    """A bound for each class, from its own images: a set of the classes that reach theirs holds the true one in
    1 − α of the cases in every class by itself (class-conditional split conformal, Vovk 2012, section 4).

    One bound for all can miss a small class more often, as long as the large ones make up for it. `probabilities`:
    (N, classes) and `targets`: (N,) of validation. Returns the bounds, float (classes,), and which are their own, bool
    (classes,): with fewer than 1/α − 1 images a class has the bound of all, and no promise for itself.
    """
    bounds = np.full(probabilities.shape[1], fit_conformal(probabilities, targets, alpha))
    counts = np.bincount(targets, minlength=len(bounds))
    own = np.array([conformal_rank(int(count), alpha) <= count for count in counts])
    for number in np.nonzero(own)[0]:
        of_class = targets == number
        bounds[number] = fit_conformal(probabilities[of_class], targets[of_class], alpha)
    return bounds, own


def conformal_rank(images: int, alpha: float = ALPHA) -> int:
    return int(np.ceil((images + 1) * (1 - alpha) - 1e-9))


def conformal_sets(probabilities: np.ndarray, min_probability: float | np.ndarray) -> np.ndarray:
    """bool (N, classes): the classes in each image's set, by one bound or by each class's own, float (classes,). It can
    be empty; a served one then has the best class."""
    return holds(probabilities, min_probability)


def measure_class_bounds(
    validation: tuple[np.ndarray, np.ndarray], test: tuple[np.ndarray, np.ndarray], keys: tuple[str, ...]
) -> tuple[ClassBound, ...]:
    """`fit_class_conditional` on validation, and what the test images show; each probabilities (N, classes) and targets
    (N,)."""
    bounds, own = fit_class_conditional(*validation)
    probabilities, targets = test
    covered = conformal_sets(probabilities, bounds)[np.arange(len(targets)), targets]
    return tuple(
        ClassBound(
            key=key,
            min_probability=float(bounds[number]),
            fitted_on=int((validation[1] == number).sum()),
            own=bool(own[number]),
            coverage=round(float(covered[targets == number].mean()), 4) if (targets == number).any() else None,
            images=int((targets == number).sum()),
        )
        for number, key in enumerate(keys)
    )
