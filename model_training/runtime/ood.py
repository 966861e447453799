"""Is an image like those that the network was trained on? Two scores; the card says which is used, and its bound."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np

from .card import ClassifierCard
from .errors import BundleError

#: The file of a bundle with the features of training images: float16 (M, F), each row of length 1.
REFERENCES = "references.npy"
NEIGHBOURS = 5
_AT_ONCE = 2048

#: logits (N, classes), features (N, F) → float (N,), higher is stranger
Score = Callable[[np.ndarray, np.ndarray], np.ndarray]


def energy(logits: np.ndarray, temperature: float) -> np.ndarray:
    """−T log Σ exp(logit / T) (Liu et al. 2020, eq. 4): float64 (N,), higher is stranger."""
    scaled = logits.astype(np.float64) / temperature
    highest = scaled.max(axis=1)
    return -temperature * (highest + np.log(np.exp(scaled - highest[:, None]).sum(axis=1)))


class NearestNeighbours:
    """The distance of normalised features to the fifth nearest training image (Sun et al. 2022)."""

    def __init__(self, references: np.ndarray) -> None:
        """`references`: float (M, F), features of training images."""
        self.references = normalise(references)
        self.rank = min(NEIGHBOURS, len(references)) - 1

    def __call__(self, features: np.ndarray) -> np.ndarray:
        """`features`: float (N, F). Returns float32 (N,), 0…2: higher is stranger."""
        parts = np.array_split(features, max(1, len(features) // _AT_ONCE))
        return np.concatenate([self._measure(part) for part in parts])

    def _measure(self, features: np.ndarray) -> np.ndarray:
        # |a − b|² = 2 − 2 a·b for vectors of length 1
        squared = 2 - 2 * normalise(features) @ self.references.T
        return np.sqrt(np.maximum(np.partition(squared, self.rank, axis=1)[:, self.rank], 0))


def normalise(features: np.ndarray) -> np.ndarray:
    """Each row to length 1, in float32; a row of zeros stays."""
    rows = np.asarray(features, np.float32)
    lengths = np.linalg.norm(rows, axis=1, keepdims=True)
    return rows / np.where(lengths > 0, lengths, 1)


def load_score(card: ClassifierCard, bundle: Path) -> Score | None:
    """The score that the card names; None for a card without one. Raises `BundleError` for a missing file."""
    if card.ood is None:
        return None
    if card.ood.method == "energy":
        temperature = card.calibration.temperature
        return lambda logits, features: energy(logits, temperature)
    neighbours = load_nearest_neighbours(bundle)
    return lambda logits, features: neighbours(features)


def load_nearest_neighbours(bundle: Path) -> NearestNeighbours:
    path = bundle / REFERENCES
    try:
        return NearestNeighbours(np.load(path))
    except (OSError, ValueError) as error:
        raise BundleError(
            f"{path}: the features of training pictures can't be read ({error}).",
            "Make the bundle again: hwapung train.",
        ) from None
