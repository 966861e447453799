"""What of a damaged file can still be shown, as a browser shows it: a PNG without its broken notes, the rows of a file
that was cut off near its end.

A file is asked twice: decoded over black and over white, or padded in two ways. Where both give the same it was there.
"""

from __future__ import annotations

import codecs
import struct
import zlib
from collections.abc import Callable

import numpy as np
from PIL import Image, ImageFile

from .budget import PNG

#: The share of the pixels that a file must hold for the picture to be read.
SHARE = 0.95

Open = Callable[[bytes], ImageFile.ImageFile]


#: Chunks that change what is shown, and may be left out: transparency, orientation, colours, the frames of an APNG.
_SHOWN = {b"tRNS", b"eXIf", b"iCCP", b"acTL", b"fcTL", b"fdAT"}
_MOST_PROFILE = 2**20  # of a profile's bytes; Pillow gives an image up for a longer one
_END_OF_IMAGE = b"\xff\xd9"
_BLOCK_ROWS = 16  # at most, of a JPEG with subsampled colours


def strip(data: bytes) -> bytes:
    """A file without what stands in its way: blanks and a byte order mark before it; of a PNG the chunks that change
    nothing that is shown, and those that do but are damaged."""
    data = data.removeprefix(codecs.BOM_UTF8).lstrip()
    if not data.startswith(PNG):
        return data
    kept, at = [PNG], len(PNG)
    while at + 8 <= len(data):
        length, name = struct.unpack_from(">I4s", data, at)
        chunk = data[at : at + 12 + length]
        if name[:1].isupper() or (name in _SHOWN and _is_sound(chunk)):
            kept.append(chunk)
        at += len(chunk)
        if name == b"IEND":
            break
    return b"".join(kept)


def _is_sound(chunk: bytes) -> bool:
    name, body, checksum = chunk[4:8], chunk[8:-4], chunk[-4:]
    if zlib.crc32(name + body) != int.from_bytes(checksum):
        return False
    if name == b"eXIf":
        return body.startswith((b"II*\0", b"MM\0*"))
    if name != b"iCCP":
        return True
    method_and_profile = body.partition(b"\0")[2]
    inflate = zlib.decompressobj()
    try:
        inflate.decompress(method_and_profile[1:], _MOST_PROFILE)
    except zlib.error:
        return False
    return inflate.eof and method_and_profile[0] == 0


def rescue(data: bytes, open_image: Open) -> Image.Image | None:
    """The loaded image of a file that ends early, where it holds `SHARE` of the pixels at least; else None.

    A row that is not there repeats the nearest one that is. Of a JPEG these are whole rows of blocks; one that is
    progressive must have every scan, and the last one as far.
    """
    if data.startswith(b"\xff\xd8"):
        image, missing = _finish_jpeg(data, open_image)
    elif data.startswith(b"RIFF"):
        image, missing = _pad_webp(data, open_image)
    else:
        image = _load_over(data, open_image, 0)
        missing = _differ(image, _load_over(data, open_image, 255))
    rows = missing.any(1)
    if missing.mean() > 1 - SHARE or rows.all():
        return None
    there = np.flatnonzero(~rows)
    for row in np.flatnonzero(rows):
        nearest = int(there[np.abs(there - row).argmin()])
        image.paste(image.crop((0, nearest, image.width, nearest + 1)), (0, int(row)))
    return image


def _differ(one: Image.Image, other: Image.Image) -> np.ndarray:
    """bool (height, width)"""
    samples = (np.asarray(one) != np.asarray(other)).reshape(one.height, one.width, -1)
    differ: np.ndarray = np.logical_or.reduce(samples, axis=2)
    return differ


def _load_over(data: bytes, open_image: Open, ink: int) -> ImageFile.ImageFile:
    """What can be decoded, over one colour: the decoder stops where the file does, and leaves the rest as it was."""
    image = open_image(data)
    prepare = image.load_prepare

    def prepare_over_ink() -> None:
        prepare()
        image.im.paste(ink if image.im.bands == 1 else (ink,) * image.im.bands, (0, 0, *image.im.size))

    image.load_prepare = prepare_over_ink  # type: ignore[method-assign]
    try:
        image.load()
    except Image.DecompressionBombError:
        raise
    except Exception:  # a decoder's word for a file that ends early
        image.tile = []
    finally:
        # It refers to the image, which would else stay, with its pixels, until Python looks for such circles.
        del image.load_prepare
    return image


def _pad_webp(data: bytes, open_image: Open) -> tuple[Image.Image, np.ndarray]:
    """The decoder takes nothing but a whole file: it gets one of the length that the file declares."""
    lacking = int.from_bytes(data[4:8], "little") + 8 - len(data)
    if not 0 < lacking <= len(data):
        raise OSError("the file is damaged")
    first, second = (open_image(data + bytes([filling]) * lacking) for filling in (0x00, 0xA5))
    return first, _differ(first, second)


def _finish_jpeg(data: bytes, open_image: Open) -> tuple[Image.Image, np.ndarray]:
    """With an end mark the decoder gives every row: those without data in the grey of no coefficients."""
    image = open_image(data + _END_OF_IMAGE)
    image.load()
    pixels = np.asarray(image)
    pixels = pixels.reshape(image.height, image.width, -1)
    if not image.info.get("progressive"):
        grey: np.ndarray = np.abs(pixels.astype(np.int16) - 128).max(axis=2) <= 1
        begin = int(np.flatnonzero(~grey.all(1)).max(initial=-1)) + 1
        # The row of blocks in which the data end is grey from there to the right.
        within = max(0, begin - _BLOCK_ROWS) + np.flatnonzero(~grey[max(0, begin - _BLOCK_ROWS) : begin, -1])
        missing = np.arange(image.height) > within.max(initial=begin - _BLOCK_ROWS - 1)
    else:
        missing = _find_unsharpened(data, pixels, open_image)
    return image, np.repeat(missing[:, None], image.width, 1)


def _find_unsharpened(data: bytes, pixels: np.ndarray, open_image: Open) -> np.ndarray:
    """bool (height,): rows that a progressive JPEG's last scan does not reach, all of them where scans are missing.

    `pixels`: the image with all scans. Below the last row that the last scan changes, only flat rows need none.
    """
    scans = _find_scans(data)
    if not scans or not _is_complete(data, scans):
        return np.ones(len(pixels), bool)
    # The scan's head stays: without it the decoder smooths the image, since it knows that bits are lacking.
    head = scans[-1] + 2 + int.from_bytes(data[scans[-1] + 2 : scans[-1] + 4])
    before = open_image(data[:head] + _END_OF_IMAGE)
    changed = (np.asarray(before).reshape(pixels.shape) != pixels).any((1, 2))
    flat = np.ptp(pixels.astype(np.int16), axis=1).max(1) <= 16
    reached = np.arange(len(pixels)) <= np.flatnonzero(changed).max(initial=-1)
    return ~(reached | flat)


def _find_scans(data: bytes) -> list[int]:
    """Where each scan begins."""
    found, at = [], 2
    while at + 4 <= len(data):
        if data[at] != 0xFF or data[at + 1] in (0x00, 0xFF) or 0xD0 <= data[at + 1] <= 0xD7:
            at = data.find(b"\xff", at + 1)  # a scan's own data, in which no marker stands but those of restarts
            if at < 0:
                break
            continue
        if data[at + 1] == 0xDA:
            found.append(at)
        at += 2 + int.from_bytes(data[at + 2 : at + 4])
    return found


def _is_complete(data: bytes, scans: list[int]) -> bool:
    """Whether the scans bring each coefficient of each component to its last bit."""
    bits: dict[int, np.ndarray] = {}
    for at in scans:
        count = data[at + 4]
        first, last, low = (*data[at + 5 + 2 * count : at + 7 + 2 * count], data[at + 7 + 2 * count] & 0x0F)
        for component in data[at + 5 : at + 5 + 2 * count : 2]:
            bits.setdefault(component, np.full(64, 99))[first : last + 1] = low
    return all((left == 0).all() for left in bits.values())
