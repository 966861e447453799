"""Training pictures are moved and corrupted at random; which and how depends on the picture's row and the epoch's seed
alone, so that a resumed run and any number of processes see the same pictures."""

from __future__ import annotations

import numpy as np
from PIL import Image, ImageFilter
from torchvision.transforms.v2 import InterpolationMode
from torchvision.transforms.v2 import functional as transforms

from ..recipe import Augmentation
from .corruptions import draw_corruption


def augment(pixels: np.ndarray, rows: np.ndarray, settings: Augmentation, seed: int) -> np.ndarray:
    """`pixels`: uint8 (N, height, width, 3) of the pictures in `rows`, int (N,). Returns the same shape and type."""
    if not (settings.shift or settings.corruption or settings.stroke or _bends(settings)):
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
    if _bends(settings):
        picture = bend(picture, settings, generator)
    if settings.stroke and generator.random() < settings.stroke:
        picture = change_stroke(picture, generator)
    return shift(picture, settings.shift, generator) if settings.shift else picture


def shift(picture: np.ndarray, share: float, generator: np.random.Generator) -> np.ndarray:
    """Move a picture, uint8 (height, width, 3), by up to `share` of each side; what comes in is its mirror image."""
    height, width = picture.shape[:2]
    down, across = int(height * share), int(width * share)
    padded = np.pad(picture, ((down, down), (across, across), (0, 0)), mode="reflect")
    top, left = generator.integers(2 * down + 1), generator.integers(2 * across + 1)
    return padded[top : top + height, left : left + width]


def _bends(settings: Augmentation) -> bool:
    return bool(settings.turn or settings.zoom or settings.shear)


def bend(picture: np.ndarray, settings: Augmentation, generator: np.random.Generator) -> np.ndarray:
    """Turn, zoom and shear a picture, uint8 (height, width, 3), about its centre; what comes in continues its edge."""
    height, width = picture.shape[:2]
    # Wide enough for a quarter turn of a square, and for half its size.
    down, across = height // 2, width // 2
    padded = Image.fromarray(np.pad(picture, ((down, down), (across, across), (0, 0)), mode="edge"))
    turn, zoom, shear = generator.uniform(-1, 1, 3) * (settings.turn, settings.zoom, settings.shear)
    bent = transforms.affine(
        padded, turn, [0, 0], float(np.exp(zoom)), [shear, 0.0], interpolation=InterpolationMode.BILINEAR
    )
    return np.asarray(bent)[down : down + height, across : across + width]


def change_stroke(picture: np.ndarray, generator: np.random.Generator) -> np.ndarray:
    """Dark lines of a picture, uint8 (height, width, 3), become two pixels wider, or softer and paler."""
    wider = generator.random() < 0.6
    return np.asarray(
        Image.fromarray(picture).filter(ImageFilter.MinFilter(3) if wider else ImageFilter.GaussianBlur(0.8))
    )
