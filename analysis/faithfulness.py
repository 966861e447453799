"""Does a heatmap show what the network used? Taking away what is bright should cost the answer, and bringing it back
restore it (Petsiuk et al. 2018)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from PIL import Image, ImageFilter

from .metrics import Score, bootstrap

STEPS = 6
#: Maps to compare with are as coarse as those of a network for 224×224.
_RANDOM_SIDE = 7
_BLUR = 12


@dataclass(frozen=True)
class Faithfulness:
    """`map`, `random`: the mean of insertion less deletion, −1…1, of the heatmaps and of random ones; `gain`: the first
    less the second, image by image; `gain.low` above 0 says that the maps show more than chance does."""

    map: Score
    random: Score
    gain: Score


def measure_faithfulness(
    probability: Callable[[np.ndarray, np.ndarray], np.ndarray],
    pixels: np.ndarray,
    maps: np.ndarray,
    classes: np.ndarray,
    group: np.ndarray,
) -> Faithfulness:
    """`probability`: pixels (N, height, width, 3) and classes (N,) → each image's probability of its class;
    `maps`: float (N, height, width); `group`: int (N,). Raises `ValueError` for no image."""
    if not len(pixels):
        raise ValueError("no pictures")
    blurred = np.stack([_blur(each) for each in pixels])

    def rate(heat: np.ndarray) -> np.ndarray:
        inserted = measure_curve(probability, blurred, pixels, heat, classes)
        deleted = measure_curve(probability, pixels, blurred, heat, classes)
        return inserted - deleted

    ours, chance = rate(maps), rate(draw_maps(maps.shape))
    means = [
        bootstrap(lambda weights, values=values: weights @ values / weights.sum(axis=1), group)  # type: ignore[misc]
        for values in (ours, chance, ours - chance)
    ]
    return Faithfulness(*means)


def measure_curve(
    probability: Callable[[np.ndarray, np.ndarray], np.ndarray],
    start: np.ndarray,
    end: np.ndarray,
    heat: np.ndarray,
    classes: np.ndarray,
) -> np.ndarray:
    """The area under the class's probability as pixels of `start` are replaced by those of `end`, the hottest first, in
    six steps of equal size: float (N,), 0…1, by the trapezium rule."""
    count = heat[0].size
    # Rank 0 is the hottest pixel; equal heat is replaced from the top left on.
    order = np.argsort(-heat.reshape(len(heat), -1), axis=1, kind="stable")
    rank = np.argsort(order, axis=1, kind="stable").reshape(heat.shape)
    values = [
        probability(np.where((rank < count * step / STEPS)[..., None], end, start), classes)
        for step in range(STEPS + 1)
    ]
    return np.trapezoid(np.stack(values), dx=1 / STEPS, axis=0)


def draw_maps(shape: tuple[int, ...]) -> np.ndarray:
    """Random maps, smooth as heatmaps are, by seed: float32 (N, height, width), 0…1."""
    generator = np.random.default_rng(0)
    count, height, width = shape
    coarse = generator.random((count, _RANDOM_SIDE, _RANDOM_SIDE)).astype(np.float32)
    size, bicubic = (width, height), Image.Resampling.BICUBIC
    return np.stack([np.asarray(Image.fromarray(each).resize(size, bicubic)) for each in coarse])


def _blur(image: np.ndarray) -> np.ndarray:
    return np.asarray(Image.fromarray(image).filter(ImageFilter.GaussianBlur(_BLUR)))
