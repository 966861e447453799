from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image, ImageFilter
from scipy.ndimage import uniform_filter1d

from model_training.runtime.architecture import Preprocessing
from model_training.runtime.facts import (
    FileFacts,
    measure_contrast,
    measure_scale,
    measure_sharpness,
    read_file_facts,
)

NOISE = Image.fromarray(np.random.default_rng(0).integers(0, 256, (60, 80, 3), dtype=np.uint8))


@pytest.mark.parametrize("quality", [20, 35, 50, 65, 80, 95])
def test_the_quality_of_a_jpeg_is_what_it_was_written_with(quality: int) -> None:
    buffer = io.BytesIO()
    NOISE.save(buffer, "JPEG", quality=quality)
    facts = read_file_facts(buffer.getvalue())
    assert (facts.width, facts.height) == (80, 60)
    assert facts.jpeg_quality == pytest.approx(quality, abs=1)


def test_other_files_have_no_quality() -> None:
    buffer = io.BytesIO()
    NOISE.save(buffer, "PNG")
    assert read_file_facts(buffer.getvalue()) == FileFacts(80, 60, None)


def test_the_aspect_is_the_longer_side_in_shorter_ones() -> None:
    assert FileFacts(100, 800, None).aspect == FileFacts(800, 100, None).aspect == 8


@pytest.mark.parametrize(
    ("fit", "width", "height", "scale"),
    [
        ("stretch", 32, 32, 1 / 3), ("stretch", 96, 96, 1), ("stretch", 1024, 1024, 1), ("stretch", 24, 96, 0.5),
        ("letterbox", 48, 24, 0.5), ("letterbox", 500, 20, 1), ("ink", 10, 10, None),
    ],
)  # fmt: skip
def test_the_scale_is_what_share_of_the_input_an_image_fills(
    fit: str, width: int, height: int, scale: float | None
) -> None:
    preprocessing = Preprocessing.model_validate(
        {"fit": fit, "height": 96, "width": 96, "mean": (0, 0, 0), "std": (1, 1, 1)}
    )
    assert measure_scale(FileFacts(width, height, None), preprocessing) == (scale and pytest.approx(scale))


def test_sharpness_falls_with_blur_and_contrast_does_with_grey() -> None:
    blurs = [NOISE if radius == 0 else NOISE.filter(ImageFilter.GaussianBlur(radius)) for radius in (0, 1, 2, 4)]
    sharpness = np.array([measure_sharpness(each) for each in blurs])
    assert (np.diff(sharpness) < -0.02).all()
    assert sharpness.min() >= 0
    assert sharpness.max() <= 1
    flat = np.full((60, 80), 117, np.uint8)
    assert measure_contrast(Image.fromarray(flat)) == measure_sharpness(Image.fromarray(flat).convert("RGB")) == 0
    half = flat.copy()
    half[:30] = 17
    assert measure_contrast(Image.fromarray(half)) == pytest.approx(50)
    assert measure_contrast(NOISE.convert("L")) == pytest.approx(float(np.asarray(NOISE.convert("L")).std()))


def test_sharpness_is_what_crete_defines() -> None:
    image = NOISE.filter(ImageFilter.GaussianBlur(1))
    grey = np.asarray(image) @ [0.299, 0.587, 0.114]
    axes = []
    for axis in (0, 1):
        rows = np.moveaxis(grey, axis, 1)[::2]
        before = np.abs(np.diff(rows, axis=1))[:, 2:-2]
        after = np.abs(np.diff(uniform_filter1d(rows, 5, axis=1), axis=1))[:, 2:-2]
        axes.append(np.maximum(before - after, 0).sum() / before.sum())
    assert measure_sharpness(image) == pytest.approx(max(axes), abs=1e-5)
    assert max(axes) - min(axes) > 1e-3


@pytest.mark.parametrize("size", [(1, 1), (3, 200), (200, 5)])
def test_a_strip_has_facts_too(size: tuple[int, int]) -> None:
    strip = NOISE.resize(size)
    assert 0 <= measure_sharpness(strip) <= 1
    assert measure_contrast(strip.convert("L")) >= 0
