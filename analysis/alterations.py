"""Ways to take something from an image: all uint8 (N, height, width, 3) → the same."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from PIL import Image

from model_training.datasets.corruptions import blur, crop, each_image, encode_jpeg, noise, screenshot, shrink
from model_training.runtime.card import Text

from .translation import _

Alteration = Callable[[np.ndarray], np.ndarray]

#: The border is an eighth of each side: half of it is where mounts, seals and scanners leave their traces.
BORDER = 8
PATCHES = 8


def only_border(pixels: np.ndarray) -> np.ndarray:
    """The inner three quarters of each side become mid-grey."""
    altered = pixels.copy()
    top, left = (max(1, size // BORDER) for size in pixels.shape[1:3])
    altered[:, top:-top, left:-left] = 128
    return altered


def only_centre(pixels: np.ndarray) -> np.ndarray:
    """The outer eighth of each side becomes mid-grey."""
    altered = np.full_like(pixels, 128)
    top, left = (max(1, size // BORDER) for size in pixels.shape[1:3])
    altered[:, top:-top, left:-left] = pixels[:, top:-top, left:-left]
    return altered


def greyscale(pixels: np.ndarray) -> np.ndarray:
    """ITU-R 601 luma in all three channels."""
    luma = pixels.astype(np.float32) @ np.array([0.299, 0.587, 0.114], np.float32)
    return np.repeat(luma.round().astype(np.uint8)[..., None], 3, axis=3)


def colour_patches(pixels: np.ndarray) -> np.ndarray:
    """Eight by eight patches of mean colour: no line and no brush is left."""
    return each_image(
        pixels,
        lambda image: image.resize((PATCHES, PATCHES), Image.Resampling.BOX).resize(
            image.size, Image.Resampling.NEAREST
        ),
    )


def fade(contrast: float) -> Alteration:
    """Towards mid-grey; 1 leaves the image as it is."""
    return lambda pixels: (128 + (pixels.astype(np.float32) - 128) * contrast).round().astype(np.uint8)


SHORTCUTS: tuple[tuple[Text, Alteration], ...] = (
    (_("the border alone"), only_border),
    (_("the centre alone"), only_centre),
    (_("shades of grey"), greyscale),
    (_("8×8 patches of colour"), colour_patches),
    (_("JPEG of one quality (50)"), encode_jpeg(50)),
)

#: Strengths 1, 2, 3 of each.
CORRUPTIONS: tuple[tuple[Text, tuple[Alteration, ...]], ...] = (
    (_("blur (radius 1, 2, 4)"), (blur(1), blur(2), blur(4))),
    (_("noise (σ 10, 25, 50)"), (noise(10), noise(25), noise(50))),
    (_("JPEG (quality 40, 15, 5)"), (encode_jpeg(40), encode_jpeg(15), encode_jpeg(5))),
    (_("shrinking (to 0.75, 0.5, 0.25)"), (shrink(0.75), shrink(0.5), shrink(0.25))),
    (_("cropping (to 0.9, 0.75, 0.5)"), (crop(0.9), crop(0.75), crop(0.5))),
    (_("screenshot (0.9, 0.7, 0.5; JPEG 85, 65, 45)"), (screenshot(0.9, 85), screenshot(0.7, 65), screenshot(0.5, 45))),
    (_("fading (contrast 0.6, 0.35, 0.15)"), (fade(0.6), fade(0.35), fade(0.15))),
)
