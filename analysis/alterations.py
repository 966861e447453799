"""Ways to take something from a picture: all uint8 (N, height, width, 3) → the same."""

from __future__ import annotations

import io
from collections.abc import Callable

import numpy as np
from PIL import Image, ImageFilter

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
    return _each(
        pixels,
        lambda picture: picture.resize((PATCHES, PATCHES), Image.Resampling.BOX).resize(
            picture.size, Image.Resampling.NEAREST
        ),
    )


def encode_jpeg(quality: int) -> Alteration:
    """Through JPEG of one quality, which levels what different encoders left."""

    def alter(picture: Image.Image) -> Image.Image:
        buffer = io.BytesIO()
        picture.save(buffer, "JPEG", quality=quality)
        return Image.open(buffer).convert("RGB")

    return lambda pixels: _each(pixels, alter)


def blur(radius: float) -> Alteration:
    return lambda pixels: _each(pixels, lambda picture: picture.filter(ImageFilter.GaussianBlur(radius)))


def noise(deviation: float) -> Alteration:
    """Gaussian, in grey levels, the same for the same picture."""

    def alter(pixels: np.ndarray) -> np.ndarray:
        added = np.random.default_rng(0).normal(0, deviation, pixels.shape[1:])
        return np.clip(pixels + added, 0, 255).astype(np.uint8)

    return alter


def fade(contrast: float) -> Alteration:
    """Towards mid-grey; 1 leaves the picture as it is."""
    return lambda pixels: (128 + (pixels.astype(np.float32) - 128) * contrast).round().astype(np.uint8)


def _each(pixels: np.ndarray, alter: Callable[[Image.Image], Image.Image]) -> np.ndarray:
    return np.stack([np.asarray(alter(Image.fromarray(picture))) for picture in pixels])


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
        Text(en="fading (contrast 0.6, 0.35, 0.15)", ko="빛바램(대비 0.6, 0.35, 0.15)"),
        (fade(0.6), fade(0.35), fade(0.15)),
    ),
)
