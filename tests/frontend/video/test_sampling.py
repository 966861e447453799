"""Which frames are picked."""

from __future__ import annotations

import io
from collections.abc import Iterator

import numpy as np
import pytest

from frontend.video.reader import Limits, Survey, TimedFrame, read_frames
from frontend.video.sampling import Sampling, choose_skip, sample
from tests.frontend.video.films import make_film


def picked(film: bytes, interval: float, sampling: Sampling = "even") -> list[float]:
    limits = Limits(seconds=1800, pixels=10**7)
    frames: Iterator[TimedFrame] = read_frames(io.BytesIO(film), limits, "DEFAULT")
    return [round(timed.time, 3) for timed in sample(frames, interval, sampling)]


def test_even_is_even_in_time() -> None:
    assert picked(make_film(), 0.5) == [0, 0.5, 1, 1.5, 2, 2.5]
    assert picked(make_film(rate=24, seconds=2), 0.5) == [0, 0.5, 1, 1.5]


def test_a_frame_that_stays_is_picked_once() -> None:
    assert picked(make_film(times=[0, 0.1, 0.2, 1, 1.05, 4, 4.1]), 0.5) == [0, 1, 4]


def test_scenes_are_picked_at_their_beginning_and_long_ones_again() -> None:
    shades = {0: 20, 3: 200, 4: 90}

    def draw(time: float) -> np.ndarray:
        shade = shades[max(start for start in shades if time >= start)]
        return np.full((48, 64, 3), shade + int(time) % 2 * 8, np.uint8)  # a little flicker is no cut

    film = make_film("matroska", "ffv1", seconds=17, rate=4, paint=draw)
    assert picked(film, 0.5, "scene") == [0, 3, 4, 14]


@pytest.mark.parametrize(
    ("key_gap", "frame_gap", "expected"),
    [(0.5, 0.04, "NONKEY"), (10, 0.04, "NONREF"), (10, 0.2, "DEFAULT"), (2, 0.125, "NONREF")],
)
def test_only_what_is_not_needed_is_left_out(key_gap: float, frame_gap: float, expected: str) -> None:
    found = Survey(10, key_gap, frame_gap, "h264", False)
    assert choose_skip(found, 0.5) == expected
