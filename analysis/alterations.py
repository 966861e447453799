"""Ways to take something from an image: all uint8 (N, height, width, 3) → the same."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from PIL import Image

from model_training.datasets.corruptions import blur, crop, each_image, encode_jpeg, noise, screenshot, shrink
from model_training.runtime.card import Text

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
    (Text(en="the border alone", ko="테두리만"), only_border),
    (Text(en="the centre alone", ko="가운데만"), only_centre),
    (Text(en="shades of grey", ko="흑백"), greyscale),
    (Text(en="8×8 patches of colour", ko="8×8 색 조각"), colour_patches),
    (Text(en="JPEG of one quality (50)", ko="같은 품질(50)의 JPEG"), encode_jpeg(50)),
)

#: Strengths 1, 2, 3 of each.
CORRUPTIONS: tuple[tuple[Text, tuple[Alteration, ...]], ...] = (
    (Text(en="blur (radius 1, 2, 4)", ko="흐림(반지름 1, 2, 4)"), (blur(1), blur(2), blur(4))),
    (Text(en="noise (σ 10, 25, 50)", ko="잡음(σ 10, 25, 50)"), (noise(10), noise(25), noise(50))),
    (
        Text(en="JPEG (quality 40, 15, 5)", ko="JPEG(품질 40, 15, 5)"),
        (encode_jpeg(40), encode_jpeg(15), encode_jpeg(5)),
    ),
    (
        Text(en="shrinking (to 0.75, 0.5, 0.25)", ko="축소(0.75, 0.5, 0.25배)"),
        (shrink(0.75), shrink(0.5), shrink(0.25)),
    ),
    (
        Text(en="cropping (to 0.9, 0.75, 0.5)", ko="잘라 내기(0.9, 0.75, 0.5배)"),
        (crop(0.9), crop(0.75), crop(0.5)),
    ),
    (
        Text(en="screenshot (0.9, 0.7, 0.5; JPEG 85, 65, 45)", ko="화면 캡처(0.9, 0.7, 0.5배, JPEG 85, 65, 45)"),
        (screenshot(0.9, 85), screenshot(0.7, 65), screenshot(0.5, 45)),
    ),
    (
        Text(en="fading (contrast 0.6, 0.35, 0.15)", ko="빛바램(대비 0.6, 0.35, 0.15)"),
        (fade(0.6), fade(0.35), fade(0.15)),
    ),
)
