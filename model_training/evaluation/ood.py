"""Where the training images' features lie, and from where on an image is a stranger: fitted when the bundle is made."""

from __future__ import annotations

import numpy as np
from scipy.stats import beta
from sklearn.covariance import ledoit_wolf_shrinkage

from ..runtime.errors import BundleError
from ..runtime.ood import Mahalanobis

#: The share of known images that the verdict `unknown` may cost.
AIMED = 0.05
FOLDS = 5
#: With fewer no bound can promise that share: the largest of 18 is exceeded by one more in 20 in 5.3% of cases.
FEWEST = 19
#: Directions of which the variance is kept by itself; more cost memory and tell no more.
_DIRECTIONS = 384
#: Numbers of all directions together, 10 MB: a wide network's features have fewer of them.
_NUMBERS = 2_500_000


def fit_distance(features: np.ndarray) -> Mahalanobis | None:
    """One Gaussian for all classes, its covariance shrunk by Ledoit & Wolf (2004): where features are not bent towards
    the classes, a class's own mean adds nothing.

    `features`: float (N, G). None where all are alike, so that any other image would be infinitely far.
    Raises `BundleError` for features that are no numbers.
    """
    if not np.isfinite(features).all():
        raise BundleError(
            "The network's features of training pictures are no finite numbers.",
            "Check its weights (network.pretrained), or lower training.learning_rate.",
        )
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
    kept = min(_DIRECTIONS, len(variances), max(1, _NUMBERS // features.shape[1]))
    # The other directions share the mean of their variances (probabilistic PCA, Tipping & Bishop 1999).
    others = features.shape[1] - kept
    rest = ((1 - shrinkage) * float(found[kept:].sum()) + shrinkage * average * others) / max(others, 1)
    return Mahalanobis(
        mean.astype(np.float32), basis[:kept].T.astype(np.float32), variances[:kept], max(rest, average * 1e-6)
    )


def measure_apart(features: np.ndarray, groups: np.ndarray) -> np.ndarray:
    """Each image's distance by a fit to the others, float64 (N,): five folds that keep a group together.

    `features`: float (N, G); `groups`: int (N,), the same number for images that must stay together. The fits are on
    four fifths of the images, so these distances are a little larger than the served fit's will be: on the safe side.
    """
    distances = np.full(len(features), np.inf)
    order = np.random.default_rng(0).permutation(np.unique(groups))
    fold = dict(zip(order.tolist(), np.arange(len(order)) % FOLDS, strict=True))
    folds = np.array([fold[group] for group in groups.tolist()])
    for number in np.unique(folds):
        fitted = fit_distance(features[folds != number]) if (folds != number).sum() > 1 else None
        if fitted is not None:
            distances[folds == number] = fitted(features[folds == number])
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
