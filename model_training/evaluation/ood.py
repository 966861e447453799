"""Where the training images' features lie, and from where on an image is a stranger: fitted when the bundle is made."""

from __future__ import annotations

import numpy as np
from scipy.stats import beta
from sklearn.covariance import ledoit_wolf_shrinkage

from ..runtime.errors import BundleError
from ..runtime.ood import Gaussian, Mahalanobis

#: The share of known images that the verdict `unknown` may cost.
AIMED = 0.05
FOLDS = 5
#: With fewer no bound can promise that share: the largest of 18 is exceeded by one more in 20 in 5.3% of cases.
FEWEST = 19
#: A class with fewer images has no Gaussian of its own.
FEWEST_OF_A_CLASS = 50
ALL = -1
#: Directions of which the variance is kept by itself; more cost memory and tell no more.
_DIRECTIONS = 384
#: Numbers of all directions together, 10 MB: wide features, or many classes, have fewer of them.
_NUMBERS = 2_500_000


def fit_distance(features: np.ndarray, classes: np.ndarray | None = None) -> Mahalanobis | None:
    """A Gaussian for each class of `name_kinds`; several are tighter than one around all of them.

    `features`: float (N, G); `classes`: int (N,), of one class each if not given. None where all images are alike, so
    that any other would be infinitely far. Raises `BundleError` for features that are no numbers.
    """
    if not np.isfinite(features).all():
        raise BundleError(
            "The network's features of training pictures are no finite numbers.",
            "Check its weights (network.pretrained), or lower training.learning_rate.",
        )
    kinds = name_kinds(classes) if classes is not None else np.full(len(features), ALL)
    return _fit(features, kinds)


def name_kinds(classes: np.ndarray) -> np.ndarray:
    """Of each image, int (N,), the class whose Gaussian it has part in: its own, or `ALL` where that has too few."""
    numbers, counts = np.unique(classes, return_counts=True)
    return np.where(np.isin(classes, numbers[counts >= FEWEST_OF_A_CLASS]), classes, ALL)


def _fit(features: np.ndarray, kinds: np.ndarray) -> Mahalanobis | None:
    """Classes with too few images for a covariance have part in one around all images, the others' included: around
    a few of them alone any covariance is mostly shrinkage, and too wide."""
    numbers = np.unique(kinds)
    directions = min(_DIRECTIONS, max(1, _NUMBERS // (features.shape[1] * len(numbers))))
    found = [_fit_one(features if each == ALL else features[kinds == each], directions) for each in numbers]
    fitted = tuple(each for each in found if each is not None)
    if len(fitted) == len(numbers):
        return Mahalanobis(fitted)
    return None if (numbers == ALL).all() else _fit(features, np.full(len(features), ALL))


def _fit_one(features: np.ndarray, directions: int) -> Gaussian | None:
    """With a covariance shrunk by Ledoit & Wolf (2004). None where all of `features`, float (N, G), are alike."""
    mean = features.mean(0, dtype=np.float64)
    centred = features - mean
    # In the space of the images: there are fewer of them than features as a rule.
    _, singular, basis = np.linalg.svd(centred, full_matrices=False)
    found = np.square(singular) / len(features)
    average = float(found.sum()) / features.shape[1]
    if average < 1e-12:
        return None
    shrinkage = float(ledoit_wolf_shrinkage(centred, assume_centered=True))
    variances = (1 - shrinkage) * found + shrinkage * average
    kept = min(directions, len(variances))
    # The other directions share the mean of their variances (probabilistic PCA, Tipping & Bishop 1999).
    others = features.shape[1] - kept
    rest = ((1 - shrinkage) * float(found[kept:].sum()) + shrinkage * average * others) / max(others, 1)
    return Gaussian(
        mean.astype(np.float32), basis[:kept].T.astype(np.float32), variances[:kept], max(rest, average * 1e-6)
    )


def measure_apart(features: np.ndarray, groups: np.ndarray, classes: np.ndarray | None = None) -> np.ndarray:
    """Each image's distance by a fit to the others, float64 (N,): five folds that keep a group together.

    `features`: float (N, G); `groups`: int (N,), the same number for images that must stay together; `classes` as in
    `fit_distance`. The fits are on four fifths of the images, so these distances are a little larger than the served
    fit's will be: on the safe side.
    """
    distances = np.full(len(features), np.inf)
    kinds = name_kinds(classes) if classes is not None else np.full(len(features), ALL)
    order = np.random.default_rng(0).permutation(np.unique(groups))
    fold = dict(zip(order.tolist(), np.arange(len(order)) % FOLDS, strict=True))
    folds = np.array([fold[group] for group in groups.tolist()])
    for number in np.unique(folds):
        inside = folds == number
        fitted = _fit(features[~inside], kinds[~inside]) if (~inside).sum() > 1 else None
        if fitted is not None:
            distances[inside] = fitted(features[inside])
    return distances


def bound_of(distances: np.ndarray) -> float | None:
    """The ⌈0.95 (N + 1)⌉-th smallest of distances (N,): as in conformal prediction, a further known image lies above it
    in 5% of cases at most. None where there are fewer than 19, or where the bound is infinite."""
    if len(distances) < FEWEST:
        return None
    rank = int(np.ceil((1 - AIMED) * (len(distances) + 1) - 1e-9))
    found = float(np.sort(distances)[rank - 1])
    return found if np.isfinite(found) else None


def share_interval(above: int, images: int) -> tuple[float, float]:
    """The 95% interval of a share (Clopper & Pearson 1934)."""
    low = float(beta.ppf(0.025, above, images - above + 1)) if above else 0.0
    high = float(beta.ppf(0.975, above + 1, images - above)) if above < images else 1.0
    return low, high
