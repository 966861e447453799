"""Pictures that are cheap to send and dear to decode. Each is a whole file that a decoder takes for what it says."""

from __future__ import annotations

import io
import struct
import zlib
from collections.abc import Callable
from typing import Any

from PIL import Image

PNG = b"\x89PNG\r\n\x1a\n"
#: 64 megapixels: the largest picture that any format may be.
SIDE = 8000


def encode(mode: str, size: tuple[int, int], kind: str, colour: Any = 0, **options: Any) -> bytes:
    buffer = io.BytesIO()
    Image.new(mode, size, colour).save(buffer, kind, **options)
    return buffer.getvalue()


def png_chunk(name: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))


def put_into_png(png: bytes, *chunks: bytes) -> bytes:
    """With chunks after the header."""
    head = len(PNG) + 25
    return png[:head] + b"".join(chunks) + png[head:]


def put_into_jpeg(jpeg: bytes, *segments: bytes) -> bytes:
    """With segments before all others."""
    return jpeg[:2] + b"".join(segments) + jpeg[2:]


def jpeg_segment(marker: int, body: bytes) -> bytes:
    return struct.pack(">BBH", 0xFF, marker, len(body) + 2) + body


def make_scans(side: int, repeats: int) -> bytes:
    """A JPEG whose last scan stands in it `repeats` times more."""
    data = encode("L", (side, side), "JPEG", 128, progressive=True, quality=50)
    last = data.rindex(b"\xff\xda")
    return data[:-2] + data[last:-2] * repeats + data[-2:]


def make_exif(entries: int, length: int) -> bytes:
    """A TIFF structure of so many entries which all claim the same bytes of its end."""
    head = struct.pack("<2sHIH", b"II", 42, 8, entries)
    place = 8 + 2 + 12 * entries + 4
    listed = b"".join(struct.pack("<HHII", 40000 + n % 20000, 7, length, place) for n in range(entries))
    return head + listed + bytes(4 + length)


def make_webp(width: int, height: int, transparent: bool) -> bytes:
    """Without loss and of one colour: 34 bytes, whatever its size."""
    small = encode("RGBA" if transparent else "RGB", (16, 16), "WEBP", lossless=True)
    at = small.index(b"VP8L") + 9
    bits = int.from_bytes(small[at : at + 4], "little") & ~(2**28 - 1) | (width - 1) | (height - 1) << 14
    return small[:at] + bits.to_bytes(4, "little") + small[at + 4 :]


def make_gif(frames: int, blocks: bytes = b"") -> bytes:
    """Of one pixel, so many blank frames, and extension blocks before them."""
    head = b"GIF89a" + struct.pack("<HHBBB", 1, 1, 0x80, 0, 0) + b"\0\0\0\xff\xff\xff"
    frame = b"\x2c" + struct.pack("<HHHHB", 0, 0, 1, 1, 0) + b"\x02\x02\x44\x01\x00"
    return head + blocks + frame * frames + b";"


def make_runs(width: int, height: int) -> bytes:
    """A BMP whose runs are one pixel long each: two bytes a pixel, and a step of an interpreter's loop."""
    runs = (b"\x01\x00" * width + b"\0\0") * height + b"\0\1"
    colours = bytes(1024)
    offset = 14 + 40 + len(colours)
    head = struct.pack("<2sIII", b"BM", offset + len(runs), 0, offset)
    return head + struct.pack("<IiiHHIIiiII", 40, width, height, 1, 8, 1, len(runs), 0, 0, 256, 0) + colours + runs


def make_tiff(entries: int, length: int) -> bytes:
    """A whole TIFF with so many entries more, which all claim the same bytes of its end."""
    plain = encode("L", (8, 8), "TIFF")
    (first,) = struct.unpack_from("<I", plain, 4)
    (count,) = struct.unpack_from("<H", plain, first)
    old = plain[first + 2 : first + 2 + 12 * count]
    place = len(plain) + 2 + 12 * (count + entries) + 4
    more = b"".join(struct.pack("<HHII", 40000 + n % 20000, 7, length, place) for n in range(entries))
    directory = struct.pack("<H", count + entries) + old + more + bytes(4)
    return plain[:4] + struct.pack("<I", len(plain)) + plain[8:8] + plain[8:] + directory + bytes(length)


def _large(mode: str, kind: str, **options: Any) -> Callable[[], bytes]:
    return lambda: encode(mode, (SIDE, SIDE), kind, **options)


def _hide(kind: str, *parts: bytes) -> Callable[[], bytes]:
    """In a small red picture."""
    put = put_into_png if kind == "PNG" else put_into_jpeg
    return lambda: put(encode("RGB", (64, 64), kind, "red"), *parts)


#: Of as many pixels as may be: what they multiply to is for the decoder to bound.
LARGE: dict[str, Callable[[], bytes]] = {
    **{f"png {mode}": _large(mode, "PNG") for mode in ("1", "L", "LA", "P", "RGB", "RGBA", "I;16")},
    **{f"tiff {mode}": _large(mode, "TIFF", compression="tiff_deflate")
       for mode in ("1", "L", "LA", "P", "RGB", "RGBA", "CMYK", "LAB", "I;16", "I", "F")},
    "tiff strip": lambda: encode("RGB", (SIDE, SIDE), "TIFF", compression="tiff_deflate", strip_size=2**30),
    "jpeg": _large("RGB", "JPEG"),
    "jpeg cmyk": _large("CMYK", "JPEG"),
    "jpeg progressive": _large("RGB", "JPEG", progressive=True, subsampling=0),
    "jpeg progressive cmyk": _large("CMYK", "JPEG", progressive=True, subsampling=0),
    "jpeg strip": lambda: encode("RGB", (985, 64970), "JPEG", progressive=True, subsampling=0),
    "gif": _large("P", "GIF"),
    "bmp": _large("1", "BMP"),
    "webp": lambda: make_webp(16383, 3900, False),
    "webp transparent": lambda: make_webp(16383, 3900, True),
    "webp lossy": lambda: encode("RGBA", (4800, 4800), "WEBP", (1, 2, 3, 100), method=0),
    "avif": lambda: encode("RGB", (5000, 5000), "AVIF", speed=10),
    "avif transparent": lambda: encode("RGBA", (5000, 5000), "AVIF", (1, 2, 3, 4), speed=10),
}  # fmt: skip

#: Of any size, but with so much of something else that reading it takes long or much.
ODD: dict[str, Callable[[], bytes]] = {
    "jpeg of 3,000 scans": lambda: make_scans(SIDE, 3000),
    "jpeg of 5,000,000 segments": lambda: _hide("JPEG", jpeg_segment(0xEF, b"") * 5_000_000)(),
    "jpeg with 20,000,000 fill bytes": lambda: _hide("JPEG", b"\xff" * 20_000_000)(),
    "jpeg whose exif claims 80 MB": lambda: _hide("JPEG", jpeg_segment(0xE1, b"Exif\0\0" + make_exif(2700, 32000)))(),
    "png of 1,600,000 chunks": lambda: _hide("PNG", png_chunk(b"prVt", b"") * 1_600_000)(),
    "png whose exif claims 600 GB": lambda: _hide("PNG", png_chunk(b"eXIf", make_exif(60000, 10**7)))(),
    "tiff that claims 600 GB": lambda: make_tiff(60000, 10**7),
    "gif of 1,000,000 frames": lambda: make_gif(1_000_000),
    "gif with a comment of 10,000,000 blocks": lambda: make_gif(1, b"!\xfe" + b"\1a" * 10_000_000 + b"\0"),
    "bmp of 10,000,000 runs": lambda: make_runs(4000, 2500),
}
