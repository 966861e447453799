from __future__ import annotations

import numpy as np
import pytest
from PIL import Image, ImageDraw

from model_training.sketch.composer import Composer, Drawing, compose, cut_out


def draw(label: int) -> Drawing:
    picture = Image.new("RGB", (200, 200), "white")
    pen = ImageDraw.Draw(picture)
    if label == 0:
        pen.ellipse((60, 40, 140, 160), outline="black", width=4)
    else:
        pen.rectangle((50, 50, 150, 150), outline="black", width=4)
    drawing = cut_out(picture, label)
    assert drawing is not None
    return drawing


DRAWINGS = [draw(0), draw(0), draw(0), draw(1)]


def test_a_drawing_is_cut_to_its_strokes() -> None:
    assert DRAWINGS[0].picture.size == (81, 121)
    assert cut_out(Image.new("RGB", (50, 50), "white"), 0) is None


def test_yellow_is_ink() -> None:
    picture = Image.new("RGB", (50, 50), "white")
    picture.paste((255, 240, 0), (10, 20, 30, 40))
    drawing = cut_out(picture, 0)
    assert drawing is not None
    assert drawing.picture.size == (20, 20)


def test_the_same_number_is_the_same_scene_and_another_is_another() -> None:
    first, again, other = (compose(DRAWINGS, Composer(), (160, 120), 3, number) for number in (5, 5, 6))
    np.testing.assert_array_equal(np.asarray(first.picture), np.asarray(again.picture))
    np.testing.assert_array_equal(first.boxes, again.boxes)
    assert not np.array_equal(np.asarray(first.picture), np.asarray(other.picture))


def test_boxes_hold_all_strokes_and_hold_them_tightly() -> None:
    settings = Composer(objects=(1, 1), paper=(1.0, 1.0), scale=(0.4, 0.6), stroke_width=(0, 0), colour=0)
    for number in range(20):
        scene = compose(DRAWINGS, settings, (160, 160), 0, number)
        ink = np.argwhere(np.asarray(scene.picture).min(2) < 200)
        [box] = scene.boxes
        top, left = ink.min(0)
        bottom, right = ink.max(0) + 1
        np.testing.assert_allclose(box, [left, top, right, bottom], atol=2)


def test_overlap_stays_below_the_limit() -> None:
    settings = Composer(objects=(8, 8), overlap=0.1, scale=(0.3, 0.5))
    for number in range(20):
        boxes = compose(DRAWINGS, settings, (160, 160), 1, number).boxes
        for row, box in enumerate(boxes):
            for other in boxes[:row]:
                across = max(0, min(box[2], other[2]) - max(box[0], other[0]))
                down = max(0, min(box[3], other[3]) - max(box[1], other[1]))
                smaller = min(np.prod(each[2:] - each[:2]) for each in (box, other))
                assert across * down / smaller <= 0.1


def test_classes_are_equally_frequent_however_many_drawings_they_have() -> None:
    classes = np.concatenate([compose(DRAWINGS, Composer(), (120, 120), 2, number).classes for number in range(150)])
    assert np.bincount(classes)[1] / len(classes) == pytest.approx(0.5, abs=0.08)
