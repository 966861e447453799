"""The interval of a mean over frames that resemble their neighbours, held against simulation."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from frontend.video import aggregate
from frontend.video.aggregate import FEWEST, WIDENING, mean_of_parts
from frontend.video.summary import durations


def simulate(films: int, frames: int, likeness: float, seed: int = 3) -> np.ndarray:
    """Probabilities, (films, frames), whose logits follow a first-order autoregression around 1."""
    rng = np.random.default_rng(seed)
    logits = np.empty((films, frames))
    state = rng.normal(size=films)
    for frame in range(frames):
        logits[:, frame] = state
        state = likeness * state + np.sqrt(1 - likeness**2) * rng.normal(size=films)
    return 1 / (1 + np.exp(-(1 + 1.5 * logits)))


#: The mean of such a probability, by a quadrature over the normal distribution.
NODES, WEIGHTS = np.polynomial.hermite_e.hermegauss(80)
TRUTH = float(WEIGHTS @ (1 / (1 + np.exp(-(1 + 1.5 * NODES)))) / WEIGHTS.sum())


@pytest.mark.parametrize(
    ("frames", "likeness", "low", "high"),
    [(120, 0.0, 0.93, 1.0), (120, 0.8, 0.88, 0.98), (120, 0.9, 0.86, 0.98), (600, 0.9, 0.92, 1.0)],
)
def test_the_interval_covers_the_truth_about_as_often_as_it_says(
    frames: int, likeness: float, low: float, high: float
) -> None:
    films = simulate(200, frames, likeness)
    covered = alone = 0
    for film in films:
        mean = mean_of_parts(film[:, None], np.ones(frames))
        assert mean.low is not None
        assert mean.high is not None
        covered += bool(mean.low[0] <= TRUTH <= mean.high[0])
        alone += bool(abs(film.mean() - TRUTH) < 1.96 * film.std(ddof=1) / np.sqrt(frames))
    assert low <= covered / len(films) <= high
    if likeness >= 0.8:  # as if frames were independent, it would cover less than half
        assert alone / len(films) < 0.55


def test_the_mean_is_weighted_by_time() -> None:
    values = np.array([[1.0, 0.0], [0.0, 1.0]])
    mean = mean_of_parts(values, np.array([3.0, 1.0]))
    assert mean.value.tolist() == [0.75, 0.25]
    assert mean.low is None
    assert mean.high is None


def test_frames_that_are_all_alike_leave_no_room() -> None:
    mean = mean_of_parts(np.full((FEWEST, 1), 0.9), np.ones(FEWEST))
    assert mean.low is not None
    assert mean.high is not None
    assert (mean.low[0], mean.high[0]) == (pytest.approx(0.9), pytest.approx(0.9))


def test_blocks_are_drawn_whole() -> None:
    """Of eight frames, four blocks of two: the middle 95% of their means, from all 8⁴ draws."""
    values = np.array([0, 0, 0, 0, 1, 1, 1, 1.0])
    pairs = np.array([values[[start, (start + 1) % 8]].mean() for start in range(8)])
    means = np.stack(np.meshgrid(pairs, pairs, pairs, pairs)).reshape(4, -1).mean(axis=0)
    low, high = np.percentile(means, [2.5, 97.5])
    mean = mean_of_parts(values[:, None], np.ones(8))
    assert mean.low is not None
    assert mean.high is not None
    assert mean.low[0] == pytest.approx(max(0, 0.5 - (0.5 - low) * WIDENING), abs=1e-9)
    assert mean.high[0] == pytest.approx(min(1, 0.5 + (high - 0.5) * WIDENING), abs=1e-9)


def test_a_frame_stands_until_the_next() -> None:
    assert durations(np.array([0.0, 1.0, 4.0]), 5.0).tolist() == [1, 3, 1]
    assert durations(np.array([0.0]), 0.0).tolist() == [1]


def test_strips_are_summed_up_by_the_same_code_as_films() -> None:
    """Neither house may import the other."""
    ours = Path(aggregate.__file__)
    assert ours.read_bytes() == (ours.parents[2] / "model_training/runtime/aggregate.py").read_bytes()
