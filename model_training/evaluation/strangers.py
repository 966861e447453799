"""Images that no model of pictures should be sure of, drawn by a program: what a gate is tried on when it is made."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import lru_cache
from types import MappingProxyType

import numpy as np
from PIL import Image, ImageDraw, ImageFilter, ImageFont

_TILES = 8
_WORDS = np.array(
    ["the", "ink", "of", "river", "light", "over", "old", "paper", "and", "water", "in", "village", "winter", "stone"]
)


@lru_cache(maxsize=1)  # each form of a bundle is tried on them
def draw_strangers(height: int, width: int, count: int = 16) -> Mapping[str, np.ndarray]:
    """Kind → images, uint8 (count, height, width, 3); always the same ones, not to be written to."""
    kinds: dict[str, Callable[[np.random.Generator, int, int], Image.Image]] = {
        "blank": _draw_blank, "gradient": _draw_gradient, "noise": _draw_noise, "lines": _draw_lines,
        "text": _draw_text, "texture": _draw_texture,
    }  # fmt: skip
    drawn: dict[str, np.ndarray] = {}
    for kind, draw in kinds.items():
        generator = np.random.default_rng(len(drawn))
        drawn[kind] = np.stack([np.asarray(draw(generator, height, width)) for _ in range(count)])
        drawn[kind].setflags(write=False)
    return MappingProxyType(drawn)


def spoil(pixels: np.ndarray) -> dict[str, np.ndarray]:
    """Known images that are none any more. `pixels`: uint8 (N, height, width, 3). Returns kind → the same shape."""
    generator = np.random.default_rng(0)
    return {
        "in pieces": np.stack([_scramble(each, generator) for each in pixels]),
        "in outline": np.stack([_outline(each) for each in pixels]),
        "negative": 255 - pixels,
    }


def _draw_blank(generator: np.random.Generator, height: int, width: int) -> Image.Image:
    """One colour with the noise of a camera or a scanner."""
    pixels = generator.integers(0, 256, 3) + generator.normal(0, generator.uniform(0, 2), (height, width, 3))
    return _to_image(pixels)


def _draw_gradient(generator: np.random.Generator, height: int, width: int) -> Image.Image:
    start, end = generator.uniform(0, 255, (2, 3))
    angle = generator.uniform(0, 2 * np.pi)
    y, x = np.mgrid[0:height, 0:width] / max(height, width)
    along = x * np.cos(angle) + y * np.sin(angle)
    share = (along - along.min()) / max(float(np.ptp(along)), 1e-6)
    return _to_image(start + (end - start) * share[..., None])


def _draw_noise(generator: np.random.Generator, height: int, width: int) -> Image.Image:
    return _to_image(generator.integers(0, 256, (height, width, 3)))


def _draw_lines(generator: np.random.Generator, height: int, width: int) -> Image.Image:
    """Strokes on paper."""
    image = Image.new("RGB", (width, height), "white")
    pen = ImageDraw.Draw(image)
    for _ in range(int(generator.integers(3, 9))):
        points = np.cumsum(generator.normal(0, 0.12, (12, 2)), axis=0) + generator.uniform(0.2, 0.8, 2)
        path = [(float(x * width), float(y * height)) for x, y in points]
        pen.line(path, fill=(20, 20, 20), width=max(1, width // 90), joint="curve")
    return image


def _draw_text(generator: np.random.Generator, height: int, width: int) -> Image.Image:
    """A page, drawn large and shrunk as a scan would be."""
    page = Image.new("RGB", (4 * width, 4 * height), (250, 248, 242))
    pen = ImageDraw.Draw(page)
    size = int(4 * height / generator.uniform(18, 32))
    font = ImageFont.load_default(size)
    for top in np.arange(2 * size, 4 * height - 2 * size, 1.5 * size):
        words = " ".join(generator.choice(_WORDS, 40))
        while pen.textlength(words, font) > 3.4 * width:
            words = words.rpartition(" ")[0]
        pen.text((0.3 * width, float(top)), words, (25, 25, 30), font)
    return page.resize((width, height), Image.Resampling.BILINEAR)


def _draw_texture(generator: np.random.Generator, height: int, width: int) -> Image.Image:
    """Coloured noise whose power falls with the square of the frequency, as in photographs of surfaces (Field 1987)."""
    frequencies = np.hypot(np.fft.fftfreq(height)[:, None], np.fft.rfftfreq(width)[None])
    frequencies[0, 0] = np.inf
    waves = np.fft.rfft2(generator.normal(size=(3, height, width))) / frequencies
    field = np.fft.irfft2(waves, (height, width)).transpose(1, 2, 0)
    field = field / max(float(field.std()), 1e-9)
    mix = generator.normal(0, 30, (3, 3)) + 20
    return _to_image(128 + field @ mix)


def _to_image(pixels: np.ndarray) -> Image.Image:
    return Image.fromarray(np.clip(np.round(pixels), 0, 255).astype(np.uint8))


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
