from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageDraw

from model_training.detection.annotations import Scene
from model_training.detection.composer import Composer, Drawing, compose, crop_scene, cut_out


def draw(label: int) -> Drawing:
    image = Image.new("RGB", (200, 200), "white")
    pen = ImageDraw.Draw(image)
    if label == 0:
        pen.ellipse((60, 40, 140, 160), outline="black", width=4)
    else:
        pen.rectangle((50, 50, 150, 150), outline="black", width=4)
    drawing = cut_out(image, label)
    assert drawing is not None
    return drawing


DRAWINGS = [draw(0), draw(0), draw(0), draw(1)]


def test_a_drawing_is_cut_to_its_strokes() -> None:
    assert DRAWINGS[0].image.size == (81, 121)
    assert cut_out(Image.new("RGB", (50, 50), "white"), 0) is None


def test_yellow_is_ink() -> None:
    image = Image.new("RGB", (50, 50), "white")
    image.paste((255, 240, 0), (10, 20, 30, 40))
    drawing = cut_out(image, 0)
    assert drawing is not None
    assert drawing.image.size == (20, 20)


def test_the_same_number_is_the_same_scene_and_another_is_another() -> None:
    first, again, other = (compose(DRAWINGS, Composer(), (160, 120), 3, number) for number in (5, 5, 6))
    np.testing.assert_array_equal(np.asarray(first.image), np.asarray(again.image))
    np.testing.assert_array_equal(first.boxes, again.boxes)
    assert not np.array_equal(np.asarray(first.image), np.asarray(other.image))


def test_boxes_hold_all_strokes_and_hold_them_tightly() -> None:
    settings = Composer(objects=(1, 1), paper=(1.0, 1.0), scale=(0.4, 0.6), stroke_width=(0, 0), colour=0)
    for number in range(20):
        scene = compose(DRAWINGS, settings, (160, 160), 0, number)
        ink = np.argwhere(np.asarray(scene.image).min(2) < 200)
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


def test_a_drawing_cut_out_of_a_page_keeps_its_size_there(tmp_path: Path) -> None:
    page = Image.new("RGB", (400, 300), "white")
    ImageDraw.Draw(page).rectangle((20, 30, 119, 89), outline="black", width=3)
    page.save(tmp_path / "page.png")
    boxes = np.array([[15, 25, 125, 95]], np.float32)
    [drawing] = crop_scene(Scene(tmp_path / "page.png", 400, 300, boxes, np.array([0]), "page"))
    assert drawing.size == pytest.approx(100 / 400)
    settings = Composer(objects=(1, 1), paper=(1.0, 1.0), scale=(0.8, 0.9), stroke_width=(0, 0), colour=0, resize=0.1)
    widths = [np.diff(compose([drawing], settings, (200, 200), 0, number).boxes[0, ::2])[0] for number in range(60)]
    assert np.median(widths) == pytest.approx(50, rel=0.12)
    assert np.std(np.log(widths)) < 0.25


def test_below_a_flat_page_there_is_white_and_no_drawing() -> None:
    settings = Composer(paper=(0.5, 0.6), white=0, height=0.5)
    for number in range(20):
        scene = compose(DRAWINGS, settings, (120, 120), 4, number)
        rows = np.asarray(scene.image).min(axis=(1, 2))
        bottom = int(np.argmax(rows == 255)) if (rows == 255).any() else 120
        assert 60 <= bottom <= 120
        assert (rows[bottom:] == 255).all()
        assert scene.boxes[:, 3].max(initial=0) <= bottom
    white = compose(DRAWINGS, Composer(white=1, objects=(1, 1)), (120, 120), 4, 0).image
    assert (np.asarray(white) == 255).mean() > 0.5
