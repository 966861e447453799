"""Training pictures are moved and corrupted at random; which and how depends on the picture's row and the epoch's seed
alone, so that a resumed run and any number of processes see the same pictures."""

from __future__ import annotations

import numpy as np

from .corruptions import draw_corruption
from .recipe import Augmentation


def augment(pixels: np.ndarray, rows: np.ndarray, settings: Augmentation, seed: int) -> np.ndarray:
    """`pixels`: uint8 (N, height, width, 3) of the pictures in `rows`, int (N,). Returns the same shape and type."""
    if not (settings.shift or settings.corruption):
        return pixels
    return np.stack(
        [
            _augment_one(picture, settings, np.random.default_rng((seed, int(row), 1)))
            for picture, row in zip(pixels, rows, strict=True)
        ]
    )


def _augment_one(picture: np.ndarray, settings: Augmentation, generator: np.random.Generator) -> np.ndarray:
    if generator.random() < settings.corruption:
        picture = draw_corruption(generator)(picture[None])[0]
    return shift(picture, settings.shift, generator) if settings.shift else picture


def shift(picture: np.ndarray, share: float, generator: np.random.Generator) -> np.ndarray:
    """Move a picture, uint8 (height, width, 3), by up to `share` of each side; what comes in is its mirror image."""
    height, width = picture.shape[:2]
    down, across = int(height * share), int(width * share)
    padded = np.pad(picture, ((down, down), (across, across), (0, 0)), mode="reflect")
    top, left = generator.integers(2 * down + 1), generator.integers(2 * across + 1)
    return padded[top : top + height, left : left + width]
