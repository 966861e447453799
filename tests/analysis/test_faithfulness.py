from __future__ import annotations

import numpy as np
import pytest

from analysis.faithfulness import STEPS, draw_maps, measure_curve, measure_faithfulness


def left_half(pixels: np.ndarray, classes: np.ndarray) -> np.ndarray:
    """A "network" that counts stripes on the left half: nothing else matters to it."""
    half = pixels[:, :, : pixels.shape[2] // 2, 0].astype(float)
    return np.abs(np.diff(half, axis=1)).mean(axis=(1, 2)) / 255


@pytest.fixture
def striped() -> np.ndarray:
    pixels = np.zeros((12, 24, 24, 3), np.uint8)
    pixels[:, ::2] = 255
    return pixels


def test_the_curve_by_hand() -> None:
    """A class whose probability is the share of white pixels, white being brought in row by row."""
    start, end = np.zeros((1, 6, 5, 3), np.uint8), np.full((1, 6, 5, 3), 255, np.uint8)
    heat = np.repeat(np.arange(6.0)[::-1], 5).reshape(1, 6, 5)
    seen: list[np.ndarray] = []

    def share(pixels: np.ndarray, classes: np.ndarray) -> np.ndarray:
        seen.append(pixels[0, :, 0, 0].copy())
        return pixels.mean(axis=(1, 2, 3)) / 255

    assert measure_curve(share, start, end, heat, np.zeros(1, int)) == pytest.approx([0.5])
    assert len(seen) == STEPS + 1
    assert seen[2].tolist() == [255, 255, 0, 0, 0, 0]


def test_a_map_of_what_matters_beats_chance_and_one_of_what_does_not_loses(striped: np.ndarray) -> None:
    count = len(striped)
    right = np.zeros((count, 24, 24), np.float32)
    right[:, :, :12] = 1
    classes, group = np.zeros(count, int), np.arange(count)
    good = measure_faithfulness(left_half, striped, right, classes, group)
    assert good.gain.low > 0
    assert good.map.value > good.random.value
    bad = measure_faithfulness(left_half, striped, 1 - right, classes, group)
    assert bad.gain.high < 0
    assert good.random.value == bad.random.value


def test_random_maps_are_smooth_and_always_the_same() -> None:
    maps = draw_maps((3, 40, 50))
    assert maps.shape == (3, 40, 50)
    assert np.abs(np.diff(maps, axis=2)).max() < 0.35
    np.testing.assert_array_equal(maps, draw_maps((3, 40, 50)))


def test_no_image() -> None:
    nothing = np.zeros((0, 4, 4, 3), np.uint8)
    with pytest.raises(ValueError, match="no pictures"):
        measure_faithfulness(left_half, nothing, nothing[..., 0], np.zeros(0, int), np.zeros(0, int))
