"""A picture's file → what stands in it beside the pixels, as far as anyone needs to read.

Every size that a file states is doubted: at most a megabyte of text is read or inflated, at most so many entries.
"""

from __future__ import annotations

import io
import struct
import zlib
from dataclasses import dataclass, field

from PIL import Image

from ..image import FORMATS
from .statement import Block, Reason, Unread

MOST_TEXT = 2**20
_MOST_CHUNKS = 20_000
_MOST_ENTRIES = 512
_LONGEST_VALUE = 2**16
_PNG = b"\x89PNG\r\n\x1a\n"
_TIFF = (b"II*\0", b"MM\0*")

MAKE, MODEL, SOFTWARE, DESCRIPTION, XMP, USER_COMMENT = 0x010F, 0x0110, 0x0131, 0x010E, 0x02BC, 0x9286
_EXIF_IFD = 0x8769
_WANTED = {MAKE, MODEL, SOFTWARE, DESCRIPTION, XMP, USER_COMMENT}
#: Bytes of a value by its TIFF type.
_SIZES = {1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 6: 1, 7: 1, 8: 2, 9: 4, 10: 8, 11: 4, 12: 8, 13: 4, 129: 1}
#: Photoshop's resource with IPTC's older records, and of these the credit line.
_IIM, _CREDIT = 0x0404, b"\x1c\x02\x6e"


@dataclass
class Metadata:
    """`texts`: keyword → PNG text; a JPEG's or GIF's comment is `Comment`. `exif`: tag → text. `credit`: IPTC's."""

    texts: dict[str, str] = field(default_factory=dict)
    exif: dict[int, str] = field(default_factory=dict)
    xmp: bytes = b""
    credit: str = ""
    unread: list[Unread] = field(default_factory=list)

    def miss(self, block: Block, reason: Reason) -> None:
        self.unread.append(Unread(block, reason))


def read_metadata(data: bytes | bytearray) -> Metadata:
    """Never raises: what can't be read is in `unread`."""
    found = Metadata()
    if data[:8] == _PNG:
        # Pillow gives a whole picture up for one text that inflates too far, and reads what follows the pixels late.
        _read_png(memoryview(data), found)
    elif data[:4] in _TIFF:
        _read_exif(bytes(data), found)
    else:
        _read_others(data, found)
    return found


def _read_others(data: bytes | bytearray, found: Metadata) -> None:
    try:
        with Image.open(io.BytesIO(data), formats=FORMATS) as image:
            info = dict(image.info)
    except Exception:  # whatever a decoder raises for a broken file
        return found.miss("file", "unreadable")
    found.xmp = _as_bytes(info.get("xmp"))
    if comment := _as_bytes(info.get("comment")):
        found.texts["Comment"] = comment[:_LONGEST_VALUE].decode("utf-8", "replace")
    if exif := _as_bytes(info.get("exif")):
        _read_exif(exif.removeprefix(b"Exif\0\0"), found)
    resources = info.get("photoshop")
    if isinstance(resources, dict):
        found.credit = _read_credit(_as_bytes(resources.get(_IIM)))
    return None


def _as_bytes(value: object) -> bytes:
    return value if isinstance(value, bytes) else value.encode() if isinstance(value, str) else b""


def _read_png(data: memoryview, found: Metadata) -> None:
    """Each chunk is its length, its kind, so many bytes and a checksum (PNG, third edition, 5.3)."""
    place, left = len(_PNG), MOST_TEXT
    for _ in range(_MOST_CHUNKS):
        if place + 8 > len(data):
            return
        length, kind = struct.unpack_from(">I4s", data, place)
        if kind == b"eXIf" or kind in _TEXTS:
            body = bytes(data[place + 8 : place + 8 + min(length, MOST_TEXT)])
            if len(body) < length:
                found.miss("exif" if kind == b"eXIf" else "png_text", "cut")
            if kind == b"eXIf":
                _read_exif(body, found)
            else:
                left -= _read_png_text(kind, body, left, found)
        place += 12 + length
    found.miss("png_text", "cut")


def _read_png_text(kind: bytes, body: bytes, left: int, found: Metadata) -> int:
    """Returns how long the text was: at most `left` bytes."""
    keyword = body[:80].partition(b"\0")[0]
    try:
        text, cut = _TEXTS[kind](body[len(keyword) + 1 :], left)
    except (ValueError, zlib.error):
        found.miss("png_text", "unreadable")
        return 0
    if cut:
        found.miss("png_text", "cut")
    if keyword == b"XML:com.adobe.xmp":
        found.xmp = text
    else:
        encoding = "utf-8" if kind == b"iTXt" else "latin-1"
        found.texts.setdefault(keyword.decode("latin-1"), text.decode(encoding, "replace"))
    return len(text)


def _take(body: bytes, left: int) -> tuple[bytes, bool]:
    return body[:left], len(body) > left


def _inflate(body: bytes, left: int) -> tuple[bytes, bool]:
    """At most `left` bytes: inflating stops there, however much the rest would become. `body`: method, then zlib."""
    unpacker = zlib.decompressobj()
    text = unpacker.decompress(body[1:], left + 1)
    return text[:left], len(text) > left or not unpacker.eof


def _international(body: bytes, left: int) -> tuple[bytes, bool]:
    """Two bytes on compression, a language, a translated keyword, the text."""
    if len(body) < 2:
        raise ValueError(body)
    text = body[2:].split(b"\0", 2)[2:]
    if not text:
        raise ValueError(body)
    return _inflate(b"\0" + text[0], left) if body[0] else _take(text[0], left)


_TEXTS = {b"tEXt": _take, b"zTXt": _inflate, b"iTXt": _international}


def _read_exif(blob: bytes, found: Metadata) -> None:
    """The few tags that speak of the origin, of the first directory and of EXIF's own (TIFF 6.0, section 2).

    Not by Pillow, which copies every entry's value: a thousand entries that point at the same megabytes.
    """
    order = {b"II*\0": "<", b"MM\0*": ">"}.get(blob[:4])
    try:
        if order is None:
            raise ValueError
        (first,) = struct.unpack_from(f"{order}I", blob, 4)
        values = _read_directory(blob, order, first)
        if _EXIF_IFD in values and len(values[_EXIF_IFD]) == 4:
            values |= _read_directory(blob, order, struct.unpack(f"{order}I", values[_EXIF_IFD])[0])
    except (ValueError, struct.error):
        return found.miss("exif", "unreadable")
    found.xmp = found.xmp or values.pop(XMP, b"")
    found.exif |= {tag: text for tag, value in values.items() if tag in _WANTED and (text := _read_text(tag, value))}
    return None


def _read_directory(blob: bytes, order: str, place: int) -> dict[int, bytes]:
    (count,) = struct.unpack_from(f"{order}H", blob, place)
    values: dict[int, bytes] = {}
    for number in range(min(count, _MOST_ENTRIES)):
        entry = place + 2 + 12 * number
        tag, kind, length = struct.unpack_from(f"{order}HHI", blob, entry)
        if tag in _WANTED or tag == _EXIF_IFD:
            size = _SIZES.get(kind, 0) * length
            start = entry + 8 if size <= 4 else struct.unpack_from(f"{order}I", blob, entry + 8)[0]
            values[tag] = blob[start : start + min(size, MOST_TEXT if tag == XMP else _LONGEST_VALUE)]
    return values


def _read_text(tag: int, value: bytes) -> str:
    """A tag's text. A user comment begins with eight bytes that name its encoding (EXIF 2.32, 4.6.5)."""
    if tag == USER_COMMENT:
        encoding, value = value[:8], value[8:]
        if encoding == b"UNICODE\0":
            low_first = value[1::2].count(0) > value[::2].count(0)
            return value.decode("utf-16-le" if low_first else "utf-16-be", "replace").strip("\0 ")
    return value.decode("utf-8", "replace").strip("\0 ")


def _read_credit(records: bytes) -> str:
    """The credit line of IPTC-IIM: a mark, its length in two bytes, the text."""
    place = records.find(_CREDIT)
    if place < 0:
        return ""
    length = int.from_bytes(records[place + 3 : place + 5], "big")
    return records[place + 5 : place + 5 + length].decode("utf-8", "replace")
