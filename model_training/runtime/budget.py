"""What decoding a file may cost, told before it is decoded: whether its head is an ordinary one, and by that the bytes
and the passes over its pixels that the decoder will take.

Bytes a pixel are measured: what the libraries behind Pillow hold at once (`make bench-reliability`).
"""

from __future__ import annotations

import codecs
import struct
from dataclasses import dataclass

from PIL import ExifTags, ImageFile

from .errors import ImageError

MAX_BYTES = 25 * 2**20
MAX_PIXELS = 64 * 10**6  # a 64-megapixel photograph; as RGB this is 256 MB
MOST_MEMORY = 360 * 2**20  # bytes
_MOST_PASSES = 30 * MAX_PIXELS
PNG = b"\x89PNG\r\n\x1a\n"
_JPEG, _SCAN = b"\xff\xd8", b"\xff\xda"
#: Segments before a JPEG's pixels, and chunks of any file of a megabyte: Pillow looks at each in Python.
_MOST_PARTS = 256
_MOST_CHUNKS = 100_000  # of any PNG; so many segments of a JPEG
_MOST_NOTES = 2**20  # bytes of a TIFF's values, or of one PNG chunk that is no part of the pixels
_MOST_GIF = 2**20  # bytes of a GIF, whose blocks are no longer than 255 bytes
_MOST_ENTRIES = 512
_RUNS = (1, 2)  # compressions of a BMP that Pillow decodes in Python
#: Bytes a pixel that libwebp's canvases and libavif's planes take, with their copies on the way to Pillow.
_HELD = {"WEBP": 16, "AVIF": 14, "HEIF": 14}
#: Of an animation: the frame, what was shown before it, and what is then.
_HELD_BY_FRAMES = 12
#: Pillow's own, by mode; 4 of the others.
_STORED = {"1": 1, "L": 1, "P": 1, "I;16": 2, "I;16B": 2, "I;16L": 2}


class DearError(Exception):
    """A file may cost more than the budget: whoever has a larger one may read it."""


@dataclass(frozen=True)
class Budget:
    """`memory`: bytes that decoding a file may take; `passes`: pixels that the decoder may go over, each time counted;
    `plain`: whether files without an ordinary head are dear, whatever they say of themselves; `copies`: how often its
    own bytes are held."""

    memory: int
    passes: int
    plain: bool = False
    copies: int = 4

    def check_head(self, data: bytes) -> None:
        """Before Pillow sees the file. Raises `DearError`, or `ImageError` (`picture_too_large`)."""
        if self.plain and not is_plain(data):
            raise DearError
        if data.startswith(PNG) and not _has_plain_chunks(data, _MOST_CHUNKS):
            raise too_large("The picture is a PNG of too many chunks.")
        if data.startswith(_JPEG) and _has_too_many_segments(data):
            raise too_large("The picture is a JPEG of too many segments.")

    def check_pixels(
        self, image: ImageFile.ImageFile, data: bytes, full: tuple[int, int], size: tuple[int, int]
    ) -> None:
        """Before an opened file is loaded. `full`: its own width and height; `size`: what it is shrunk to.

        Raises `DearError`, and where no budget is enough `ImageError` (`picture_too_large`).
        """
        scans = _count_scans(data) if _is_jpeg(image) else 1
        pixels = _estimate_memory(image, full, size, scans)
        memory = pixels + self.copies * len(data)
        passes = scans * full[0] * full[1]
        if passes > _MOST_PASSES:
            raise too_large(f"The picture is a JPEG of {scans} scans, too many for its size.")
        if memory > MOST_MEMORY:
            what = f"{full[0] * full[1] / 10**6:.0f} million pixels"
            if pixels <= MOST_MEMORY:
                what += f" in {len(data) / 2**20:.0f} MiB"
            raise too_large(f"The picture has {what}, more than can be read of a {image.format}.")
        if memory > self.memory or passes > self.passes:
            raise DearError


#: Of a file that threads decode, side by side; of any file.
CHEAP = Budget(64 * 2**20, 200 * 10**6, plain=True)
WHOLE = Budget(MOST_MEMORY, _MOST_PASSES)
#: Of one that was sent: the front end, TorchServe and its worker hold it, too.
SENT = Budget(MOST_MEMORY, _MOST_PASSES, copies=8)


def too_large(message: str) -> ImageError:
    return ImageError(message, "Shrink it and send it again.", code="picture_too_large", status=413)


def is_plain(data: bytes) -> bool:
    """Whether a file has an ordinary head, so that to open it takes Pillow no longer than its size lets expect."""
    data = data.removeprefix(codecs.BOM_UTF8).lstrip()
    if data.startswith(_JPEG):
        return _find_first_scan(data) is not None
    if data.startswith(PNG):
        return _has_plain_chunks(data, _MOST_PARTS + len(data) // 4096, _MOST_NOTES)
    if data.startswith(b"GIF8"):
        return len(data) <= _MOST_GIF
    if data.startswith(b"BM"):
        return data[30:31] not in (b"\1", b"\2")
    if data.startswith((b"II", b"MM")):
        return _has_plain_directory(data)
    return True  # C reads the others, and what is no picture is not read further


def _find_first_scan(data: bytes) -> int | None:
    """Where a JPEG's pixels begin; None where what is before is no ordinary list of segments."""
    at = 2
    for _ in range(_MOST_PARTS):
        if at + 4 > len(data) or data[at] != 0xFF or not 0xC0 <= data[at + 1] <= 0xFE:
            return None
        if data[at + 1] == 0xDA:
            return at
        at += 2 + int.from_bytes(data[at + 2 : at + 4])
    return None


def _has_too_many_segments(data: bytes) -> bool:
    """Whether more than any picture has come before a JPEG's pixels."""
    at = 2
    for _ in range(_MOST_CHUNKS):
        if data[at : at + 1] != b"\xff" or data[at + 1 : at + 2] in (b"", b"\xda"):
            return False
        at += 2 + int.from_bytes(data[at + 2 : at + 4])
    return True


def _count_scans(data: bytes) -> int:
    """How often the decoder goes over a JPEG's coefficients, at most: once where the first scan has all components.
    Within a scan's own data no marker stands."""
    first = _find_first_scan(data)
    if first is not None:
        frame = next((at for at in _list_segments(data, first) if data[at + 1] in (0xC0, 0xC1)), None)
        if frame is not None and data[first + 4] == data[frame + 9]:
            return 1
    return data.count(_SCAN)


def _list_segments(data: bytes, end: int) -> list[int]:
    at, found = 2, []
    while at < end:
        found.append(at)
        at += 2 + int.from_bytes(data[at + 2 : at + 4])
    return found


def _has_plain_chunks(data: bytes, most: int, longest: int = MAX_BYTES) -> bool:
    """Whether a PNG has no more than so many chunks, and none but its pixels' is longer than so many bytes."""
    at = len(PNG)
    for _ in range(most):
        if at + 8 > len(data):
            return True
        length, name = struct.unpack_from(">I4s", data, at)
        if length > longest and name not in (b"IDAT", b"fdAT"):
            return False
        if name == b"IEND":
            return True
        at += 12 + length
    return False


def _has_plain_directory(data: bytes) -> bool:
    order = {b"II*\0": "<", b"MM\0*": ">"}.get(data[:4])
    if order is None:
        return False
    try:
        (place,) = struct.unpack_from(f"{order}I", data, 4)
        (count,) = struct.unpack_from(f"{order}H", data, place)
        end = place + 2 + 12 * count
        entries = struct.iter_unpack(f"{order}HHII", data[place + 2 : end]) if count <= _MOST_ENTRIES else None
        # No type of value is longer than 8 bytes.
        return entries is not None and 8 * sum(number for _, _, number, _ in entries) <= _MOST_NOTES
    except struct.error:  # one that ends within
        return True


def choose_factor(size: tuple[int, int], at_least: int | None, most: int) -> int:
    """By how much an image of `size` (width, height) may be shrunk, a power of two up to `most`, so that neither side
    gets shorter than `at_least`."""
    factor = 1
    while at_least and 2 * factor <= most and min(size) >= 2 * factor * at_least:
        factor *= 2
    return factor


def _is_jpeg(image: ImageFile.ImageFile) -> bool:
    return image.format in ("JPEG", "MPO")


def _estimate_memory(image: ImageFile.ImageFile, full: tuple[int, int], size: tuple[int, int], scans: int) -> int:
    """Bytes that are held at once while an opened image is loaded and brought to RGB of `size`."""
    kept = image.mode == "RGB" and size == image.size and "icc_profile" not in image.info
    result = 0 if kept else 4 * size[0] * size[1]
    if _is_jpeg(image):
        coefficients = _count_coefficients(image, full) if scans > 1 else 0
        return 2 * coefficients + _STORED.get(image.mode, 4) * image.width * image.height + result
    held = _HELD.get(image.format or "", _STORED.get(image.mode, 4))
    if getattr(image, "is_animated", False):
        held = max(held, _HELD_BY_FRAMES)
    return held * full[0] * full[1] + _measure_part(image, full) + result


def _count_coefficients(image: ImageFile.ImageFile, full: tuple[int, int]) -> int:
    """Of a JPEG, all of whose components are kept until the last scan: 16 bits each."""
    layers = [(across, down) for _, across, down, _ in getattr(image, "layer", [])]
    shares = [across * down for across, down in layers] or [1]
    finest = max(across for across, _ in layers) * max(down for _, down in layers) if layers else 1
    return full[0] * full[1] * sum(shares) // max(finest, 1)


def _measure_part(image: ImageFile.ImageFile, full: tuple[int, int]) -> int:
    """Bytes of one strip or tile of a compressed TIFF, which libtiff unpacks as a whole."""
    tags = getattr(image, "tag_v2", None)
    if tags is None or tags.get(ExifTags.Base.Compression, 1) == 1:
        return 0
    width = tags.get(ExifTags.Base.TileWidth, full[0])
    rows = tags.get(ExifTags.Base.TileLength) or min(tags.get(ExifTags.Base.RowsPerStrip, full[1]), full[1])
    bits = sum(tags.get(ExifTags.Base.BitsPerSample, (1,)))
    return int(width * rows * bits // 8)
