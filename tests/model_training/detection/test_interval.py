from __future__ import annotations

import numpy as np
import pytest

from model_training.detection.interval import map_interval, mean_precision
from model_training.detection.metrics import Found, measure_detection

Truth = list[tuple[np.ndarray, np.ndarray]]


def draw_scenes(count: int, classes: int, seed: int) -> tuple[list[Found], Truth]:
    """Objects, boxes near most of them, and boxes of nothing; ties of scores are rare."""
    generator = np.random.default_rng(seed)
    found, truth = [], []
    for _ in range(count):
        corners = generator.uniform(0, 200, (generator.integers(1, 5), 2))
        boxes = np.concatenate([corners, corners + generator.uniform(30, 90, corners.shape)], 1).astype(np.float32)
        kinds = generator.integers(0, classes, len(boxes))
        near = boxes + generator.normal(0, 6, boxes.shape)
        wrong = np.sort(generator.uniform(0, 290, (4, 2, 2)), 1).reshape(4, 4)
        scores = np.concatenate([generator.uniform(0.3, 1, len(near)), generator.uniform(0, 0.6, 4)])
        labels = np.concatenate([kinds, generator.integers(0, classes, 4)])
        found.append((np.concatenate([near, wrong]).astype(np.float32), scores.astype(np.float32), labels))
        truth.append((boxes, kinds))
    return found, truth


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_precision_of_the_scenes_as_they_are_is_cocos(seed: int) -> None:
    found, truth = draw_scenes(12, 3, seed)
    coco = measure_detection(found, truth, ("a", "b", "c"))
    ones = np.ones((1, len(truth)), int)
    assert mean_precision(found, truth, 3, 0.5, ones) == pytest.approx(coco.map50, abs=1e-6)
    several = [mean_precision(found, truth, 3, each, ones)[0] for each in np.linspace(0.5, 0.95, 10)]
    assert np.mean(several) == pytest.approx(coco.map50_95, abs=1e-3)


def test_a_scene_drawn_twice_counts_twice() -> None:
    found, truth = draw_scenes(5, 2, 3)
    twice = mean_precision(found, truth, 2, 0.5, np.array([[2, 0, 1, 1, 1]]))
    rows = [0, 0, 2, 3, 4]
    written_out = measure_detection([found[row] for row in rows], [truth[row] for row in rows], ("a", "b"))
    assert twice == pytest.approx(written_out.map50, abs=0.02)  # equal scores have no order


def test_the_interval_holds_the_value_and_narrows_with_more_scenes() -> None:
    widths = []
    for count in (8, 64):
        found, truth = draw_scenes(count, 2, 4)
        low, high = map_interval(found, truth, 2, [0.5])
        value = measure_detection(found, truth, ("a", "b")).map50
        assert 0 <= low < value < high <= 1
        widths.append(high - low)
    assert widths[1] < 0.6 * widths[0]


def test_one_scene_says_nothing_of_others() -> None:
    found, truth = draw_scenes(1, 1, 5)
    low, high = map_interval(found, truth, 1, [0.5])
    assert low == high == pytest.approx(measure_detection(found, truth, ("a",)).map50, abs=1e-6)


def test_nothing_found_and_nothing_there() -> None:
    empty = (np.empty((0, 4), np.float32), np.empty(0, np.float32), np.empty(0, np.int64))
    box = (np.array([[0, 0, 9, 9]], np.float32), np.array([0]))
    assert mean_precision([empty], [box], 2, 0.5, np.ones((1, 1), int)).tolist() == [0.0]
    assert map_interval([empty], [box], 1, [0.5]) == (0.0, 0.0)
