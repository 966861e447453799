"""What the detector is shown: boxes go where their objects go."""

from __future__ import annotations

import numpy as np
import pytest

from model_training.detection.pages import Page, augment, collate

SIDE = 64


def page_with(*boxes: tuple[int, int, int, int]) -> Page:
    """Black rectangles on white, each with its box."""
    pixels = np.full((SIDE, SIDE, 3), 255, np.uint8)
    for left, top, right, bottom in boxes:
        pixels[top:bottom, left:right] = 0
    return pixels, np.array(boxes, np.float32).reshape(-1, 4), np.arange(len(boxes))


@pytest.mark.parametrize("seed", range(12))
def test_a_changed_box_still_holds_its_object(seed: int) -> None:
    pixels, boxes, classes = augment(page_with((20, 24, 40, 36)), np.random.default_rng(seed))
    assert pixels.shape == (SIDE, SIDE, 3)
    assert pixels.dtype == np.uint8
    assert boxes.dtype == np.float32
    assert classes.tolist() == [0]
    rows, columns = np.nonzero(pixels[..., 0] < 128)
    inked = [columns.min(), rows.min(), columns.max() + 1, rows.max() + 1]
    assert boxes[0].tolist() == pytest.approx(inked, abs=1.0)


def test_pages_are_mirrored_scaled_and_shifted_by_the_generator_alone() -> None:
    page = page_with((20, 24, 40, 36))
    changed = [augment(page, np.random.default_rng(seed)) for seed in range(200)]
    again = augment(page, np.random.default_rng(7))
    assert np.array_equal(again[0], changed[7][0])
    assert np.array_equal(again[1], changed[7][1])
    widths = np.array([boxes[0, 2] - boxes[0, 0] for _, boxes, _ in changed if len(boxes)]) / 20
    assert widths.min() >= 0.5
    assert widths.max() == pytest.approx(1.2, abs=0.03)
    assert np.median(widths) == pytest.approx(np.sqrt(0.7 * 1.2), abs=0.08)


def test_objects_that_leave_the_page_by_over_70_percent_go() -> None:
    page = page_with((0, 0, 12, 12), (52, 52, 64, 64), (28, 28, 40, 40))
    seen = set()
    for seed in range(60):
        _, boxes, classes = augment(page, np.random.default_rng(seed))
        assert len(boxes) == len(classes)
        assert (boxes >= 0).all()
        assert (boxes <= SIDE).all()
        areas = (boxes[:, 2] - boxes[:, 0]) * (boxes[:, 3] - boxes[:, 1])
        assert (areas > 0.3 * (12 * 0.7) ** 2 - 1e-3).all()
        seen.add(tuple(classes))
    assert (0, 1, 2) in seen
    assert len(seen) > 2
    assert all(2 in classes for classes in seen)


def test_a_page_without_boxes_stays_one() -> None:
    _, boxes, classes = augment(page_with(), np.random.default_rng(0))
    assert boxes.shape == (0, 4)
    assert classes.shape == (0,)


def test_targets_are_padded_with_what_is_no_box() -> None:
    pixels, targets = collate([page_with((0, 16, 32, 64)), page_with(), page_with((0, 0, 8, 8), (8, 8, 64, 64))])
    assert pixels.shape == (3, SIDE, SIDE, 3)
    assert targets[0].tolist() == [[0, 0, 0.25, 0.5, 1], [-1, 0, 0, 0, 0]]
    assert targets[1, :, 0].tolist() == [-1, -1]
    assert targets[2].tolist() == [[0, 0, 0, 0.125, 0.125], [1, 0.125, 0.125, 1, 1]]
