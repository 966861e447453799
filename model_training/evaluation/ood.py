"""Which score tells strange images, and from where on: chosen when the bundle is made, from validation alone."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from PIL import Image, ImageFilter
from sklearn.metrics import roc_auc_score

from ..runtime.card import OutOfDistribution
from ..runtime.ood import NearestNeighbours, energy

#: The verdict `unknown` costs about this share of validation images, which are all known.
REFUSED = 0.05
MOST_REFERENCES = 2000
MOST_SPOILED = 64
_TILES = 8

#: pixels, uint8 (N, height, width, 3) → logits (N, classes) and features (N, F)
Observe = Callable[[np.ndarray], tuple[np.ndarray, np.ndarray]]


def choose_references(rows: np.ndarray) -> np.ndarray:
    """Of very many training images 2,000, drawn by seed, stand for all: int (M,), sorted."""
    if len(rows) <= MOST_REFERENCES:
        return rows
    return np.sort(np.random.default_rng(0).choice(rows, MOST_REFERENCES, replace=False))


def fit_ood(
    logits: np.ndarray,
    features: np.ndarray,
    pixels: np.ndarray,
    references: np.ndarray,
    temperature: float,
    run: Observe,
) -> OutOfDistribution:
    """Choose the score and its bound.

    `logits` (N, classes), `features` (N, F) and `pixels`, uint8 (N, height, width, 3), are the validation images';
    `references` (M, F) training images' features. The score is the one that better tells validation images from
    the same images spoiled (in pieces, in outline, as negatives, and noise); the bound is what 95% of the validation
    images stay under.
    """
    neighbours = NearestNeighbours(references)

    def measure(logits: np.ndarray, features: np.ndarray) -> dict[str, np.ndarray]:
        return {"energy": energy(logits, temperature), "knn": neighbours(features)}

    known = measure(logits, features)
    strange = measure(*run(spoil(pixels[:: max(1, len(pixels) // MOST_SPOILED)][:MOST_SPOILED])))
    told = {name: _tell(known[name], strange[name]) for name in known}
    # Of two that tell equally well, the neighbours: they do not depend on how sure the last layer is.
    method = max(("knn", "energy"), key=lambda name: told[name])
    bound = bound_of(known[method])
    return OutOfDistribution(
        method="energy" if method == "energy" else "knn",
        threshold=round(bound, 6),
        rejected=round(float((known[method] > bound).mean()), 4),
        auroc_spoiled={name: round(value, 4) for name, value in told.items()},
        fitted_on=len(logits),
    )


def bound_of(scores: np.ndarray) -> float:
    """The ⌈0.95 (N + 1)⌉-th smallest of scores (N,): as in conformal prediction, a further known image lies above it
    in 5% of cases at most; with fewer than 19 scores no bound can promise that, and the largest is taken."""
    rank = min(len(scores), int(np.ceil((1 - REFUSED) * (len(scores) + 1) - 1e-9)))
    return float(np.sort(scores)[rank - 1])


def spoil(pixels: np.ndarray) -> np.ndarray:
    """`pixels`: uint8 (N, height, width, 3). Returns uint8 (4 N, height, width, 3), by seed always the same."""
    generator = np.random.default_rng(0)
    noise = generator.integers(0, 256, pixels.shape, dtype=np.uint8)
    scrambled = np.stack([_scramble(each, generator) for each in pixels])
    outlines = np.stack([_outline(each) for each in pixels])
    return np.concatenate([scrambled, outlines, 255 - pixels, noise])


def _scramble(image: np.ndarray, generator: np.random.Generator) -> np.ndarray:
    """Eight by eight pieces in another order; what does not divide evenly stays at the edges."""
    height, width = (size // _TILES for size in image.shape[:2])
    tiles = image[: height * _TILES, : width * _TILES].reshape(_TILES, height, _TILES, width, 3).swapaxes(1, 2)
    shuffled = generator.permutation(tiles.reshape(-1, height, width, 3)).reshape(tiles.shape)
    spoiled = image.copy()
    spoiled[: height * _TILES, : width * _TILES] = shuffled.swapaxes(1, 2).reshape(height * _TILES, width * _TILES, 3)
    return spoiled


def _outline(image: np.ndarray) -> np.ndarray:
    """Dark edges on white paper."""
    edges = np.array(Image.fromarray(image).convert("L").filter(ImageFilter.FIND_EDGES))
    edges[[0, -1]], edges[:, [0, -1]] = 0, 0  # Pillow leaves the outermost pixels as they were
    return np.repeat(255 - edges[..., None], 3, axis=2)


def _tell(known: np.ndarray, strange: np.ndarray) -> float:
    """The area under the ROC curve."""
    return float(roc_auc_score(np.arange(len(known) + len(strange)) >= len(known), np.concatenate([known, strange])))
