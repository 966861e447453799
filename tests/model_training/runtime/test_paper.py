"""A photographed sheet is cleaned on the model's side, by the one decoder."""

from __future__ import annotations

import io

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFilter

from model_training.runtime.errors import ImageError
from model_training.runtime.pages import Page, read_page
from tests.conftest import shared_folder

SIZE = (800, 600)


def strokes(width: int = 6) -> NDArray[np.bool_]:
    """A house of lines, True where there is ink, (600, 800)."""
    page = Image.new("L", SIZE, 0)
    draw = ImageDraw.Draw(page)
    draw.line([(250, 450), (250, 250), (400, 130), (550, 250), (550, 450), (250, 450)], fill=255, width=width)
    draw.ellipse([360, 290, 440, 370], outline=255, width=width)
    return np.asarray(page) > 127


def photograph(ink: NDArray[np.bool_], *, desk: bool, darkness: float = 0.7, grain: float = 3) -> bytes:
    """Ink on paper under a lamp from one side, with a shadow across and a sensor's grain, as a JPEG."""
    y, x = np.mgrid[0 : SIZE[1], 0 : SIZE[0]].astype(np.float32)
    page = np.where(ink, 1 - darkness, 1.0)
    if desk:
        inside = (x > 60) & (x < 740) & (y > 60) & (y < 560)
        page = np.where(inside, page, 0.3)
    light = (1 - 0.35 * x / SIZE[0]) * (1 - 0.3 / (1 + np.exp(-(x + y - 800) / 25)))
    noise = np.random.default_rng(0).normal(0, grain, page.shape)
    image = Image.fromarray(np.clip(225 * page * light + noise, 0, 255).astype(np.uint8))
    return encode(image.filter(ImageFilter.GaussianBlur(0.7)), "JPEG")


def encode(image: Image.Image, kind: str = "PNG", **options: object) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


def clean(data: bytes) -> Page:
    return read_page(data, paper=True)


def pixels(page: Page) -> NDArray[np.uint8]:
    assert page.cleaned is not None
    image = Image.open(io.BytesIO(page.cleaned))
    assert (image.format, image.mode, image.size) == ("PNG", "L", (page.width, page.height))
    return np.asarray(image)


@pytest.mark.parametrize("desk", [False, True])
@pytest.mark.parametrize("darkness", [0.35, 0.8])
def test_paper_becomes_white_and_strokes_dark(desk: bool, darkness: float) -> None:
    ink = strokes()
    page = clean(photograph(ink, desk=desk, darkness=darkness))
    values = pixels(page)
    assert page.image is not None
    assert (page.width, page.height) == SIZE
    near = np.asarray(Image.fromarray(ink).filter(ImageFilter.MaxFilter(5)))
    core = np.asarray(Image.fromarray(ink).filter(ImageFilter.MinFilter(3)))
    assert np.mean(values[core] < 100) > 0.97
    assert np.mean(values[~near] > 230) > 0.97
    np.testing.assert_array_equal(
        np.asarray(page.image), np.dstack([values] * 3)
    )  # what the model sees is what is shown


def test_a_filled_area_stays_dark() -> None:
    ink = np.zeros(SIZE[::-1], bool)
    ink[150:450, 200:600] = True
    values = pixels(clean(photograph(ink, desk=False, darkness=0.85)))
    assert np.mean(values[200:400, 250:550] < 128) > 0.95


def test_a_clean_drawing_stays_as_it_is() -> None:
    ink = strokes()
    values = pixels(clean(encode(Image.fromarray(np.where(ink, 0, 255).astype(np.uint8)))))
    assert np.mean((values < 128) == ink) > 0.999


def test_what_is_transparent_is_paper() -> None:
    ink = strokes()
    layers = np.zeros((*ink.shape, 4), np.uint8)
    layers[..., 3] = ink * 255
    assert np.mean((pixels(clean(encode(Image.fromarray(layers)))) < 128) == ink) > 0.999


@pytest.mark.parametrize("colour", ["white", "black", "#888", "#222"])
def test_a_page_of_one_colour_is_no_drawing(colour: str) -> None:
    page = clean(encode(Image.new("RGB", SIZE, colour)))
    assert page.image is None
    assert pixels(page).shape == SIZE[::-1]  # it is shown what was made of it all the same


def test_texture_is_no_drawing() -> None:
    noise = np.random.default_rng(0).integers(0, 256, (60, 80, 3), np.uint8)
    assert clean(encode(Image.fromarray(noise).resize(SIZE, Image.Resampling.BICUBIC))).image is None


def test_a_photograph_is_turned_upright_and_kept_small() -> None:
    image = Image.fromarray(np.where(strokes(), 0, 255).astype(np.uint8)).resize((3200, 2400))
    exif = Image.Exif()
    exif[0x0112] = 6
    page = clean(encode(image, "JPEG", exif=exif))
    assert (page.width, page.height) == (768, 1024)


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (b"not a picture", "not_a_picture"),
        (b"%PDF-1.7", "not_a_picture"),
        (b"", "empty_body"),
        (encode(Image.new("L", (300, 300)), "PNG")[:60], "broken_picture"),
        (encode(Image.effect_noise((300, 300), 50), "JPEG")[:3000], "broken_picture"),
    ],
)
def test_what_cannot_be_read_is_named(data: bytes, code: str) -> None:
    with pytest.raises(ImageError) as caught:
        clean(data)
    assert caught.value.code == code


@pytest.mark.parametrize("side", [12_000, 8_100], ids=["144 megapixels", "66 megapixels"])
def test_a_sheet_has_the_limits_of_every_image(side: int) -> None:
    with pytest.raises(ImageError) as caught:
        clean(encode(Image.new("1", (side, side)), "PNG"))
    assert (caught.value.code, caught.value.status) == ("picture_too_large", 413)


def test_real_drawings_pass_and_real_paintings_do_not() -> None:
    def passing(folder: str) -> float:
        files = sorted(shared_folder(folder).rglob("*.jpg")) + sorted(shared_folder(folder).rglob("*.png"))
        chosen = files[:: max(1, len(files) // 15)][:15]
        return float(np.mean([clean(path.read_bytes()).image is not None for path in chosen]))

    assert passing("data/sketches") == 1
    assert passing("data/landscape") <= 0.2
