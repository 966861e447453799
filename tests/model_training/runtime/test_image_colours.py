"""Embedded ICC profiles: what a colour-managed viewer shows is what the network sees."""

from __future__ import annotations

import io
import struct

import numpy as np
import pytest
from PIL import Image, ImageCms

from model_training.runtime.image import decode

# Columns are the XYZ of red, green and blue adapted to D50, from the profiles that Apple, Adobe and HP publish.
P3 = np.array([[0.51512, 0.29198, 0.15710], [0.24120, 0.69225, 0.06657], [-0.00105, 0.04189, 0.78407]])
ADOBE_RGB = np.array([[0.60974, 0.20528, 0.14919], [0.31111, 0.62567, 0.06322], [0.01947, 0.06087, 0.74457]])
SRGB = np.array([[0.43607, 0.38515, 0.14307], [0.22249, 0.71687, 0.06061], [0.01392, 0.09708, 0.71410]])
GAMMA = 0x0233 / 256  # 2.19921875, as Adobe RGB (1998) has it


def profile(primaries: np.ndarray) -> bytes:
    """A version 2 display profile of three primaries and one gamma (ICC.1:2001-04)."""

    def xyz(values: np.ndarray) -> bytes:
        return b"XYZ \0\0\0\0" + struct.pack(">3i", *(round(float(value) * 65536) for value in values))

    curve = b"curv\0\0\0\0" + struct.pack(">IH", 1, 0x0233) + bytes(2)
    name = b"desc\0\0\0\0" + struct.pack(">I", 5) + b"test\0" + bytes(79)
    tags = {
        b"desc": name,
        b"cprt": b"text\0\0\0\0none\0\0\0\0",
        b"wtpt": xyz(np.array([0.9642, 1.0, 0.8249])),
        b"rXYZ": xyz(primaries[:, 0]),
        b"gXYZ": xyz(primaries[:, 1]),
        b"bXYZ": xyz(primaries[:, 2]),
        b"rTRC": curve,
        b"gTRC": curve,
        b"bTRC": curve,
    }
    table, body = b"", b""
    start = 128 + 4 + 12 * len(tags)
    for tag, content in tags.items():
        content += bytes(-len(content) % 4)
        table += tag + struct.pack(">II", start + len(body), len(content))
        body += content
    size = start + len(body)
    header = struct.pack(">I4sI4s4s4s12s4s", size, b"lcms", 0x02100000, b"mntr", b"RGB ", b"XYZ ", bytes(12), b"acsp")
    header += bytes(68 - len(header)) + struct.pack(">3i", 63190, 65536, 54061)
    return header + bytes(128 - len(header)) + struct.pack(">I", len(tags)) + table + body


def to_srgb(pixels: np.ndarray, primaries: np.ndarray) -> np.ndarray:
    """The conversion by hand: to linear light, through XYZ, clipped to sRGB, encoded (IEC 61966-2-1)."""
    linear = (pixels / 255.0) ** GAMMA @ (np.linalg.inv(SRGB) @ primaries).T
    linear = np.clip(linear, 0, 1)
    return 255 * np.where(linear <= 0.0031308, 12.92 * linear, 1.055 * linear ** (1 / 2.4) - 0.055)


def colours() -> np.ndarray:
    pixels = np.random.default_rng(0).integers(20, 236, (12, 12, 3), dtype=np.uint8)
    pixels[0, :3] = [(255, 0, 0), (0, 255, 0), (255, 255, 255)]
    return pixels


def encode(image: Image.Image, kind: str = "PNG", **options: object) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


@pytest.mark.parametrize("primaries", [P3, ADOBE_RGB], ids=["display-p3", "adobe-rgb"])
@pytest.mark.parametrize(("kind", "options"), [("PNG", {}), ("TIFF", {}), ("WEBP", {"lossless": True})])
def test_a_wide_gamut_is_brought_to_srgb(primaries: np.ndarray, kind: str, options: dict[str, object]) -> None:
    data = encode(Image.fromarray(colours()), kind, icc_profile=profile(primaries), **options)
    decoded = np.asarray(decode(data)).astype(float)
    expected = to_srgb(colours(), primaries)
    assert np.abs(decoded - expected).max() <= 2
    assert np.abs(decoded - colours()).max() > 20  # the profile matters


def test_transparency_stays_when_colours_are_converted() -> None:
    alpha = np.random.default_rng(1).integers(0, 256, (12, 12, 1), dtype=np.uint8)
    image = Image.fromarray(np.concatenate([colours(), alpha], axis=2))
    decoded = np.asarray(decode(encode(image, icc_profile=profile(ADOBE_RGB)))).astype(float)
    opacity = alpha / 255.0
    assert np.abs(decoded - (to_srgb(colours(), ADOBE_RGB) * opacity + 255 * (1 - opacity))).max() <= 3


def test_a_palette_is_converted_too() -> None:
    image = Image.new("P", (1, 1))
    image.putpalette([0, 255, 0])
    plain = np.asarray(decode(encode(image)))
    converted = np.asarray(decode(encode(image, icc_profile=profile(ADOBE_RGB))))
    assert plain.tolist() == [[[0, 255, 0]]]
    expected = to_srgb(plain, ADOBE_RGB)
    assert np.abs(converted - expected).max() <= 2


def test_an_srgb_profile_changes_no_pixel() -> None:
    srgb = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    decoded = np.asarray(decode(encode(Image.fromarray(colours()), icc_profile=srgb)))
    np.testing.assert_array_equal(decoded, colours())


def test_a_nearly_srgb_profile_is_still_another() -> None:
    decoded = np.asarray(decode(encode(Image.fromarray(colours()), icc_profile=profile(SRGB))))
    assert np.abs(decoded - to_srgb(colours(), SRGB)).max() <= 2


@pytest.mark.parametrize(
    "broken",
    [b"no profile", profile(P3)[:200], profile(P3).replace(b"acsp", b"xxxx"), profile(P3).replace(b"rXYZ", b"zzzz")],
)
def test_a_broken_profile_is_ignored(broken: bytes) -> None:
    decoded = np.asarray(decode(encode(Image.fromarray(colours()), icc_profile=broken)))
    np.testing.assert_array_equal(decoded, colours())


def test_a_profile_of_another_colour_space_is_ignored() -> None:
    grey = colours()[..., 0]
    decoded = np.asarray(decode(encode(Image.fromarray(grey), icc_profile=profile(ADOBE_RGB))))
    np.testing.assert_array_equal(decoded, grey[..., None].repeat(3, axis=2))
    ink = Image.new("CMYK", (8, 8), (255, 0, 0, 0))
    assert np.asarray(decode(encode(ink, "TIFF", icc_profile=profile(ADOBE_RGB))))[0, 0].tolist() == [0, 255, 255]


def test_upright_and_converted() -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    data = encode(Image.fromarray(colours()), icc_profile=profile(P3), exif=exif.tobytes())
    assert np.abs(np.asarray(decode(data)) - np.rot90(to_srgb(colours(), P3), -1)).max() <= 2
