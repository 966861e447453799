"""Pixel values of every kind of picture that `decode` takes."""

from __future__ import annotations

import io
import struct
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageSequence
from PIL.PngImagePlugin import PngInfo

from model_training.runtime.image import FORMATS, decode

ORIENTATION = 0x0112

#: Stored pixels → upright pixels, by the EXIF 2.32 specification, 4.6.4 A.
UPRIGHT = {
    1: lambda stored: stored,
    2: np.fliplr,
    3: lambda stored: np.rot90(stored, 2),
    4: np.flipud,
    5: lambda stored: stored.swapaxes(0, 1),
    6: lambda stored: np.rot90(stored, -1),
    7: lambda stored: np.rot90(stored, 2).swapaxes(0, 1),
    8: lambda stored: np.rot90(stored, 1),
}


def encode(image: Image.Image, kind: str, **options: object) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


def pixels(data: bytes) -> np.ndarray:
    image = decode(data)
    assert image.mode == "RGB"
    array = np.asarray(image)
    assert array.dtype == np.uint8
    return array


def noise(height: int = 5, width: int = 7, channels: int = 3, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (height, width, channels), dtype=np.uint8)


def four_corners(side: int = 32) -> np.ndarray:
    """Red, green, blue and white quarters, wider than high: tells all eight orientations after a lossy codec."""
    image = np.zeros((side * 2, side * 4, 3), np.uint8)
    image[:side, : side * 2] = (255, 0, 0)
    image[:side, side * 2 :] = (0, 255, 0)
    image[side:, : side * 2] = (0, 0, 255)
    image[side:, side * 2 :] = (255, 255, 255)
    return image


def tiff(width: int, height: int, data: bytes, **tags: int) -> bytes:
    """An uncompressed little-endian grey TIFF of one strip, for what Pillow does not write."""
    values = {"bits": 8, "white": 1, "format": 1} | tags
    entries = [
        (256, 4, width),
        (257, 4, height),
        (258, 3, values["bits"]),
        (259, 3, 1),
        (262, 3, values["white"]),
        (273, 4, 8),
        (277, 3, 1),
        (278, 4, height),
        (279, 4, len(data)),
        (339, 3, values["format"]),
    ]
    data += b"\0" * (len(data) % 2)
    directory = b"".join(struct.pack("<HHII", tag, kind, 1, value) for tag, kind, value in entries)
    return b"II*\0" + struct.pack("<I", 8 + len(data)) + data + struct.pack("<H", len(entries)) + directory + bytes(4)


# --- formats ---------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("kind", "options"),
    [
        ("PNG", {}),
        ("PNG", {"compress_level": 9}),
        ("BMP", {}),
        ("TIFF", {}),
        ("TIFF", {"compression": "tiff_lzw"}),
        ("TIFF", {"compression": "tiff_adobe_deflate"}),
        ("TIFF", {"compression": "packbits"}),
        ("WEBP", {"lossless": True}),
    ],
)
def test_a_lossless_format_gives_its_pixels(kind: str, options: dict[str, object]) -> None:
    stored = noise()
    np.testing.assert_array_equal(pixels(encode(Image.fromarray(stored), kind, **options)), stored)


@pytest.mark.parametrize(
    ("kind", "options"),
    [
        ("JPEG", {"quality": 95, "subsampling": 0}),
        ("JPEG", {"quality": 95, "progressive": True}),
        ("MPO", {"quality": 95}),
        ("WEBP", {"quality": 95}),
        ("AVIF", {"quality": 95}),
        ("TIFF", {"compression": "jpeg", "quality": 95}),
    ],
)
def test_a_lossy_format_gives_nearly_its_pixels(kind: str, options: dict[str, object]) -> None:
    stored = four_corners()
    decoded = pixels(encode(Image.fromarray(stored), kind, **options)).astype(int)
    assert decoded.shape == stored.shape
    inner = np.abs(decoded - stored)[4:28, 4:60]  # a quarter without its edges, which ring
    assert inner.max() <= 4
    assert np.abs(decoded - stored).mean() < 3


@pytest.mark.parametrize("of", [bytes, bytearray, memoryview])
def test_any_bytes_will_do(of: type) -> None:
    stored = noise()
    assert np.array_equal(pixels(of(encode(Image.fromarray(stored), "PNG"))), stored)


def test_every_format_is_tried_by_this_file() -> None:
    assert set(FORMATS) == {"JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF", "AVIF"}


# --- orientation -----------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("orientation", UPRIGHT)
@pytest.mark.parametrize(("kind", "options"), [("PNG", {}), ("WEBP", {"lossless": True}), ("TIFF", {})])
def test_exif_orientation_exactly(kind: str, options: dict[str, object], orientation: int) -> None:
    stored = noise()
    exif = Image.Exif()
    exif[ORIENTATION] = orientation
    decoded = pixels(encode(Image.fromarray(stored), kind, exif=exif.tobytes(), **options))
    np.testing.assert_array_equal(decoded, UPRIGHT[orientation](stored))


@pytest.mark.parametrize("orientation", UPRIGHT)
@pytest.mark.parametrize("kind", ["JPEG", "MPO", "AVIF"])
def test_exif_orientation_of_lossy_formats(kind: str, orientation: int) -> None:
    stored = four_corners()
    exif = Image.Exif()
    exif[ORIENTATION] = orientation
    decoded = pixels(encode(Image.fromarray(stored), kind, exif=exif.tobytes(), quality=95)).astype(int)
    expected = UPRIGHT[orientation](stored)
    assert decoded.shape == expected.shape
    assert np.abs(decoded - expected).mean() < 3


@pytest.mark.parametrize("orientation", [0, 9, 65535])
def test_an_orientation_that_does_not_exist_is_passed_over(orientation: int) -> None:
    stored = noise()
    exif = Image.Exif()
    exif[ORIENTATION] = orientation
    np.testing.assert_array_equal(pixels(encode(Image.fromarray(stored), "PNG", exif=exif.tobytes())), stored)


@pytest.mark.filterwarnings(r"ignore:::PIL\.")
@pytest.mark.parametrize(
    "exif",
    [b"Exif\0\0garbage!", b"Exif\0\0II*\0\xff\xff\xff\xff", b"Exif\0\0", b"Exif\0\0II*\0\x08\0\0\0\xff\xff\x12\x01"],
)
def test_broken_exif_does_not_spoil_the_image(exif: bytes) -> None:
    image = Image.fromarray(four_corners())
    np.testing.assert_array_equal(pixels(encode(image, "JPEG", exif=exif)), pixels(encode(image, "JPEG")))


def test_an_xmp_orientation_counts_like_exif() -> None:
    stored = noise()
    info = PngInfo()
    info.add_itxt("XML:com.adobe.xmp", '<x:xmpmeta xmlns:x="adobe:ns:meta/" tiff:Orientation="6"></x:xmpmeta>')
    np.testing.assert_array_equal(pixels(encode(Image.fromarray(stored), "PNG", pnginfo=info)), np.rot90(stored, -1))


# --- transparency ----------------------------------------------------------------------------------------------------
def over_white(colour: np.ndarray, alpha: np.ndarray) -> np.ndarray:
    opacity = alpha[..., None] / 255.0
    return colour * opacity + 255 * (1 - opacity)


@pytest.mark.parametrize(
    ("kind", "options"), [("PNG", {}), ("WEBP", {"lossless": True, "exact": True}), ("TIFF", {}), ("BMP", {})]
)
def test_rgba_is_laid_on_white(kind: str, options: dict[str, object]) -> None:
    stored = noise(16, 16, 4)
    stored[0, :4, 3] = (0, 128, 255, 1)
    decoded = pixels(encode(Image.fromarray(stored), kind, **options))
    expected = over_white(stored[..., :3], stored[..., 3])
    if kind == "BMP":  # the plain 32-bit BMP that Pillow writes has no alpha, only padding
        np.testing.assert_array_equal(decoded, stored[..., :3])
        return
    assert np.abs(decoded - expected).max() <= 1
    assert decoded[0, 0].tolist() == [255, 255, 255]
    assert decoded[0, 2].tolist() == stored[0, 2, :3].tolist()


def test_half_transparent_black_is_middle_grey() -> None:
    data = encode(Image.new("RGBA", (1, 1), (0, 0, 0, 128)), "PNG")
    assert pixels(data).tolist() == [[[127, 127, 127]]]


def test_grey_with_alpha_is_laid_on_white() -> None:
    stored = noise(8, 8, 2)
    decoded = pixels(encode(Image.fromarray(stored, "LA"), "PNG"))
    expected = over_white(stored[..., :1].repeat(3, axis=2), stored[..., 1])
    assert np.abs(decoded - expected).max() <= 1


def test_a_palette_with_a_transparent_entry() -> None:
    image = Image.new("P", (3, 1))
    image.putpalette([10, 20, 30, 40, 50, 60, 70, 80, 90])
    image.putdata([0, 1, 2])
    assert pixels(encode(image, "PNG")).tolist() == [[[10, 20, 30], [40, 50, 60], [70, 80, 90]]]
    assert pixels(encode(image, "PNG", transparency=1)).tolist() == [[[10, 20, 30], [255, 255, 255], [70, 80, 90]]]


def test_a_palette_with_an_opacity_for_each_entry() -> None:
    image = Image.new("P", (3, 1))
    image.putpalette([0, 0, 0, 0, 0, 0, 200, 100, 0])
    image.putdata([0, 1, 2])
    data = encode(image, "PNG", transparency=bytes([0, 128, 255]))
    assert pixels(data).tolist() == [[[255, 255, 255], [127, 127, 127], [200, 100, 0]]]


def test_a_transparent_colour_of_an_rgb_png() -> None:
    image = Image.fromarray(np.array([[[1, 2, 3], [4, 5, 6]]], np.uint8))
    assert pixels(encode(image, "PNG", transparency=(1, 2, 3))).tolist() == [[[255, 255, 255], [4, 5, 6]]]


def test_a_transparent_level_of_a_grey_png() -> None:
    image = Image.fromarray(np.array([[7, 8]], np.uint8))
    assert pixels(encode(image, "PNG", transparency=7)).tolist() == [[[255] * 3, [8] * 3]]


# --- other colour models and depths ----------------------------------------------------------------------------------
def test_grey_and_black_and_white() -> None:
    grey = np.arange(256, dtype=np.uint8).reshape(16, 16)
    for kind in ("PNG", "BMP", "TIFF"):
        np.testing.assert_array_equal(pixels(encode(Image.fromarray(grey), kind)), grey[..., None].repeat(3, axis=2))
        bits = Image.fromarray(grey > 127)
        assert bits.mode == "1"
        expected = np.where(grey > 127, 255, 0)[..., None].repeat(3, axis=2)
        np.testing.assert_array_equal(pixels(encode(bits, kind)), expected)


def test_16_bit_grey_is_scaled_so_that_65535_is_white() -> None:
    levels = np.array([[0, 257, 257 * 2, 257 * 100, 257 * 254, 65535]], np.uint16)
    for kind in ("PNG", "TIFF"):
        assert pixels(encode(Image.fromarray(levels), kind))[0, :, 0].tolist() == [0, 1, 2, 100, 254, 255]


def test_16_bit_grey_is_rounded_at_every_level() -> None:
    levels = np.arange(65536, dtype=np.uint16).reshape(256, 256)
    decoded = pixels(encode(Image.fromarray(levels), "PNG"))
    np.testing.assert_array_equal(decoded[..., 0], (levels.astype(int) * 2 + 257) // 514)
    np.testing.assert_array_equal(decoded[..., 0], decoded[..., 2])


def test_16_bit_grey_is_turned_upright_too() -> None:
    levels = (noise(3, 5, 1)[..., 0].astype(np.uint16)) * 257
    exif = Image.Exif()
    exif[ORIENTATION] = 6
    decoded = pixels(encode(Image.fromarray(levels), "PNG", exif=exif.tobytes()))
    np.testing.assert_array_equal(decoded[..., 0], np.rot90(levels // 257, -1))


def test_a_big_endian_16_bit_tiff() -> None:
    data = b"MM\0*" + struct.pack(">I", 12) + struct.pack(">4H", 0, 257, 257 * 200, 65535)
    entries = [(256, 3, 4), (257, 3, 1), (258, 3, 16), (259, 3, 1), (262, 3, 1), (273, 3, 8), (277, 3, 1), (279, 3, 8)]
    directory = b"".join(struct.pack(">HHIHH", tag, kind, 1, value, 0) for tag, kind, value in entries)
    data = b"MM\0*" + struct.pack(">I", 16) + data[8:] + struct.pack(">H", len(entries)) + directory + bytes(4)
    assert pixels(data)[0, :, 1].tolist() == [0, 1, 200, 255]


def test_a_12_bit_tiff_is_not_dark() -> None:
    assert pixels(tiff(2, 1, bytes([0xFF, 0xF8, 0x00]), bits=12))[0, :, 0].tolist() == [255, 128]


@pytest.mark.parametrize(("bits", "data"), [(8, bytes([0, 55, 255])), (16, struct.pack("<3H", 0, 55 * 257, 65535))])
def test_a_tiff_that_counts_from_white(bits: int, data: bytes) -> None:
    assert pixels(tiff(3, 1, data, bits=bits, white=0))[0, :, 0].tolist() == [255, 200, 0]


def test_floats_and_long_integers_are_stretched() -> None:
    grey = np.array([[-2.0, 0.0, 1.0, 2.0]], np.float32)
    assert pixels(encode(Image.fromarray(grey), "TIFF"))[0, :, 0].tolist() == [0, 128, 191, 255]
    longs = np.array([[-1000, 0, 1000]], np.int32)
    assert pixels(encode(Image.fromarray(longs), "TIFF"))[0, :, 0].tolist() == [0, 128, 255]


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize(
    ("grey", "expected"),
    [
        ([[np.nan, 0, 1]], [0, 0, 255]),
        ([[-np.inf, 0, 1, np.inf]], [0, 0, 255, 255]),
        ([[np.nan, np.nan]], [0, 0]),
        ([[np.inf, -np.inf]], [0, 0]),
        ([[5, 5]], [0, 0]),
        ([[-3.4e38, 0, 3.4e38]], [0, 128, 255]),
        ([[0, 1e-45]], [0, 255]),
    ],
)
def test_floats_that_are_no_numbers_or_hardly_any(grey: list[list[float]], expected: list[int]) -> None:
    data = encode(Image.fromarray(np.array(grey, np.float32)), "TIFF")
    assert pixels(data)[0, :, 0].tolist() == expected


def test_16_bit_colour_png_keeps_its_upper_byte() -> None:
    # Pillow does not write it: signature, header, one row of two pixels, end.
    import zlib

    def chunk(name: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))

    row = b"\0" + struct.pack(">6H", 0, 65535, 0x8000, 0x1234, 0xFF00, 0x00FF)
    header = struct.pack(">IIBBBBB", 2, 1, 16, 2, 0, 0, 0)
    data = b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(row)) + chunk(b"IEND", b"")
    assert pixels(data).tolist() == [[[0, 255, 0x80], [0x12, 0xFF, 0]]]


@pytest.mark.parametrize(
    ("ink", "colour"),
    [
        ((255, 0, 0, 0), (0, 255, 255)),
        ((0, 255, 0, 0), (255, 0, 255)),
        ((0, 0, 255, 0), (255, 255, 0)),
        ((0, 0, 0, 255), (0, 0, 0)),
        ((0, 0, 0, 0), (255, 255, 255)),
        ((0, 0, 0, 128), (127, 127, 127)),
    ],
)
def test_cmyk(ink: tuple[int, ...], colour: tuple[int, ...]) -> None:
    image = Image.new("CMYK", (16, 16), ink)
    assert pixels(encode(image, "TIFF"))[8, 8].tolist() == list(colour)
    data = encode(image, "JPEG", quality=100)
    assert b"Adobe" in data  # inverted samples, as Photoshop writes them
    assert np.abs(pixels(data)[8, 8].astype(int) - colour).max() <= 2


@pytest.mark.parametrize(
    ("lab", "colour"), [((255, 128, 128), (255, 255, 255)), ((0, 128, 128), (0, 0, 0)), ((136, 209, 198), (255, 0, 0))]
)
def test_lab(lab: tuple[int, int, int], colour: tuple[int, int, int]) -> None:
    """Pillow keeps L* of 0…100 as 0…255, a* and b* with 128 added: sRGB red is (53.2, 80.8, 69.9) under D50."""
    image = Image.merge("LAB", [Image.new("L", (4, 4), value) for value in lab])
    assert np.abs(pixels(encode(image, "TIFF"))[0, 0].astype(int) - colour).max() <= 6


# --- several frames, odd sizes ---------------------------------------------------------------------------------------
@pytest.mark.parametrize(("kind", "options"), [("GIF", {}), ("WEBP", {"lossless": True}), ("PNG", {}), ("TIFF", {})])
def test_of_several_frames_the_first_is_taken(kind: str, options: dict[str, object]) -> None:
    frames = [Image.new("RGB", (6, 4), colour) for colour in ((200, 10, 20), (0, 255, 0), (0, 0, 255))]
    data = encode(frames[0], kind, save_all=True, append_images=frames[1:], **options)
    assert len(list(ImageSequence.Iterator(Image.open(io.BytesIO(data))))) == 3
    np.testing.assert_array_equal(pixels(data), np.full((4, 6, 3), (200, 10, 20)))


def test_a_second_image_in_an_mpo_is_passed_over() -> None:
    first, second = Image.new("RGB", (32, 16), (200, 10, 20)), Image.new("RGB", (64, 64), (0, 255, 0))
    data = encode(first, "MPO", save_all=True, append_images=[second], quality=95)
    assert Image.open(io.BytesIO(data)).format == "MPO"
    assert np.abs(pixels(data).astype(int) - (200, 10, 20)).max() <= 3


def test_a_gif_with_a_transparent_background_is_laid_on_white() -> None:
    image = Image.new("P", (2, 1))
    image.putpalette([0, 0, 0, 250, 100, 50])
    image.putdata([0, 1])
    assert pixels(encode(image, "GIF", transparency=0)).tolist() == [[[255, 255, 255], [250, 100, 50]]]


@pytest.mark.parametrize("size", [(1, 1), (1, 300), (300, 1)])
@pytest.mark.parametrize("kind", ["PNG", "BMP", "TIFF", "GIF"])
def test_one_pixel_wide(size: tuple[int, int], kind: str) -> None:
    width, height = size
    stored = noise(height, width, 1).repeat(3, axis=2)  # grey, which a GIF's palette can hold
    np.testing.assert_array_equal(pixels(encode(Image.fromarray(stored), kind)), stored)


def test_the_bytes_count_and_not_the_name(tmp_path: Path) -> None:
    path = tmp_path / "picture.jpg"
    path.write_bytes(encode(Image.fromarray(noise()), "PNG"))
    np.testing.assert_array_equal(pixels(path.read_bytes()), noise())
