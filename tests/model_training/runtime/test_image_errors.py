"""What `decode` says to bytes that are no picture, and that nothing at all gets past it."""

from __future__ import annotations

import gc
import io
import json
import struct
import subprocess
import sys
import zlib
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from model_training.runtime.errors import ImageError
from model_training.runtime.image import MAX_BYTES, MAX_PIXELS, decode

pytestmark = pytest.mark.filterwarnings(r"ignore:::PIL\.")  # pytest hides the filter that decode sets

ROOT = Path(__file__).resolve().parents[3]


def encode(kind: str, image: Image.Image | None = None, **options: object) -> bytes:
    if image is None:
        image = Image.fromarray(np.random.default_rng(0).integers(0, 256, (24, 32, 3), dtype=np.uint8))
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


def refusal(data: bytes) -> ImageError:
    with pytest.raises(ImageError) as caught:
        decode(data)
    error = caught.value
    assert error.message
    assert error.remedy
    assert "\n" not in str(error)
    return error


def chunk(name: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))


def png(width: int, height: int, *extra: bytes) -> bytes:
    header = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0))
    rows = chunk(b"IDAT", zlib.compress(bytes(10_000)))
    return b"\x89PNG\r\n\x1a\n" + header + b"".join(extra) + rows + chunk(b"IEND", b"")


# --- one code for each reason ----------------------------------------------------------------------------------------
def test_an_empty_body() -> None:
    error = refusal(b"")
    assert (error.code, error.status) == ("empty_body", 400)


@pytest.mark.parametrize(
    "data",
    [
        b"hello",
        "안녕하세요, 그림이 아닙니다.".encode(),
        b"<!doctype html><html><body>Not found</body></html>",
        b"%PDF-1.7\n1 0 obj\n<< /Type /Catalog >>\nendobj\n",
        b'<svg xmlns="http://www.w3.org/2000/svg" width="10" height="10"><rect width="10" height="10"/></svg>',
        b'{"image": "aGVsbG8="}',
        b"PK\x03\x04" + bytes(100),
        b"\0\0\0\x18ftypmp42" + bytes(100),
        b"\0\0\0\x18ftypheic" + bytes(100),
        bytes(1000),
        b"\x89PNG\r\n\x1a\n",
        b"P6 1 1 255 \0\0\0",
        b"8BPS\0\1" + bytes(100),
        b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 10 10\n",
        b"\0\0\1\0\1\0\1\1\0\0\1\0\x20\0" + bytes(60),
    ],
    ids=[
        "text",
        "korean",
        "html",
        "pdf",
        "svg",
        "json",
        "zip",
        "mp4",
        "heic",
        "zeros",
        "signature",
        "ppm",
        "psd",
        "eps",
        "ico",
    ],
)
def test_not_an_image(data: bytes) -> None:
    error = refusal(data)
    assert (error.code, error.status) == ("not_a_picture", 400)
    assert "JPEG, PNG" in error.remedy


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF"])
def test_half_an_image_is_damaged(kind: str) -> None:
    data = encode(kind)
    error = refusal(data[: len(data) // 2])
    assert (error.code, error.status) == ("broken_picture", 400)
    assert error.message.startswith("The picture is damaged (")


def test_half_an_avif_is_no_image() -> None:
    """Its tables point behind the end, and so the format itself is not recognised."""
    data = encode("AVIF")
    assert refusal(data[: len(data) // 2]).code == "not_a_picture"


def test_a_body_that_is_too_long_is_not_even_looked_at() -> None:
    error = refusal(encode("PNG") + bytes(26 * 2**20))
    assert (error.code, error.status) == ("picture_too_large", 413)
    assert "26.0 MiB" in error.message
    assert "25 MiB" in error.message


def test_the_longest_body_that_is_allowed() -> None:
    data = encode("PNG")
    assert decode(data + bytes(MAX_BYTES - len(data))).size == (32, 24)
    assert refusal(data + bytes(MAX_BYTES - len(data) + 1)).status == 413


def test_the_largest_number_of_pixels() -> None:
    assert decode(encode("PNG", Image.new("1", (8000, 8000)))).size == (8000, 8000)
    assert MAX_PIXELS == 8000 * 8000
    error = refusal(encode("PNG", Image.new("1", (8000, 8001))))
    assert (error.code, error.status) == ("picture_too_large", 413)
    assert "64 million" in error.message


def test_an_archive_in_the_text_of_a_png() -> None:
    bomb = chunk(b"zTXt", b"Comment\0\0" + zlib.compress(bytes(100 * 2**20), 9))
    assert np.asarray(decode(png(8, 8, bomb))).max() == 0  # the text is passed over


def test_a_damaged_picture_leaves_nothing_behind() -> None:
    """Sixty bytes may claim a hundred megabytes of pixels, and come again before Python looks for circles."""

    def count() -> int:
        return sum(isinstance(each, Image.Image) for each in gc.get_objects())

    before = count()
    gc.disable()
    try:
        with pytest.raises(ImageError):
            decode(png(4000, 4000))
        assert count() == before
    finally:
        gc.enable()


def test_the_message_of_a_decoder_is_cut_to_one_line() -> None:
    data = encode("JPEG")
    error = refusal(data[: len(data) // 2])
    assert error.as_answer() == {"error": {"code": error.code, "message": error.message, "remedy": error.remedy}}
    assert len(error.message) < 160


# --- bombs -----------------------------------------------------------------------------------------------------------
def tiff_of_huge_tiles() -> bytes:
    tags = [
        (256, 16),
        (257, 16),
        (258, 8),
        (259, 8),
        (262, 1),
        (277, 1),
        (322, 60_000),
        (323, 60_000),
        (324, 8),
        (325, 64),
    ]
    table = b"".join(struct.pack("<HHII", tag, 4, 1, value) for tag, value in tags)
    return b"II*\0" + struct.pack("<I", 72) + bytes(64) + struct.pack("<H", len(tags)) + table + bytes(4)


def bombs() -> dict[str, bytes]:
    """Files of a few bytes that say they hold gigapixels."""
    tiff = encode("TIFF")
    for tag in (256, 257):  # width and height: the value follows tag, type and count
        at = tiff.index(struct.pack("<HH", tag, 4 if struct.pack("<HHI", tag, 4, 1) in tiff else 3))
        tiff = tiff[: at + 2] + struct.pack("<HII", 4, 1, 50_000) + tiff[at + 12 :]
    bmp = bytearray(encode("BMP"))
    bmp[18:26] = struct.pack("<ii", 50_000, 50_000)
    jpeg = bytearray(encode("JPEG"))
    frame = jpeg.index(b"\xff\xc0")
    jpeg[frame + 5 : frame + 9] = struct.pack(">HH", 65_000, 65_000)
    webp = bytearray(encode("WEBP", lossless=True))
    header = webp.index(b"VP8L") + 9  # after the chunk's name, its length and the signature
    (bits,) = struct.unpack_from("<I", webp, header)
    struct.pack_into("<I", webp, header, bits | 0x0FFFFFFF)  # 14 bits of width, 14 of height
    avif = bytearray(encode("AVIF"))
    extent = avif.index(b"ispe") + 8
    avif[extent : extent + 8] = struct.pack(">II", 16_000, 16_000)
    gif = bytearray(encode("GIF"))
    screen = bytes(gif)
    gif[6:10] = struct.pack("<HH", 65_535, 65_535)
    frame = screen.index(b",", 13 + 768)
    absurd_frame = screen[: frame + 5] + struct.pack("<HH", 65_535, 65_535) + screen[frame + 9 :]
    return {
        "png": png(50_000, 50_000),
        "png-2^31": png(2**31 - 1, 2**31 - 1),
        "gif": bytes(gif),
        "gif-frame": absurd_frame,
        "bmp": bytes(bmp),
        "jpeg": bytes(jpeg),
        "tiff": tiff,
        "tiff-tiles": tiff_of_huge_tiles(),
        "webp": bytes(webp),
        "avif": bytes(avif),
        "png-text": png(8, 8, chunk(b"zTXt", b"Comment\0\0" + zlib.compress(bytes(100 * 2**20), 9))),
        "png-profile": png(8, 8, chunk(b"iCCP", b"icc\0\0" + zlib.compress(bytes(100 * 2**20), 9))),
        "tiff-samples": tiff_of_huge_tiles().replace(
            struct.pack("<HHII", 277, 4, 1, 1), struct.pack("<HHII", 277, 4, 1, 2**31)
        ),
    }


MEASURE = """
import json, re, sys
from pathlib import Path
sys.path.insert(0, sys.argv[1])
from model_training.runtime.errors import ImageError
from model_training.runtime.image import decode
decode(Path(sys.argv[2], "warm").read_bytes())
peak = lambda: int(re.search(r"VmHWM:\\s+(\\d+)", Path("/proc/self/status").read_text())[1])  # its own, not inherited
found = {}
for path in sorted(Path(sys.argv[2]).glob("*.bomb")):
    data, before = path.read_bytes(), peak()
    try:
        answer = decode(data).size
    except ImageError as error:
        answer = error.code
    found[path.stem] = [answer, (peak() - before) / 1024]
print(json.dumps(found))
"""


def test_no_bomb_takes_memory(tmp_path: Path) -> None:
    files = bombs()
    for name, data in files.items():
        assert len(data) < 2**20
        (tmp_path / f"{name}.bomb").write_bytes(data)
    (tmp_path / "warm").write_bytes(encode("AVIF"))  # every plugin is loaded before the measuring
    done = subprocess.run(
        [sys.executable, "-c", MEASURE, str(ROOT), str(tmp_path)],
        capture_output=True,
        text=True,
        check=True,
        timeout=120,
    )
    found = json.loads(done.stdout)
    assert found.keys() == files.keys()
    damaged = {"tiff-samples", "tiff-tiles", "avif"}
    for name, (answer, megabytes) in found.items():
        assert megabytes < 32, f"{name} took {megabytes:.0f} MiB"
        if name in ("png-text", "png-profile"):
            assert answer == [8, 8], name
        elif name in damaged:
            assert answer in ("picture_too_large", "broken_picture", "not_a_picture"), name
        else:
            assert answer == "picture_too_large", name


def test_metadata_that_makes_pillow_warn_is_no_error_in_any_thread(tmp_path: Path) -> None:
    """Also where warnings are errors, and where several threads read at once."""
    (tmp_path / "warns.jpg").write_bytes(encode("JPEG", exif=b"Exif\0\0II*\0\x08\0\0\0\xff\xff\x12\x01"))
    script = (
        "import sys; sys.path.insert(0, sys.argv[1])\n"
        "from concurrent.futures import ThreadPoolExecutor\n"
        "from pathlib import Path\n"
        "from model_training.runtime.image import decode\n"
        "data = Path(sys.argv[2]).read_bytes()\n"
        "with ThreadPoolExecutor(8) as pool:\n"
        "    print({picture.size for picture in pool.map(decode, [data] * 400)})\n"
    )
    done = subprocess.run(
        [sys.executable, "-W", "error::UserWarning", "-c", script, str(ROOT), str(tmp_path / "warns.jpg")],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert (done.stdout, done.stderr) == ("{(32, 24)}\n", "")


# --- anything at all -------------------------------------------------------------------------------------------------
def _samples() -> dict[str, bytes]:
    generator = np.random.default_rng(1)
    rgb = Image.fromarray(generator.integers(0, 256, (24, 32, 3), dtype=np.uint8))
    frames = [rgb, rgb.rotate(90), rgb.rotate(180)]
    exif = Image.Exif()
    exif[0x0112] = 6
    return {
        "jpeg": encode("JPEG", rgb, exif=exif.tobytes()),
        "progressive": encode("JPEG", rgb, progressive=True),
        "cmyk": encode("JPEG", rgb.convert("CMYK")),
        "mpo": encode("MPO", rgb, save_all=True, append_images=frames[1:]),
        "png": encode("PNG", rgb.convert("RGBA"), exif=exif.tobytes()),
        "palette": encode("PNG", rgb.quantize(16), transparency=3),
        "interlaced-16": encode("PNG", Image.fromarray(generator.integers(0, 65536, (24, 32), dtype=np.uint16))),
        "apng": encode("PNG", rgb, save_all=True, append_images=frames[1:]),
        "webp": encode("WEBP", rgb, exif=exif.tobytes()),
        "webp-lossless": encode("WEBP", rgb.convert("RGBA"), lossless=True),
        "webp-animated": encode("WEBP", rgb, save_all=True, append_images=frames[1:]),
        "gif": encode("GIF", rgb, save_all=True, append_images=frames[1:]),
        "bmp": encode("BMP", rgb),
        "bmp-palette": encode("BMP", rgb.quantize(16)),
        "tiff": encode("TIFF", rgb, exif=exif.tobytes()),
        "tiff-lzw": encode("TIFF", rgb, compression="tiff_lzw"),
        "tiff-jpeg": encode("TIFF", rgb, compression="jpeg"),
        "tiff-float": encode("TIFF", rgb.convert("F")),
        "tiff-fax": encode("TIFF", rgb.convert("1"), compression="group4"),
        "avif": encode("AVIF", rgb),
    }


SAMPLES = _samples()


def decodes_or_refuses(data: bytes, at_least: int | None) -> None:
    try:
        image = decode(data, at_least=at_least)
    except ImageError as error:
        rejected = error
    else:
        assert image.mode == "RGB"
        assert image.width * image.height <= MAX_PIXELS
        return
    assert rejected.status in (400, 413)
    assert "\n" not in rejected.message


@pytest.mark.parametrize("name", SAMPLES)
def test_the_samples_are_whole(name: str) -> None:
    assert decode(SAMPLES[name]).size in [(32, 24), (24, 32)]


@pytest.mark.parametrize("name", SAMPLES)
@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.large_base_example])
@given(choices=st.data())
def test_cut_off_anywhere(name: str, choices: st.DataObject) -> None:
    sample = SAMPLES[name]
    length = choices.draw(st.integers(1, len(sample) - 1))
    decodes_or_refuses(sample[:length], choices.draw(st.sampled_from([None, 4])))


@pytest.mark.parametrize("name", SAMPLES)
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.large_base_example])
@given(choices=st.data())
def test_damaged_anywhere(name: str, choices: st.DataObject) -> None:
    sample = bytearray(SAMPLES[name])
    # Headers are where the danger is, so half of the blows fall there.
    place = st.one_of(st.integers(0, min(200, len(sample) - 1)), st.integers(0, len(sample) - 1))
    for at, blow in choices.draw(st.lists(st.tuples(place, st.binary(min_size=1, max_size=4)), min_size=1, max_size=6)):
        sample[at : at + len(blow)] = blow
    decodes_or_refuses(bytes(sample), choices.draw(st.sampled_from([None, 4])))


@settings(max_examples=200, deadline=None)
@given(
    start=st.sampled_from([b"", *(sample[:16] for sample in SAMPLES.values())]),
    rest=st.binary(min_size=0, max_size=300),
)
def test_any_bytes(start: bytes, rest: bytes) -> None:
    decodes_or_refuses(start + rest, None)
