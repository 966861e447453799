from __future__ import annotations

import io
from typing import Literal

import numpy as np
import pytest
import torch
from PIL import Image
from torchvision import transforms

from model_training.runtime.architecture import Preprocessing
from model_training.runtime.errors import ImageError
from model_training.runtime.normalise import Normalise
from model_training.runtime.preprocess import choose_decoded_side, content_box, fit, read

MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)


def preprocessing(height: int, width: int) -> Preprocessing:
    return Preprocessing(height=height, width=width, mean=MEAN, std=STD)


def noise(height: int, width: int) -> Image.Image:
    return Image.fromarray(np.random.default_rng(0).integers(0, 256, (height, width, 3), dtype=np.uint8))


def triangle(length: int, target: int) -> np.ndarray:
    """The matrix (target, length) of a bilinear filter widened for shrinking, from its definition: a triangle whose
    half-width is the scale, sampled at pixel centres and normalised to one."""
    scale = max(1.0, length / target)
    centres = (np.arange(target) + 0.5) * length / target
    distance = np.abs((np.arange(length) + 0.5)[None, :] - centres[:, None]) / scale
    weights = np.clip(1 - distance, 0, None)
    return weights / weights.sum(axis=1, keepdims=True)


@pytest.mark.parametrize("size", [(64, 48), (8, 8), (200, 9), (1, 1), (1, 300), (33, 17)])
def test_fit_gives_the_networks_size_in_bytes(size: tuple[int, int]) -> None:
    fitted = fit(noise(*size), preprocessing(32, 48))
    assert fitted.shape == (32, 48, 3)
    assert fitted.dtype == np.uint8


def test_an_image_of_the_right_size_is_not_touched() -> None:
    image = noise(32, 48)
    np.testing.assert_array_equal(fit(image, preprocessing(32, 48)), np.asarray(image))


@pytest.mark.parametrize("size", [(64, 96), (77, 131), (16, 24), (1, 500)])
def test_fit_is_an_antialiased_bilinear_stretch(size: tuple[int, int]) -> None:
    image = noise(*size)
    rows, columns = triangle(size[0], 32), triangle(size[1], 48)
    expected = np.einsum("ri,ijc,kj->rkc", rows, np.asarray(image, float), columns)
    assert np.abs(fit(image, preprocessing(32, 48)) - expected).max() <= 1.01  # rounded once after each direction


def test_halving_two_colours() -> None:
    """Weights of a halving are 1, 3, 3, 1 eighths; at the edge 3, 3, 1 sevenths."""
    columns = np.repeat([0, 0, 240, 240, 0, 0, 240, 240] * 2, 3).reshape(1, 16, 3).astype(np.uint8)
    fitted = fit(Image.fromarray(columns.repeat(8, axis=0)), preprocessing(8, 8))
    expected = [240 / 7, 180, 60, 180, 60, 180, 60, 240 * 6 / 7]
    assert np.abs(fitted[3, :, 0] - expected).max() <= 1


def test_read_decodes_and_fits() -> None:
    buffer = io.BytesIO()
    noise(40, 50).save(buffer, "PNG")
    np.testing.assert_array_equal(
        read(buffer.getvalue(), preprocessing(32, 48)), fit(noise(40, 50), preprocessing(32, 48))
    )
    with pytest.raises(ImageError):
        read(b"text", preprocessing(32, 48))


def test_read_keeps_enough_of_a_large_jpeg_for_the_longer_side() -> None:
    y, x = np.mgrid[0:1024, 0:1024]
    waves = 127 + 60 * np.sin(2 * np.pi * x / 24) + 60 * np.sin(2 * np.pi * y / 24)  # detail that an eighth would blur
    buffer = io.BytesIO()
    Image.fromarray(waves.astype(np.uint8)).convert("RGB").save(buffer, "JPEG", quality=95)
    for shape in ((8, 256), (256, 8)):
        whole = fit(Image.open(io.BytesIO(buffer.getvalue())).convert("RGB"), preprocessing(*shape)).astype(int)
        assert np.abs(read(buffer.getvalue(), preprocessing(*shape)) - whole).max() <= 8


@pytest.mark.parametrize(("way", "kept"), [("stretch", 336), ("letterbox", 336), ("ink", 448), ("strip", 448)])
def test_of_what_is_cut_out_of_an_image_more_is_kept(
    way: Literal["stretch", "letterbox", "ink", "strip"], kept: int
) -> None:
    assert choose_decoded_side(Preprocessing(fit=way, height=224, width=100, mean=MEAN, std=STD)) == kept


def test_a_part_of_a_pixel_is_kept_as_a_whole_one() -> None:
    assert choose_decoded_side(preprocessing(9, 11)) == 17


def test_read_halves_a_jpeg_that_stays_large_enough() -> None:
    """Half of 672 pixels are one and a half times 224; of 670 they are not."""
    for side, is_halved in ((672, True), (670, False)):
        buffer = io.BytesIO()
        noise(side, side).save(buffer, "JPEG", quality=95)
        whole = Image.open(io.BytesIO(buffer.getvalue())).convert("RGB")
        small = Image.open(io.BytesIO(buffer.getvalue()))
        small.draft("RGB", (336, 336))
        decoded = small.convert("RGB") if is_halved else whole
        np.testing.assert_array_equal(
            read(buffer.getvalue(), preprocessing(224, 224)), fit(decoded, preprocessing(224, 224))
        )


LETTERBOX = Preprocessing(fit="letterbox", height=32, width=48, mean=MEAN, std=STD)


@pytest.mark.parametrize(
    ("size", "box"),  # width × height of the image; left, top, right, bottom in a frame of 48×32
    [
        ((48, 32), (0, 0, 48, 32)),
        ((480, 320), (0, 0, 48, 32)),
        ((96, 32), (0, 8, 48, 24)),
        ((32, 96), (18, 0, 29, 32)),
        ((64, 64), (8, 0, 40, 32)),
        ((4, 4), (8, 0, 40, 32)),  # a small image fills the frame as well
        ((1000, 1), (0, 15, 48, 16)),
        ((1, 1000), (23, 0, 24, 32)),
    ],
)
def test_a_letterbox_keeps_the_proportions(size: tuple[int, int], box: tuple[int, int, int, int]) -> None:
    assert content_box(size, LETTERBOX) == box
    left, top, right, bottom = box
    fitted = fit(Image.new("RGB", size, (200, 100, 50)), LETTERBOX)
    assert fitted.shape == (32, 48, 3)
    inside = np.zeros((32, 48), bool)
    inside[top:bottom, left:right] = True
    assert (fitted[inside] == (200, 100, 50)).all()
    assert (fitted[~inside] == 0).all()


def test_inside_a_letterbox_the_image_is_resized_like_any_other() -> None:
    image = noise(90, 60)
    small = preprocessing(32, 21)  # 60 · 32/90 = 21.3
    np.testing.assert_array_equal(fit(image, LETTERBOX)[:, 13:34], fit(image, small))


def test_a_stretched_image_fills_the_frame() -> None:
    assert content_box((7, 1000), preprocessing(32, 48)) == (0, 0, 48, 32)


def test_centring_on_the_mean_image() -> None:
    settings = Preprocessing(height=8, width=10, mean="image", std=(0.5, 0.25, 1.0))
    pixels = np.random.default_rng(1).integers(0, 256, (3, 8, 10, 3), dtype=np.uint8)
    mean_image = pixels.mean(0).astype(np.float32)
    layer = Normalise(settings)
    assert layer(torch.from_numpy(pixels)).isnan().all()  # nothing answers before it is centred
    layer.centre_on(mean_image)
    expected = (pixels - mean_image) / 255 / np.array([0.5, 0.25, 1.0])
    np.testing.assert_allclose(layer(torch.from_numpy(pixels)).numpy().transpose(0, 2, 3, 1), expected, atol=1e-5)
    np.testing.assert_array_equal(layer.mean_image(), mean_image)
    for wrong in (mean_image[:7], mean_image.astype(np.float64)):
        with pytest.raises(ValueError, match="the mean image is"):
            layer.centre_on(wrong)


def test_normalise_is_what_torchvision_does() -> None:
    pixels = np.random.default_rng(1).integers(0, 256, (3, 20, 30, 3), dtype=np.uint8)
    pixels[0, 0, 0], pixels[0, 0, 1] = 0, 255
    theirs = transforms.Compose([transforms.ToTensor(), transforms.Normalize(MEAN, STD)])
    expected = torch.stack([theirs(image) for image in pixels])
    ours = Normalise(preprocessing(20, 30))(torch.from_numpy(pixels))
    assert ours.shape == (3, 3, 20, 30)
    assert ours.dtype == torch.float32
    torch.testing.assert_close(ours, expected, rtol=0, atol=1e-6)


def test_normalise_adds_nothing_to_the_weights() -> None:
    assert Normalise(preprocessing(8, 8)).state_dict() == {}


def test_normalise_follows_its_precision() -> None:
    pixels = torch.full((1, 8, 8, 3), 128, dtype=torch.uint8)
    assert Normalise(preprocessing(8, 8)).to(torch.bfloat16)(pixels).dtype == torch.bfloat16
