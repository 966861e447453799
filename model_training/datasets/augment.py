"""Training images are moved and corrupted at random; which and how depends on the image's row and the epoch's seed
alone, so that a resumed run and any number of processes see the same images."""

from __future__ import annotations

import numpy as np
import torch
from PIL import Image, ImageFilter
from torchvision.transforms.v2 import InterpolationMode, RandAugment, TrivialAugmentWide
from torchvision.transforms.v2 import functional as transforms

from ..recipe import Augmentation
from .corruptions import draw_corruption

_POLICIES = {"randaugment": RandAugment(), "trivialaugment": TrivialAugmentWide()}


def augment(pixels: np.ndarray, rows: np.ndarray, settings: Augmentation, seed: int) -> np.ndarray:
    """`pixels`: uint8 (N, height, width, 3) of the images in `rows`, int (N,). Returns the same shape and type."""
    drawn = settings.translation or settings.corruption or settings.stroke or settings.policy != "none"
    if not (drawn or _bends(settings)):
        return pixels
    return np.stack(
        [
            _augment_one(image, settings, np.random.default_rng((seed, int(row), 1)))
            for image, row in zip(pixels, rows, strict=True)
        ]
    )


def _augment_one(image: np.ndarray, settings: Augmentation, generator: np.random.Generator) -> np.ndarray:
    if settings.policy != "none":
        image = apply_policy(image, settings.policy, generator)
    if generator.random() < settings.corruption:
        image = draw_corruption(generator)(image[None])[0]
    if _bends(settings):
        image = bend(image, settings, generator)
    if settings.stroke and generator.random() < settings.stroke:
        image = change_stroke(image, generator)
    return translate(image, settings.translation, generator) if settings.translation else image


def apply_policy(image: np.ndarray, policy: str, generator: np.random.Generator) -> np.ndarray:
    """RandAugment (Cubuk et al. 2020) or TrivialAugment (Müller & Hutter 2021) of an image, uint8 (height, width, 3).

    They draw from torch's own generator, which is as before afterwards.
    """
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(int(generator.integers(2**31)))
        return np.array(_POLICIES[policy](Image.fromarray(image)))


def translate(image: np.ndarray, share: float, generator: np.random.Generator) -> np.ndarray:
    """Move an image, uint8 (height, width, 3), by up to `share` of each side; what comes in is its mirror image."""
    height, width = image.shape[:2]
    down, across = int(height * share), int(width * share)
    padded = np.pad(image, ((down, down), (across, across), (0, 0)), mode="reflect")
    top, left = generator.integers(2 * down + 1), generator.integers(2 * across + 1)
    return padded[top : top + height, left : left + width]


def _bends(settings: Augmentation) -> bool:
    return bool(settings.rotation or settings.zoom or settings.shear)


def bend(image: np.ndarray, settings: Augmentation, generator: np.random.Generator) -> np.ndarray:
    """Turn, zoom and shear an image, uint8 (height, width, 3), about its centre; what comes in continues its edge."""
    height, width = image.shape[:2]
    # Wide enough for a quarter turn of a square, and for half its size.
    down, across = height // 2, width // 2
    padded = Image.fromarray(np.pad(image, ((down, down), (across, across), (0, 0)), mode="edge"))
    rotation, zoom, shear = generator.uniform(-1, 1, 3) * (settings.rotation, settings.zoom, settings.shear)
    bent = transforms.affine(
        padded, rotation, [0, 0], float(np.exp(zoom)), [shear, 0.0], interpolation=InterpolationMode.BILINEAR
    )
    return np.asarray(bent)[down : down + height, across : across + width]


def change_stroke(image: np.ndarray, generator: np.random.Generator) -> np.ndarray:
    """Dark lines of an image, uint8 (height, width, 3), become two pixels wider, or softer and paler."""
    wider = generator.random() < 0.6
    return np.asarray(
        Image.fromarray(image).filter(ImageFilter.MinFilter(3) if wider else ImageFilter.GaussianBlur(0.8))
    )
