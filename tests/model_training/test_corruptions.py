from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image

from model_training.augment import augment, shift
from model_training.corruptions import Corruption, crop, draw_corruption, encode_jpeg, noise, screenshot, shrink
from model_training.recipe import Augmentation
from model_training.runtime.card import Preprocessing
from model_training.runtime.preprocess import fit

GENERATOR = np.random.default_rng(0)
PIXELS = GENERATOR.integers(0, 256, (3, 32, 48, 3), np.uint8)
SMOOTH = np.broadcast_to(np.linspace(0, 255, 48).astype(np.uint8)[None, None, :, None], PIXELS.shape)


def distance(corruption: Corruption) -> float:
    return float(np.abs(corruption(PIXELS).astype(int) - PIXELS).mean())


@pytest.mark.parametrize(
    ("weak", "strong"),
    [
        (encode_jpeg(90), encode_jpeg(20)),
        (shrink(0.9), shrink(0.3)),
        (noise(5), noise(40)),
        (crop(0.95), crop(0.6)),
        (screenshot(0.95, 90), screenshot(0.4, 40)),
    ],
)
def test_stronger_changes_more(weak: Corruption, strong: Corruption) -> None:
    assert weak(PIXELS).shape == PIXELS.shape
    assert weak(PIXELS).dtype == np.uint8
    assert 0 < distance(weak) < distance(strong)


def test_a_crop_keeps_the_place_that_was_asked_for() -> None:
    left, right = crop(0.5, across=0)(SMOOTH), crop(0.5, across=1)(SMOOTH)
    assert left.max() <= 130 < 120 + right.min()
    assert right.max() == 255


def test_a_shift_moves_by_no_more_than_its_share() -> None:
    picture = np.asarray(SMOOTH[0])
    moved = [shift(picture, 0.125, np.random.default_rng(seed)) for seed in range(40)]
    offsets = {round((int(each[16, 24, 0]) - int(picture[16, 24, 0])) / (255 / 47)) for each in moved}
    assert min(offsets) == -6
    assert max(offsets) == 6


def test_what_happens_to_a_picture_hangs_on_its_row_and_the_seed() -> None:
    settings = Augmentation(shift=0.1, corruption=0.5)
    rows = np.array([4, 9, 2])
    together = augment(PIXELS, rows, settings, 7)
    alone = augment(PIXELS[1:2], rows[1:2], settings, 7)
    assert (together[1] == alone[0]).all()
    assert (together != augment(PIXELS, rows, settings, 8)).any()
    assert augment(PIXELS, rows, Augmentation(), 7) is PIXELS


def test_every_kind_is_drawn() -> None:
    kinds = {draw_corruption(np.random.default_rng(seed)).__qualname__.split(".")[0] for seed in range(80)}
    assert kinds == {"encode_jpeg", "blur", "noise", "shrink", "crop", "screenshot"}


def test_both_classes_go_through_one_encoder() -> None:
    """Also a PNG's pixels are those of a JPEG of the stated quality."""
    plain = Preprocessing(height=32, width=48, mean=(0.5,) * 3, std=(0.5,) * 3)
    level = plain.model_copy(update={"jpeg_quality": 60})
    picture = Image.fromarray(PIXELS[0])
    buffer = io.BytesIO()
    picture.save(buffer, "JPEG", quality=60)
    assert (fit(picture, level) == np.asarray(Image.open(buffer).convert("RGB"))).all()
    assert (fit(picture, plain) == PIXELS[0]).all()
