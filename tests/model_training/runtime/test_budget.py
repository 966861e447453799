"""What a picture may cost: told by its header, refused or sent elsewhere before it is decoded."""

from __future__ import annotations

import io
import struct
import time
from typing import Any

import numpy as np
import pytest
from PIL import Image, ImageCms, ImageFile

from model_training.runtime import colours, image
from model_training.runtime.architecture import Preprocessing
from model_training.runtime.budget import CHEAP, SENT, WHOLE, DearError, choose_factor, is_plain
from model_training.runtime.errors import ImageError
from model_training.runtime.image import decode, decode_with_warnings
from model_training.runtime.model import Readers
from model_training.runtime.pages import read_page
from model_training.runtime.preprocess import read_parts
from tests.hostile import (
    PNG,
    encode,
    jpeg_segment,
    make_gif,
    make_runs,
    make_scans,
    make_webp,
    png_chunk,
    put_into_jpeg,
    put_into_png,
)

pytestmark = pytest.mark.filterwarnings(r"ignore:::PIL\.")  # pytest hides the filter that decode sets

INPUT = Preprocessing(height=64, width=64, mean=(0.5, 0.5, 0.5), std=(0.5, 0.5, 0.5))
MODES = ("1", "L", "LA", "P", "RGB", "RGBA", "I;16", "I", "F", "CMYK")


def claim_png(width: int, height: int, colour: int = 2, bits: int = 8) -> bytes:
    """Of any size, without pixels."""
    header = png_chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, bits, colour, 0, 0, 0))
    return PNG + header + png_chunk(b"IDAT", b"") + png_chunk(b"IEND", b"")


def claim_jpeg(data: bytes, width: int, height: int) -> bytes:
    """With another size in its frame."""
    at = max(data.find(b"\xff\xc0"), data.find(b"\xff\xc2"))
    return data[: at + 5] + struct.pack(">HH", height, width) + data[at + 9 :]


def draw(mode: str, size: tuple[int, int] = (50, 40)) -> Image.Image:
    noise = np.random.default_rng(0).integers(0, 256, (size[1], size[0], 4), dtype=np.uint8)
    if mode in ("I;16", "I", "F"):
        kind = {"I;16": np.uint16, "I": np.int32, "F": np.float32}[mode]
        return Image.fromarray(noise[..., 0].astype(kind) * 200 + noise[..., 1])
    return Image.fromarray(noise, "RGBA").convert("RGB").convert(mode) if mode != "RGBA" else Image.fromarray(noise)


def refuse(data: bytes, at_least: int | None = 128) -> ImageError:
    began = time.process_time()
    with pytest.raises(ImageError) as caught:
        decode(data, at_least=at_least)
    assert time.process_time() - began < 0.5
    assert (caught.value.code, caught.value.status) == ("picture_too_large", 413)
    return caught.value


def is_dear(data: bytes) -> bool:
    try:
        decode_with_warnings(data, at_least=128, budget=CHEAP)
    except DearError:
        return True
    except ImageError:
        return False
    return False


# --- refused by what the header says --------------------------------------------------------------------------------
def test_scans_are_counted_first() -> None:
    few = make_scans(512, 3000)
    error = refuse(claim_jpeg(few, 8000, 8000))
    assert error.message == "The picture is a JPEG of 3006 scans, too many for its size."
    assert error.remedy == "Shrink it and send it again."


@pytest.mark.parametrize("transparent", [False, True])
def test_a_webp_of_34_bytes(transparent: bool) -> None:
    data = make_webp(16383, 3900, transparent)
    assert len(data) == 34
    assert refuse(data).message == "The picture has 64 million pixels, more than can be read of a WEBP."
    assert decode(make_webp(1600, 1200, transparent), at_least=128).size == (1600, 1200)


def test_every_component_of_a_progressive_jpeg_counts() -> None:
    full = claim_jpeg(encode("RGB", (64, 64), "JPEG", progressive=True, subsampling=0), 8000, 8000)
    assert refuse(full).message == "The picture has 64 million pixels, more than can be read of a JPEG."
    halved = encode("RGB", (64, 64), "JPEG", progressive=True, subsampling=2)
    assert is_dear(claim_jpeg(halved, 8000, 8000))  # its colours have a quarter of the pixels


def test_a_thumbnail_is_no_scan_of_the_picture() -> None:
    thumbnail = encode("RGB", (160, 120), "JPEG")
    data = put_into_jpeg(encode("RGB", (64, 64), "JPEG"), *[jpeg_segment(0xE1, b"Exif\0\0" + thumbnail)] * 9)
    assert not is_dear(claim_jpeg(data, 8000, 8000))


def test_a_png_of_too_many_chunks() -> None:
    error = refuse(put_into_png(SMALL_PNG, png_chunk(b"prVt", b"") * 100_001))
    assert error.message == "The picture is a PNG of too many chunks."


def test_of_what_was_sent_all_who_hold_it_count() -> None:
    small = encode("RGB", (64, 64), "PNG")
    header = png_chunk(b"IHDR", struct.pack(">II", 8000, 8000) + small[24:29])
    data = PNG + header + small[33:] + bytes(20 * 2**20)
    with pytest.raises(ImageError) as caught:
        decode_with_warnings(data, at_least=128, budget=SENT)
    assert caught.value.message == "The picture has 64 million pixels in 20 MiB, more than can be read of a PNG."
    opened = Image.open(io.BytesIO(data))
    assert isinstance(opened, ImageFile.ImageFile)
    WHOLE.check_pixels(opened, data, (8000, 8000), (1000, 1000))


def test_a_jpeg_of_too_many_segments() -> None:
    photograph = encode("RGB", (64, 64), "JPEG")
    error = refuse(put_into_jpeg(photograph, jpeg_segment(0xEF, b"") * 100_001))
    assert error.message == "The picture is a JPEG of too many segments."
    assert decode(put_into_jpeg(photograph, jpeg_segment(0xEF, b"") * 1000), at_least=128).size == (64, 64)


# --- what goes to a process -----------------------------------------------------------------------------------------
@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF", "AVIF"])
def test_an_ordinary_file_of_any_format_is_cheap(kind: str) -> None:
    data = encode("RGB", (800, 800), kind, "red")
    assert is_plain(data)
    assert is_plain(b"\n" + data)
    assert decode_with_warnings(data, budget=CHEAP).image.getpixel((0, 0))[0] >= 253  # type: ignore[index]


def test_an_ordinary_photograph_and_its_notes_are_cheap() -> None:
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    exif = Image.Exif()
    exif[0x010F] = "maker"
    photograph = draw("RGB", (4000, 3000))
    for options in ({}, {"progressive": True}):
        buffer = io.BytesIO()
        photograph.save(buffer, "JPEG", exif=exif, icc_profile=profile, **options)
        assert not is_dear(buffer.getvalue())


SMALL_PNG, SMALL_JPEG = encode("RGB", (16, 16), "PNG"), encode("RGB", (16, 16), "JPEG")
ODD = {
    "segments": put_into_jpeg(SMALL_JPEG, *[jpeg_segment(0xEF, b"")] * 300),
    "fill bytes": put_into_jpeg(SMALL_JPEG, b"\xff" * 9),
    "chunks": put_into_png(SMALL_PNG, *[png_chunk(b"prVt", b"")] * 300),
    "large note": put_into_png(SMALL_PNG, png_chunk(b"eXIf", bytes(2**20 + 1))),
    "long gif": make_gif(80_000),
    "runs": make_runs(16, 16),
    "large": claim_png(6000, 4000),
    "large palette": claim_png(8000, 8000, colour=3),
    "scans": make_scans(1024, 300),
}


@pytest.mark.parametrize("name", ODD)
def test_what_may_cost_more_than_threads_can_bear_goes_elsewhere(name: str) -> None:
    assert is_dear(ODD[name])


@pytest.fixture(scope="module")
def readers() -> Readers:
    return Readers()


@pytest.mark.parametrize("name", ["segments", "chunks", "runs", "scans"])
def test_there_it_is_read_as_here(readers: Readers, name: str) -> None:
    found = readers.start(None, read_parts, ODD[name], INPUT).result()
    expected = read_parts(ODD[name], INPUT)
    assert not isinstance(found, ImageError)
    np.testing.assert_array_equal(found.parts[0].pixels, expected.parts[0].pixels)


def test_cheap_pictures_pass_dear_ones_and_those_that_waited_too_long_are_sent_away(readers: Readers) -> None:
    read = readers.read_within(0.001)
    time.sleep(0.01)
    late, cheap = read(read_parts, ODD["runs"], INPUT), read(read_parts, SMALL_PNG, INPUT)
    assert not isinstance(cheap.result(), ImageError)
    assert (late.result().code, late.result().status) == ("model_busy", 503)


# --- the same pixels, strip by strip --------------------------------------------------------------------------------
@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("factor", [1, 2, 8])
def test_strips_make_the_picture_that_the_whole_makes(mode: str, factor: int, monkeypatch: pytest.MonkeyPatch) -> None:
    picture = draw(mode)
    if mode == "P":
        picture.info["transparency"] = 3
    whole = colours.to_rgb(picture)
    monkeypatch.setattr(colours, "_WHOLE", 0)
    monkeypatch.setattr(colours, "_AT_ONCE", 50 * 9)
    shrunk = colours.to_rgb(picture, factor)
    assert shrunk.mode == "RGB"
    np.testing.assert_array_equal(shrunk, whole.reduce(factor) if factor > 1 else whole)


@pytest.mark.parametrize(("size", "at_least", "factor"), [
    ((8000, 8000), 448, 8), ((8000, 1000), 448, 2), ((8000, 800), 448, 1), ((8000, 8000), None, 1),
    ((895, 895), 448, 1),
])  # fmt: skip
def test_no_side_gets_shorter_than_what_is_asked_for(size: tuple[int, int], at_least: Any, factor: int) -> None:
    assert choose_factor(size, at_least, 8) == factor


def test_a_large_picture_is_shrunk_upright_and_keeps_its_size(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(image, "_LARGE", 1000)
    exif = Image.Exif()
    exif[0x0112] = 6
    picture = draw("RGB", (400, 300))
    for kind in ("PNG", "TIFF", "JPEG"):
        buffer = io.BytesIO()
        picture.save(buffer, kind, exif=exif)
        decoded = decode_with_warnings(buffer.getvalue(), at_least=100)
        assert (decoded.image.size, decoded.size) == ((150, 200), (300, 400)), kind
        if kind != "JPEG":
            expected = picture.reduce(2).transpose(Image.Transpose.ROTATE_270)
            assert np.abs(np.asarray(decoded.image).astype(int) - np.asarray(expected)).max() <= 1, kind


def test_a_page_says_the_files_size_however_it_was_shrunk() -> None:
    page = read_page(encode("RGB", (5200, 5120), "JPEG", "white"))
    assert page.image is not None
    assert (page.width, page.height, page.image.size) == (5200, 5120, (1280, 1260))
