"""What happens to an image on its way: JPEG, shrinking, blur, noise, cropping, screenshots.

The same functions augment the training and measure how far accuracy falls. All take and return uint8
(N, height, width, 3) of the same shape.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from PIL import Image, ImageFilter

from ..runtime import preprocess

Corruption = Callable[[np.ndarray], np.ndarray]


def encode_jpeg(quality: int) -> Corruption:
    """Through JPEG of one quality, which levels what different encoders left."""
    return lambda pixels: each_image(pixels, lambda image: preprocess.encode_jpeg(image, quality))


def blur(radius: float) -> Corruption:
    """Gaussian, with a radius in pixels."""
    return lambda pixels: each_image(pixels, lambda image: image.filter(ImageFilter.GaussianBlur(radius)))


def noise(deviation: float, seed: int = 0) -> Corruption:
    """Gaussian, in grey levels, the same for the same image."""

    def alter(pixels: np.ndarray) -> np.ndarray:
        added = np.random.default_rng(seed).normal(0, deviation, pixels.shape[1:])
        return np.clip(pixels + added, 0, 255).astype(np.uint8)

    return alter


def shrink(share: float) -> Corruption:
    """To `share` of each side and back."""

    def alter(image: Image.Image) -> Image.Image:
        return _resize(resize_by(image, share), image.size)

    return lambda pixels: each_image(pixels, alter)


def crop(share: float, across: float = 0.5, down: float = 0.5) -> Corruption:
    """Keep `share` of each side, enlarged again; `across` and `down` say where, 0 (left, top) … 1."""

    def alter(image: Image.Image) -> Image.Image:
        width, height = _scale(image.size, share)
        left, top = round((image.width - width) * across), round((image.height - height) * down)
        return _resize(image.crop((left, top, left + width, top + height)), image.size)

    return lambda pixels: each_image(pixels, alter)


def screenshot(share: float, quality: int) -> Corruption:
    """What a screenshot of a web page does: shown at `share` of its size, a sliver lost at the edges, encoded by a
    messenger as JPEG of `quality`, and enlarged again by whoever looks at it."""

    def alter(image: Image.Image) -> Image.Image:
        return _resize(preprocess.encode_jpeg(show_on_screen(image, share), quality), image.size)

    return lambda pixels: each_image(pixels, alter)


def show_on_screen(image: Image.Image, share: float) -> Image.Image:
    """At `share` of each side, without a sliver at the edges."""
    shown = resize_by(image, share)
    sliver = max(1, round(0.02 * min(shown.size)))
    return shown.crop((sliver, sliver, shown.width - sliver, shown.height - sliver))


def resize_by(image: Image.Image, share: float) -> Image.Image:
    """To `share` of each side, 4 pixels at least."""
    return _resize(image, _scale(image.size, share))


def draw_corruption(generator: np.random.Generator) -> Corruption:
    """One of the six at a random strength, from hardly visible to what the middle strength of a report is."""
    strength = generator.random()
    seed = int(generator.integers(2**31))
    across, down = generator.random(2)
    options: tuple[Corruption, ...] = (
        encode_jpeg(round(95 - 65 * strength)),
        shrink(1 - 0.6 * strength),
        blur(1.5 * strength),
        noise(25 * strength, seed),
        crop(1 - 0.4 * strength, across, down),
        screenshot(0.95 - 0.45 * strength, round(90 - 40 * strength)),
    )
    return options[generator.integers(len(options))]


def each_image(pixels: np.ndarray, alter: Callable[[Image.Image], Image.Image]) -> np.ndarray:
    """Apply what works on an image of Pillow's."""
    return np.stack([np.asarray(alter(Image.fromarray(image))) for image in pixels])


def _scale(size: tuple[int, int], share: float) -> tuple[int, int]:
    return max(4, round(size[0] * share)), max(4, round(size[1] * share))


def _resize(image: Image.Image, size: tuple[int, int]) -> Image.Image:
    return image.resize(size, Image.Resampling.BICUBIC)
