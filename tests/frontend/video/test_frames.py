"""The pictures that the model is sent: upright, of the right colours, and as the model's own transform has them."""

from __future__ import annotations

import io

import av
import numpy as np
import pytest
from PIL import Image

from frontend.video.frames import Drawer, NetworkSize, upright_size
from frontend.video.reader import Limits, read_frames
from model_training.datasets.procedural import draw
from model_training.runtime.architecture import Preprocessing
from model_training.runtime.preprocess import read, read_parts
from tests.frontend.video.films import make_film

STRETCH = NetworkSize(32, 24, "stretch")


def first_frame(film: bytes) -> av.VideoFrame:
    frames = read_frames(io.BytesIO(film), Limits(60, 10**7), "DEFAULT")
    return next(frames).frame


def pixels(image: bytes) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(image)).convert("RGB")).astype(int)


@pytest.mark.parametrize(("rotation", "top"), [(0, "red"), (180, "blue"), (90, "left red"), (-90, "right red")])
def test_a_turned_film_is_turned_back(rotation: int, top: str) -> None:
    frame = first_frame(make_film(rotation=rotation))
    size = (48, 64) if rotation % 180 else (64, 48)
    assert upright_size(frame) == size
    preview = pixels(Drawer(STRETCH, packed=True).draw_preview(frame))
    assert preview.shape == (size[1], size[0], 3)
    high, low = preview[size[1] // 8, size[0] // 2], preview[-size[1] // 8, size[0] // 2]
    left, right = preview[size[1] // 2, size[0] // 8], preview[size[1] // 2, -size[0] // 8]
    first, second = {"red": (high, low), "blue": (low, high), "left red": (left, right), "right red": (right, left)}[
        top
    ]
    assert first[0] > 180 > 80 > first[2]
    assert second[2] > 180 > 80 > second[0]


@pytest.mark.parametrize("pixel_format", ["yuva420p", "bgra"])
def test_what_is_transparent_is_white(pixel_format: str) -> None:
    def paint(time: float) -> np.ndarray:
        image = np.full((48, 64, 4), 200, np.uint8)
        image[:, :32, 3] = 0
        image[:, 32:, 3] = 255
        image[:, 32:, 1:3] = 20
        return image

    frame = first_frame(make_film("matroska", "ffv1", pixels=pixel_format, paint=paint, drawn_as="rgba", seconds=0.2))
    image = pixels(Drawer(STRETCH, packed=True).draw_image(frame))
    assert image[12, 8].tolist() == pytest.approx([255, 255, 255], abs=3)
    assert image[12, 24].tolist() == pytest.approx([200, 20, 20], abs=8)


def test_grey_with_alpha_is_laid_on_white_too() -> None:
    def paint(time: float) -> np.ndarray:
        image = np.full((48, 64, 4), 60, np.uint8)
        image[:, :32, 3], image[:, 32:, 3] = 0, 255
        return image

    frame = first_frame(make_film("mov", "png", pixels="ya8", paint=paint, drawn_as="rgba", seconds=0.2))
    image = pixels(Drawer(STRETCH, packed=True).draw_image(frame))
    assert image[12, 8].tolist() == [255, 255, 255]
    assert image[12, 24].tolist() == pytest.approx([60, 60, 60], abs=2)


@pytest.mark.parametrize("fit", ["stretch", "letterbox"])
def test_scaling_before_sending_is_the_models_own_transform_but_for_rounding(fit: str) -> None:
    landscape = draw("china", 5, 640).resize((640, 360))
    film = make_film("matroska", "libx264", size=(640, 360), paint=lambda _: np.asarray(landscape), seconds=0.2)
    frame = first_frame(film)
    preprocessing = Preprocessing(fit=fit, height=96, width=112, mean=(0.5,) * 3, std=(0.5,) * 3)  # type: ignore[arg-type]
    whole = io.BytesIO()
    Image.fromarray(frame.to_ndarray(format="rgb24")).save(whole, "PNG")
    sent = Drawer(NetworkSize(112, 96, fit), packed=False).draw_image(frame)
    assert Image.open(io.BytesIO(sent)).format == "PNG"
    difference = np.abs(read(sent, preprocessing).astype(int) - read(whole.getvalue(), preprocessing))
    assert difference.mean() < 1.5
    assert np.percentile(difference, 99) <= 8


@pytest.mark.parametrize("size", [(640, 360), (360, 640), (64, 48), (350, 34)])
def test_a_letterbox_is_sent_what_lies_between_its_margins(size: tuple[int, int]) -> None:
    """The model has nothing left to resize, so what is shown and explained is what was judged, pixel by pixel."""
    landscape = draw("china", 5, 640).resize(size)
    film = make_film("matroska", "libx264", size=size, paint=lambda _: np.asarray(landscape), seconds=0.2)
    sent = Drawer(NetworkSize(112, 96, "letterbox"), packed=False).draw_image(first_frame(film))
    preprocessing = Preprocessing(fit="letterbox", height=96, width=112, mean=(0.5,) * 3, std=(0.5,) * 3)
    (part,) = read_parts(sent, preprocessing).parts
    seen, (left, top, right, bottom) = part.pixels, part.content
    assert (right - left, bottom - top) == Image.open(io.BytesIO(sent)).size
    assert np.array_equal(seen[top:bottom, left:right], pixels(sent))


def test_a_browser_can_hold_the_images_of_a_film() -> None:
    assert NetworkSize(224, 224, "stretch").count_images(400 * 2**20) == 2089
    assert NetworkSize(2048, 2048, "stretch").count_images(1000) == 1


def test_stored_and_packed_images_hold_the_same_pixels() -> None:
    frame = first_frame(make_film())
    stored, packed = (Drawer(STRETCH, packed=packed).draw_image(frame) for packed in (False, True))
    assert np.array_equal(pixels(stored), pixels(packed))
    assert len(stored) > 32 * 24 * 3 > len(packed)


def test_a_drawer_draws_a_frame_as_if_it_were_the_first() -> None:
    """It keeps what it prepared for another size, shape or colour space no longer than for that."""
    films = [make_film(), make_film(size=(48, 96)), make_film(rotation=90), make_film()]
    drawer = Drawer(NetworkSize(40, 30, "letterbox"), packed=False)
    for film in films:
        frame, alone = first_frame(film), Drawer(NetworkSize(40, 30, "letterbox"), packed=False)
        assert drawer.draw_image(frame) == alone.draw_image(frame)
        assert drawer.draw_preview(frame) == alone.draw_preview(frame)
