"""Pixels of resized images against the filters' definitions, in float32 by Pillow, and against Pillow's own bytes."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from cykooz_resizer import CpuExtensions, Resizer
from hypothesis import example, given, settings
from hypothesis import strategies as st
from PIL import Image

from model_training.runtime.resize import _OPTIONS, Interpolation, resize

FILTERS = {"bilinear": Image.Resampling.BILINEAR, "bicubic": Image.Resampling.BICUBIC}
SIDES = st.integers(1, 300)


def noise(width: int, height: int) -> Image.Image:
    return Image.fromarray(np.random.default_rng(0).integers(0, 256, (height, width, 3), dtype=np.uint8))


def hills(width: int, height: int) -> Image.Image:
    """What a photograph is like: few hard edges, every level."""
    return noise(8, 8).resize((width, height), Image.Resampling.BICUBIC)


def exact(image: Image.Image, size: tuple[int, int], interpolation: Interpolation) -> np.ndarray:
    """Without rounding between the two directions."""
    channels = [each.convert("F").resize(size, FILTERS[interpolation]) for each in image.split()]
    return np.clip(np.stack([np.asarray(each) for each in channels], axis=2), 0, 255)


def levels(image: Image.Image) -> np.ndarray:
    return np.asarray(image).astype(int)


@settings(max_examples=200, deadline=None)
@example(width=188, height=286, wide=270, high=176)
@given(width=SIDES, height=SIDES, wide=SIDES, high=SIDES)
def test_bilinear_is_pillows_within_a_level_or_rarely_two(width: int, height: int, wide: int, high: int) -> None:
    image, size = noise(width, height), (wide, high)
    resized = resize(image, size, "bilinear")
    assert (resized.mode, resized.size) == ("RGB", size)
    # Both round twice, so that where they round apart they may do so once in each direction.
    apart = np.abs(levels(resized) - levels(image.resize(size, FILTERS["bilinear"])))
    assert apart.max() <= 2
    assert (apart > 1).sum() <= max(1, apart.size / 1000)
    assert np.abs(levels(resized) - exact(image, size, "bilinear")).max() <= 1.01


@pytest.mark.parametrize("interpolation", FILTERS)
@pytest.mark.parametrize("size", [(224, 224), (112, 64), (900, 700), (3, 200)])
def test_photographs_are_pillows_within_two_levels(interpolation: Interpolation, size: tuple[int, int]) -> None:
    image = hills(800, 600)
    resized, pillows = levels(resize(image, size, interpolation)), levels(image.resize(size, FILTERS[interpolation]))
    assert np.abs(resized - pillows).max() <= 2
    assert np.abs(resized - exact(image, size, interpolation)).mean() < 0.35  # rounding once makes 0.25


def test_bicubic_overshoots_at_an_edge_as_its_definition_does() -> None:
    """Twice as large, a pixel's neighbours at 0.25, 0.75, 1.25 and 1.75 weigh 111, 29, −9 and −3 parts of 128."""
    row = np.array([100, 100, 100, 200, 200, 200], np.uint8)
    image = Image.fromarray(np.broadcast_to(row[None, :, None], (6, 6, 3)).copy())
    shares = np.array([-9, 29 - 3, 111 - 9, 128 + 9]) / 128  # of the brighter half, around the edge
    expected = (100 + 100 * shares).round().astype(int)
    np.testing.assert_array_equal(levels(resize(image, (12, 12), "bicubic"))[6, 4:8, 1], expected)


@pytest.mark.parametrize("interpolation", FILTERS)
def test_one_colour_stays_what_it_is(interpolation: Interpolation) -> None:
    for size in ((1, 1), (224, 224), (7, 1000)):
        resized = resize(Image.new("RGB", (333, 77), (1, 128, 255)), size, interpolation)
        assert resized.getcolors() == [(size[0] * size[1], (1, 128, 255))]


@pytest.mark.parametrize("interpolation", FILTERS)
@pytest.mark.parametrize("extensions", [CpuExtensions.none, CpuExtensions.sse4_1, CpuExtensions.avx2])
def test_every_processor_makes_the_same_pixels(interpolation: Interpolation, extensions: CpuExtensions) -> None:
    if Resizer().cpu_extensions is CpuExtensions.none:
        pytest.skip("this processor has no other instructions")
    image = noise(517, 389)
    resizer, other = Resizer(), Image.new("RGB", (224, 160))
    resizer.cpu_extensions = extensions
    resizer.resize_pil(image, other, _OPTIONS[interpolation])
    np.testing.assert_array_equal(levels(other), levels(resize(image, (224, 160), interpolation)))


def test_threads_do_not_mix_their_images() -> None:
    images = [noise(200 + number, 300) for number in range(32)]
    expected = [levels(resize(each, (96, 80), "bilinear")) for each in images]
    with ThreadPoolExecutor(8) as threads:
        for resized, wanted in zip(
            threads.map(lambda each: resize(each, (96, 80), "bilinear"), images), expected, strict=True
        ):
            np.testing.assert_array_equal(levels(resized), wanted)
