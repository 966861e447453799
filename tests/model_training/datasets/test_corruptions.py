from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image

from model_training.datasets.augment import augment, bend, change_stroke, translate
from model_training.datasets.corruptions import (
    Corruption,
    crop,
    draw_corruption,
    encode_jpeg,
    noise,
    screenshot,
    shrink,
)
from model_training.recipe import Augmentation
from model_training.runtime.architecture import Preprocessing
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
    image = np.asarray(SMOOTH[0])
    moved = [translate(image, 0.125, np.random.default_rng(seed)) for seed in range(40)]
    offsets = {round((int(each[16, 24, 0]) - int(image[16, 24, 0])) / (255 / 47)) for each in moved}
    assert min(offsets) == -6
    assert max(offsets) == 6


def test_what_happens_to_an_image_hangs_on_its_row_and_the_seed() -> None:
    settings = Augmentation(translation=0.1, corruption=0.5)
    rows = np.array([4, 9, 2])
    together = augment(PIXELS, rows, settings, 7)
    alone = augment(PIXELS[1:2], rows[1:2], settings, 7)
    assert (together[1] == alone[0]).all()
    assert (together != augment(PIXELS, rows, settings, 8)).any()
    assert augment(PIXELS, rows, Augmentation(), 7) is PIXELS


def draw_bar(width: int = 4) -> np.ndarray:
    """A dark bar across the middle of a white square of 64 pixels."""
    image = np.full((64, 64, 3), 255, np.uint8)
    image[32 - width // 2 : 32 + width // 2, 16:48] = 0
    return image


def measure_bar(image: np.ndarray) -> tuple[float, float]:
    """Degrees by which the ink's long axis is turned, and its spread along it in pixels."""
    rows, columns = np.nonzero(image[..., 0] < 128)
    values, vectors = np.linalg.eigh(np.cov(columns, rows))
    across, down = vectors[:, 1]
    return float(np.degrees(np.arctan(down / across))), float(np.sqrt(values[1]))


def test_an_image_turns_and_grows_no_further_than_asked_and_its_paper_stays_white() -> None:
    image = draw_bar()
    _, before = measure_bar(image)
    turned = [bend(image, Augmentation(rotation=20), np.random.default_rng(seed)) for seed in range(60)]
    degrees = np.array([measure_bar(each)[0] for each in turned])
    assert -20.5 < degrees.min() < -17
    assert 17 < degrees.max() < 20.5
    assert all((each[[0, 0, -1, -1], [0, -1, 0, -1]] == 255).all() for each in turned)
    zoomed = [bend(image, Augmentation(zoom=0.3), np.random.default_rng(seed)) for seed in range(60)]
    growth = np.log([measure_bar(each)[1] / before for each in zoomed])
    assert -0.35 < growth.min() < -0.2
    assert 0.2 < growth.max() < 0.35
    sheared = bend(image.transpose(1, 0, 2), Augmentation(shear=30), np.random.default_rng(1))
    assert measure_bar(sheared)[0] != pytest.approx(90, abs=3)


def test_strokes_become_wider_or_paler() -> None:
    image = draw_bar()
    ink = (255 - image[:, 32, 0].astype(int)).sum()
    changed = [change_stroke(image, np.random.default_rng(seed)) for seed in range(20)]
    wide = [(255 - each[:, 32, 0].astype(int)).sum() / ink for each in changed]
    assert {round(each, 1) for each in wide} == {1.0, 1.5}
    assert any(0 < each[29, 32, 0] < 255 for each in changed)


def test_what_no_recipe_asked_for_draws_nothing() -> None:
    """A recipe that only shifts sees the pictures that it saw before there were other changes."""
    rows = np.array([3])
    expected = np.random.default_rng((7, 3, 1))
    expected.random()  # whether to corrupt
    assert (augment(PIXELS[:1], rows, Augmentation(translation=0.1), 7)[0] == translate(PIXELS[0], 0.1, expected)).all()
    bent = augment(PIXELS[:1], rows, Augmentation(stroke=1.0, rotation=10), 7)
    assert (bent != PIXELS[:1]).any()


def test_every_kind_is_drawn() -> None:
    kinds = {draw_corruption(np.random.default_rng(seed)).__qualname__.split(".")[0] for seed in range(80)}
    assert kinds == {"encode_jpeg", "blur", "noise", "shrink", "crop", "screenshot"}


def test_both_classes_go_through_one_encoder() -> None:
    """Also a PNG's pixels are those of a JPEG of the stated quality."""
    plain = Preprocessing(height=32, width=48, mean=(0.5,) * 3, std=(0.5,) * 3)
    level = plain.model_copy(update={"jpeg_quality": 60})
    image = Image.fromarray(PIXELS[0])
    buffer = io.BytesIO()
    image.save(buffer, "JPEG", quality=60)
    assert (fit(image, level) == np.asarray(Image.open(buffer).convert("RGB"))).all()
    assert (fit(image, plain) == PIXELS[0]).all()
