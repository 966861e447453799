"""Files as people have them: damaged notes, cut ends, frames that fade in. Each is read by its pixels, or refused."""

from __future__ import annotations

import io
import struct
import zlib

import numpy as np
import pytest
from PIL import Image

from model_training.runtime.errors import ImageError
from model_training.runtime.facts import read_file_facts
from model_training.runtime.image import decode, decode_with_warnings
from tests.model_training.runtime.test_image_colours import P3, profile

pytestmark = pytest.mark.filterwarnings(r"ignore:::PIL\.")  # pytest hides the filter that decode sets

PNG = b"\x89PNG\r\n\x1a\n"


def picture(height: int = 96, width: int = 64) -> np.ndarray:
    """Four quarters of colour under a gentle wave, so that every row and column has something of its own."""
    y, x = np.mgrid[0:height, 0:width]
    image = np.zeros((height, width, 3), np.float64)
    image[..., 0] = np.where(x < width / 2, 220, 40)
    image[..., 1] = np.where(y < height / 2, 200, 60)
    image[..., 2] = 60 + 120 * y / height
    return (image + 20 * np.sin(x / 5 + y / 7)[..., None]).clip(0, 255).astype(np.uint8)


def noise(height: int = 96, width: int = 64) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (height, width, 3), dtype=np.uint8)


def encode(image: np.ndarray | Image.Image, kind: str, **options: object) -> bytes:
    buffer = io.BytesIO()
    (image if isinstance(image, Image.Image) else Image.fromarray(image)).save(buffer, kind, **options)
    return buffer.getvalue()


def chunk(name: bytes, body: bytes, *, sound: bool = True) -> bytes:
    return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body) ^ (not sound))


def insert(data: bytes, *chunks: bytes, before: bytes = b"IDAT") -> bytes:
    at = data.index(before) - 4
    return data[:at] + b"".join(chunks) + data[at:]


def cut(data: bytes, share: float) -> bytes:
    return data[: round(share * len(data))]


def pixels(data: bytes) -> np.ndarray:
    return np.asarray(decode(data))


def warnings(data: bytes) -> tuple[str, ...]:
    return decode_with_warnings(data).warnings


def refused(data: bytes) -> str:
    with pytest.raises(ImageError) as caught:
        decode(data)
    return caught.value.code


# --- PNG: notes that nobody needs ------------------------------------------------------------------------------------
BOMB = zlib.compress(bytes(100 * 2**20), 9)
NOTES = {
    "text with a wrong checksum": chunk(b"tEXt", b"Title\0A picture", sound=False),
    "text without a separator": chunk(b"tEXt", b"no separator"),
    "packed text that is none": chunk(b"zTXt", b"Comment\0\0not zlib"),
    "packed text by an unknown method": chunk(b"zTXt", b"Comment\0\x07" + zlib.compress(b"x")),
    "packed text that inflates to 100 MiB": chunk(b"zTXt", b"Comment\0\0" + BOMB),
    "international text that is none": chunk(b"iTXt", b"Comment\0\1\0\0\0not zlib"),
    "international text of 100 MiB": chunk(b"iTXt", b"Comment\0\1\0\0\0" + BOMB),
    "international text with a wrong checksum": chunk(b"iTXt", b"C\0\0\0\0\0x", sound=False),
    "a profile with a wrong checksum": chunk(b"iCCP", b"icc\0\0" + zlib.compress(b"profile"), sound=False),
    "a profile that is none": chunk(b"iCCP", b"icc\0\0not zlib"),
    "a profile of 100 MiB": chunk(b"iCCP", b"icc\0\0" + BOMB),
    "a profile by an unknown method": chunk(b"iCCP", b"icc\0\x07" + zlib.compress(b"x")),
    "EXIF with a wrong checksum": chunk(b"eXIf", b"II*\0\x08\0\0\0", sound=False),
    "EXIF that is none": chunk(b"eXIf", b"garbage"),
    "gamma of no length": chunk(b"gAMA", b""),
    "gamma with a wrong checksum": chunk(b"gAMA", struct.pack(">I", 45455), sound=False),
    "chromaticities cut": chunk(b"cHRM", b"\0\0\0"),
    "chromaticities with a wrong checksum": chunk(b"cHRM", bytes(32), sound=False),
    "an intent of no length": chunk(b"sRGB", b""),
    "a resolution of no length": chunk(b"pHYs", b""),
    "a time with a wrong checksum": chunk(b"tIME", bytes(7), sound=False),
    "a background with a wrong checksum": chunk(b"bKGD", bytes(6), sound=False),
    "a private chunk with a wrong checksum": chunk(b"prVt", b"x" * 50, sound=False),
    "transparency with a wrong checksum": chunk(b"tRNS", bytes(6), sound=False),
    "an animation's head with a wrong checksum": chunk(b"acTL", bytes(8), sound=False),
    "a thousand texts": chunk(b"tEXt", b"A\0" + b"b" * 70_000) * 1000,
}


@pytest.mark.parametrize("before", [b"IDAT", b"IEND"])
@pytest.mark.parametrize("name", NOTES)
def test_a_png_is_read_without_its_broken_notes(name: str, before: bytes) -> None:
    data = encode(picture(), "PNG")
    if name == "a thousand texts" and before == b"IEND":
        data = encode(picture(), "PNG", compress_level=1)
    damaged = insert(data, NOTES[name], before=before)
    if len(damaged) > 25 * 2**20:
        damaged = insert(data, NOTES[name][: len(NOTES[name]) // 4], before=before)
    np.testing.assert_array_equal(pixels(damaged), picture())
    assert warnings(damaged) == ()
    facts = read_file_facts(damaged)
    assert (facts.width, facts.height) == (64, 96)


def test_what_is_sound_beside_a_broken_note_still_counts() -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    image = Image.fromarray(picture()).convert("P")
    data = encode(image, "PNG", exif=exif.tobytes(), transparency=image.getpixel((0, 0)))
    damaged = insert(data, chunk(b"zTXt", b"Comment\0\0" + BOMB), before=b"PLTE")
    np.testing.assert_array_equal(pixels(damaged), pixels(data))
    assert pixels(data).shape == (64, 96, 3)
    assert pixels(data)[0, -1].tolist() == [255, 255, 255]  # the transparent one, turned to the right


def test_a_wide_gamut_beside_a_broken_note_still_counts() -> None:
    data = encode(picture(), "PNG", icc_profile=profile(P3))
    damaged = insert(data, NOTES["packed text that is none"])
    np.testing.assert_array_equal(pixels(damaged), pixels(data))
    assert np.abs(pixels(data).astype(int) - picture()).max() > 10


@pytest.mark.parametrize("name", [b"IHDR", b"PLTE"])
def test_what_a_png_needs_must_be_sound(name: bytes) -> None:
    data = bytearray(encode(Image.fromarray(picture()).convert("P"), "PNG"))
    at = data.index(name)
    length = int.from_bytes(data[at - 4 : at])
    data[at + 4 + length] ^= 1
    assert refused(bytes(data)) in ("broken_picture", "not_a_picture")


# --- files that end early --------------------------------------------------------------------------------------------
def test_a_jpeg_without_its_end_mark_is_whole_and_says_so() -> None:
    for options in ({}, {"progressive": True}, {"subsampling": 0}, {"optimize": True}):
        data = encode(picture(), "JPEG", quality=90, **options)
        assert data.endswith(b"\xff\xd9")
        np.testing.assert_array_equal(pixels(data[:-2]), pixels(data))
        assert warnings(data[:-2]) == ("truncated",)
        assert warnings(data[:-1]) == ("truncated",)
        assert warnings(data) == ()


@pytest.mark.parametrize("mode", ["L", "CMYK", "RGB"])
def test_a_jpeg_without_its_end_mark_in_every_colour_model(mode: str) -> None:
    data = encode(Image.fromarray(picture()).convert(mode), "JPEG", quality=90)
    np.testing.assert_array_equal(pixels(data[:-2]), pixels(data))
    assert warnings(data[:-2]) == ("truncated",)


CUT = {
    "jpeg": (lambda: encode(noise(640, 64), "JPEG", quality=90), 0.98, 0.5),
    "jpeg grey": (lambda: encode(Image.fromarray(noise(640, 64)).convert("L"), "JPEG", quality=90), 0.98, 0.5),
    "jpeg cmyk": (lambda: encode(Image.fromarray(noise(640, 64)).convert("CMYK"), "JPEG", quality=90), 0.98, 0.5),
    "jpeg without subsampling": (lambda: encode(noise(640, 64), "JPEG", quality=90, subsampling=0), 0.98, 0.5),
    "jpeg with restarts": (lambda: encode(noise(640, 64), "JPEG", quality=90, restart_marker_rows=1), 0.98, 0.5),
    "mpo": (lambda: encode(noise(640, 64), "MPO", quality=90), 0.98, 0.5),
    "png": (lambda: encode(noise(640, 64), "PNG"), 0.98, 0.9),
    "png of a palette": (lambda: encode(Image.fromarray(noise(640, 64)).convert("P"), "PNG"), 0.98, 0.9),
    "png of 16 bits": (lambda: encode(noise(640, 64)[..., 0].astype(np.uint16) * 257, "PNG"), 0.98, 0.9),
    "png of bits": (lambda: encode(Image.fromarray(noise(640, 64)[..., 0] > 127), "PNG"), 0.98, 0.9),
    "png with alpha": (lambda: encode(np.dstack([noise(640, 64), noise(640, 64)[..., :1]]), "PNG"), 0.98, 0.9),
    "webp": (lambda: encode(noise(640, 64), "WEBP", quality=90), 0.99, 0.5),
    "lossless webp": (lambda: encode(noise(640, 64), "WEBP", lossless=True), 0.98, 0.5),
    "gif": (lambda: encode(Image.fromarray(noise(640, 64)).convert("P"), "GIF"), 0.98, 0.9),
    "bmp": (lambda: encode(noise(640, 64), "BMP"), 0.98, 0.9),
    "tiff": (lambda: encode(noise(640, 64), "TIFF"), 0.98, 0.9),
}


@pytest.mark.parametrize("name", CUT)
def test_a_file_cut_in_its_last_rows_is_read_with_a_warning(name: str) -> None:
    make, late, _ = CUT[name]
    whole, part = pixels(make()), decode_with_warnings(cut(make(), late))
    assert part.warnings == ("truncated",)
    image = np.asarray(part.image)
    assert image.shape == whole.shape
    same = (image == whole).all((1, 2))
    assert 0.94 <= same.mean() < 1
    there = same[::-1] if name == "bmp" else same  # which begins at the bottom
    lost = int(np.flatnonzero(~there)[0])
    assert there[:lost].all()
    # A missing row is its neighbour's copy: the very last ones all look alike.
    ends = image[:2] if name == "bmp" else image[-2:]
    np.testing.assert_array_equal(ends[0], ends[1])


@pytest.mark.parametrize("name", CUT)
def test_a_file_cut_earlier_is_refused(name: str) -> None:
    make, _, early = CUT[name]
    assert refused(cut(make(), early)) == "broken_picture"


@pytest.mark.parametrize("share", [0.55, 0.9])
def test_a_progressive_jpeg_without_its_last_scans_is_refused(share: float) -> None:
    assert refused(cut(encode(noise(640, 64), "JPEG", quality=90, progressive=True), share)) == "broken_picture"


def test_a_progressive_jpeg_cut_in_its_last_rows_is_read() -> None:
    data = encode(noise(640, 64), "JPEG", quality=90, progressive=True)
    part = decode_with_warnings(cut(data, 0.995))
    assert part.warnings == ("truncated",)
    same = (np.asarray(part.image) == pixels(data)).all((1, 2))
    assert same[:600].all()
    assert not same.all()


def test_an_interlaced_png_cut_at_its_end_is_read() -> None:
    data = interlaced(noise(160, 64))
    np.testing.assert_array_equal(pixels(data), noise(160, 64))
    part = decode_with_warnings(cut(data, 0.97))
    assert part.warnings == ("truncated",)
    image = np.asarray(part.image)
    np.testing.assert_array_equal(image[::2], noise(160, 64)[::2])  # the last pass holds every other row
    np.testing.assert_array_equal(image[159], image[158])
    assert refused(cut(data, 0.5)) == "broken_picture"


def interlaced(image: np.ndarray) -> bytes:
    """Adam7, which Pillow does not write."""
    rows = b""
    for x, y, across, down in (
        (0, 0, 8, 8),
        (4, 0, 8, 8),
        (0, 4, 4, 8),
        (2, 0, 4, 4),
        (0, 2, 2, 4),
        (1, 0, 2, 2),
        (0, 1, 1, 2),
    ):
        rows += b"".join(b"\0" + row.tobytes() for row in image[y::down, x::across])
    header = struct.pack(">IIBBBBB", image.shape[1], image.shape[0], 8, 2, 0, 0, 1)
    return PNG + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")


def test_a_turned_photograph_that_was_cut_is_upright() -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    data = encode(noise(640, 64), "JPEG", quality=90, exif=exif.tobytes())
    part = decode_with_warnings(cut(data, 0.98))
    assert part.image.size == (640, 64)
    assert part.warnings == ("truncated",)
    np.testing.assert_array_equal(np.asarray(part.image)[:, 40:], pixels(data)[:, 40:])


def test_a_cut_photograph_is_read_small_too() -> None:
    data = encode(picture(1600, 1200), "JPEG", quality=90)
    part = decode_with_warnings(data[:-300], at_least=128)
    assert part.image.size == (150, 200)
    assert part.warnings == ("truncated",)
    whole = np.asarray(decode(data, at_least=128)).astype(int)
    np.testing.assert_array_equal(np.asarray(part.image)[:185], whole[:185])


# --- what stands before and after a picture --------------------------------------------------------------------------
@pytest.mark.parametrize("kind", ["JPEG", "MPO", "PNG", "WEBP", "GIF", "BMP", "TIFF"])
@pytest.mark.parametrize("after", [b"\0" * 5000, b"<html>", b"PK\x03\x04" + bytes(100), b"\xff\xd8\xff\xe0"])
def test_garbage_after_a_picture_changes_nothing(kind: str, after: bytes) -> None:
    data = encode(picture(), kind)
    np.testing.assert_array_equal(pixels(data + after), pixels(data))
    assert warnings(data + after) == ()


@pytest.mark.parametrize("before", [b"\n", b"\r\n\r\n", b"  ", b"\xef\xbb\xbf"])
@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "GIF"])
def test_what_a_careless_server_writes_before_a_picture_is_passed_over(kind: str, before: bytes) -> None:
    data = encode(picture(), kind)
    np.testing.assert_array_equal(pixels(before + data), pixels(data))
    assert read_file_facts(before + data).width == 64


def test_a_picture_inside_of_something_else_is_none() -> None:
    assert refused(b"Content-Type: image/jpeg\r\n\r\n" + encode(picture(), "JPEG")) == "not_a_picture"


# --- first frames that are blank -------------------------------------------------------------------------------------
def fade(level: int) -> Image.Image:
    """The picture over black or white, faded in by 0…255."""
    return Image.blend(Image.new("RGB", (64, 96), "white"), Image.fromarray(picture()), level / 255)


ANIMATED = {"GIF": {}, "WEBP": {"lossless": True}, "PNG": {}, "AVIF": {"quality": 95}}


@pytest.mark.parametrize("kind", ANIMATED)
@pytest.mark.parametrize("blank", ["white", "black", "orange"])
def test_of_frames_the_first_that_is_not_blank_is_taken(kind: str, blank: str) -> None:
    frames = [Image.new("RGB", (64, 96), blank)] * 2 + [Image.fromarray(picture()), Image.new("RGB", (64, 96), "red")]
    # Frames that are alike are one to an encoder: a pixel tells them apart.
    frames[1] = frames[1].copy()
    frames[1].putpixel((0, 0), (128, 128, 128))
    data = encode(frames[0], kind, save_all=True, append_images=frames[1:], **ANIMATED[kind])
    found = pixels(data).astype(int)
    assert np.abs(found - picture()).mean() < (12 if kind == "GIF" else 4)


@pytest.mark.parametrize("kind", ANIMATED)
def test_a_first_frame_that_shows_something_stays_the_one(kind: str) -> None:
    frames = [fade(60), fade(255)]
    data = encode(frames[0], kind, save_all=True, append_images=frames[1:], **ANIMATED[kind])
    assert np.abs(pixels(data).astype(int) - np.asarray(fade(60))).mean() < 4


@pytest.mark.parametrize("kind", ["WEBP", "PNG"])
def test_a_first_frame_that_is_transparent_is_blank(kind: str) -> None:
    frames = [Image.new("RGBA", (64, 96), (0, 0, 0, 0)), Image.fromarray(picture()).convert("RGBA")]
    data = encode(frames[0], kind, save_all=True, append_images=frames[1:], **ANIMATED[kind])
    np.testing.assert_array_equal(pixels(data), picture())


@pytest.mark.parametrize("kind", ANIMATED)
def test_where_all_frames_are_blank_the_first_is_taken(kind: str) -> None:
    frames = [Image.new("RGB", (64, 96), colour) for colour in ("navy", "white", "black")]
    data = encode(frames[0], kind, save_all=True, append_images=frames[1:], **ANIMATED[kind])
    assert np.abs(pixels(data)[50, 30].astype(int) - (0, 0, 128)).max() <= 4


def test_a_later_frame_that_is_broken_takes_nothing_from_a_blank_first() -> None:
    frames = [Image.new("RGB", (64, 96), "white"), Image.fromarray(noise()).quantize(256).convert("RGB")]
    data = encode(frames[0], "GIF", save_all=True, append_images=frames[1:])
    assert pixels(data[: len(data) // 2]).mean() == 255


def test_pages_are_no_frames() -> None:
    pages = [Image.new("RGB", (64, 96), "white"), Image.fromarray(picture())]
    assert pixels(encode(pages[0], "TIFF", save_all=True, append_images=pages[1:])).mean() == 255


# --- neighbours that were read rightly before ------------------------------------------------------------------------
def test_an_mpo_whose_second_picture_is_cut_is_whole() -> None:
    first = Image.fromarray(picture())
    data = encode(first, "MPO", save_all=True, append_images=[Image.fromarray(noise())], quality=95)
    np.testing.assert_array_equal(pixels(cut(data, 0.8)), pixels(data))
    assert warnings(cut(data, 0.8)) == ()


@pytest.mark.parametrize(("ink", "colour"), [((0, 255, 255, 0), (255, 0, 0)), ((0, 0, 0, 255), (0, 0, 0))])
def test_an_inverted_cmyk_jpeg_that_was_cut(ink: tuple[int, ...], colour: tuple[int, ...]) -> None:
    data = encode(Image.new("CMYK", (16, 640), ink), "JPEG", quality=100)
    assert b"Adobe" in data
    assert np.abs(pixels(data[:-2])[-1, 8].astype(int) - colour).max() <= 2
