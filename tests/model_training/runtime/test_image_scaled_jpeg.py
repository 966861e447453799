"""`at_least`: large JPEGs are decoded smaller, never too small and never other than the whole picture shrunk."""

from __future__ import annotations

import io

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from model_training.runtime.image import decode


def encode(image: Image.Image, kind: str = "JPEG", **options: object) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


def landscape(width: int, height: int) -> Image.Image:
    """Smooth hills of colour, with no detail that shrinking could treat in two ways."""
    y, x = np.mgrid[0:height, 0:width].astype(np.float64)
    waves = [np.sin(2 * np.pi * (x / width * a + y / height * b)) for a, b in ((1, 2), (2, 1), (1.5, 0.5))]
    return Image.fromarray(np.stack([127 + 100 * wave for wave in waves], axis=2).astype(np.uint8))


@pytest.mark.parametrize(
    ("size", "at_least", "expected"),
    [
        ((1600, 1200), None, (1600, 1200)),
        ((1600, 1200), 400, (800, 600)),
        ((1600, 1200), 600, (800, 600)),
        ((1600, 1200), 601, (1600, 1200)),
        ((1600, 1600), 400, (400, 400)),
        ((1600, 1600), 200, (200, 200)),
        ((1600, 1600), 20, (200, 200)),
        ((1601, 1607), 200, (201, 201)),
        ((4000, 100), 60, (4000, 100)),
    ],
)
def test_the_size_that_is_decoded(size: tuple[int, int], at_least: int | None, expected: tuple[int, int]) -> None:
    data = encode(Image.new("RGB", size, (90, 120, 60)))
    assert decode(data, at_least=at_least).size == expected


@settings(max_examples=150, deadline=None)
@given(width=st.integers(1, 700), height=st.integers(1, 700), at_least=st.integers(1, 300), progressive=st.booleans())
def test_never_below_what_was_asked(width: int, height: int, at_least: int, progressive: bool) -> None:
    decoded = decode(encode(Image.new("L", (width, height), 99), progressive=progressive), at_least=at_least)
    if min(width, height) < 2 * at_least:
        assert decoded.size == (width, height)
    else:
        assert min(decoded.size) >= at_least
        assert max(decoded.size) < max(width, height)
        assert decoded.size in [(-(-width // scale), -(-height // scale)) for scale in (2, 4, 8)]


@pytest.mark.parametrize(  # telephones, which write MPO, do not write CMYK
    ("mode", "kind"), [("RGB", "JPEG"), ("L", "JPEG"), ("CMYK", "JPEG"), ("RGB", "MPO"), ("L", "MPO")]
)
def test_it_is_the_same_image(mode: str, kind: str) -> None:
    image = landscape(1600, 1200).convert(mode)
    options = {"save_all": True, "append_images": [image]} if kind == "MPO" else {}
    data = encode(image, kind, quality=95, **options)
    assert Image.open(io.BytesIO(data)).format == kind
    small, whole = decode(data, at_least=128), decode(data)
    assert (small.size, whole.size) == ((200, 150), (1600, 1200))
    shrunk = np.asarray(whole.resize((64, 64), Image.Resampling.BILINEAR)).astype(int)
    assert np.abs(np.asarray(small.resize((64, 64), Image.Resampling.BILINEAR)) - shrunk).max() <= 4


@pytest.mark.parametrize("orientation", [1, 3, 6, 8])
def test_it_is_turned_upright(orientation: int) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation
    data = encode(landscape(1200, 800), quality=95, exif=exif.tobytes())
    small, whole = decode(data, at_least=200), decode(data)
    assert small.size == ((300, 200) if orientation in (1, 3) else (200, 300))
    assert whole.size == ((1200, 800) if orientation in (1, 3) else (800, 1200))
    shrunk = np.asarray(whole.resize(small.size, Image.Resampling.BOX)).astype(int)
    assert np.abs(np.asarray(small) - shrunk).max() <= 6


@pytest.mark.parametrize("kind", ["PNG", "BMP", "TIFF"])
def test_other_formats_are_decoded_whole(kind: str) -> None:
    assert decode(encode(Image.new("RGB", (400, 400)), kind), at_least=20).size == (400, 400)
