from __future__ import annotations

import numpy as np
import pytest

from model_training.detection.metrics import Found, measure_detection

pytest.importorskip("pycocotools", reason="needs requirements/detector.txt (make .venv/detector)")

BOX = np.array([[10, 10, 50, 50]], np.float32)
FAR = np.array([[60, 60, 90, 90]], np.float32)


def found(boxes: np.ndarray, scores: list[float], classes: list[int]) -> Found:
    return boxes, np.array(scores, np.float32), np.array(classes, np.int64)


def test_a_faultless_class_a_missed_class_and_one_without_objects() -> None:
    truth = [(np.concatenate([BOX, FAR]), np.array([0, 1]))]
    result = measure_detection([found(BOX, [0.9], [0])], truth, ("sun", "house", "tree"))
    sun, house, tree = result.classes
    assert (sun.precision, sun.recall, sun.map50, sun.map50_95) == pytest.approx((1, 1, 1, 1))
    assert (house.recall, house.map50, house.objects) == (0, 0, 1)
    assert (tree.objects, np.isnan(tree.map50)) == (0, True)
    assert result.map50 == pytest.approx(0.5)


def test_a_shifted_box_counts_at_50_and_not_at_95() -> None:
    shifted = BOX + np.array([6, 0, 6, 0], np.float32)  # IoU 34/46 = 0.739: right at 0.5 … 0.7, five of ten thresholds
    result = measure_detection([found(shifted, [0.9], [0])], [(BOX, np.array([0]))], ("sun",))
    assert (result.map50, result.map50_95) == pytest.approx((1.0, 0.5), abs=1e-6)


def test_a_false_alarm_above_the_hit_halves_precision() -> None:
    result = measure_detection(
        [found(np.concatenate([FAR, BOX]), [0.9, 0.8], [0, 0])], [(BOX, np.array([0]))], ("sun",)
    )
    assert (result.precision, result.recall, result.map50) == pytest.approx((0.5, 1.0, 0.5))
