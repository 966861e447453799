"""MP4 and MOV: the tables of samples are checked against the file before anything is made of them.

A table can say in a few bytes that there are millions of samples, all of one size, and FFmpeg makes a list of them
before it looks for the first. Samples lie in the file, so there are no more of them than bytes.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import IO

from .. import errors

#: Boxes that hold boxes, down to where the tables are.
PARENTS = (b"moov", b"trak", b"mdia", b"minf", b"stbl", b"moof", b"traf")
#: Box → the bytes of its entries: their number must fit in the box.
LISTS = {b"stts": 8, b"ctts": 8, b"stsc": 12, b"stco": 4, b"co64": 8, b"stss": 4, b"elst": 12, b"sbgp": 8}
#: What `trun` says of each sample by these flags, 4 bytes each: duration, size, flags, offset of composition.
SAMPLE_FLAGS = (0x100, 0x200, 0x400, 0x800)
#: More boxes are no film's.
MOST_BOXES = 200_000

Box = tuple[bytes, int, int]


def check_tables(file: IO[bytes]) -> None:
    """Raises `RequestError` (`broken_video`) for a file that claims more than it holds. Leaves it at its beginning."""
    size = file.seek(0, 2)
    file.seek(4)
    left = size
    try:
        if file.read(4) in (b"ftyp", b"moov", b"mdat", b"wide", b"free", b"skip", b"styp", b"moof"):
            for number, (kind, start, end) in enumerate(_walk(file, size)):
                left -= _count_bytes(file, kind, start, end)
                if left < 0 or number > MOST_BOXES:
                    raise errors.broken_video("its tables claim more than the file holds")
    except struct.error:
        pass  # the tables break off: FFmpeg says what of it can be read
    finally:
        file.seek(0)


def _walk(file: IO[bytes], size: int) -> Iterator[Box]:
    """Kind, beginning and end of the contents of each box, as FFmpeg takes them: none reaches beyond the one that it
    lies in, except beyond the end of a file that was cut."""
    open_boxes = [(0, 2**64)]
    while open_boxes:
        at, end = open_boxes.pop()
        if min(end, size) - at < 8:
            continue
        file.seek(at)
        length, kind = struct.unpack(">I4s", file.read(8))
        head = 8
        if length == 1:
            (length,) = struct.unpack(">Q", file.read(8))
            head = 16
        if length and length < head:
            continue  # nothing more is read of the box around it
        after = min(at + length, end) if length else min(end, size)
        open_boxes.append((after, end))
        if kind in PARENTS:
            open_boxes.append((at + head, after))
        yield kind, at + head, after


def _count_bytes(file: IO[bytes], kind: bytes, start: int, end: int) -> int:
    """The bytes that a table's samples take in the file at least: one each. More than any file has for a list that is
    longer than its box."""
    file.seek(start)
    if kind == b"stsz":
        size, count = struct.unpack(">4xII", file.read(12))
        return _needed(0 if size else 4 * count, end - start - 12, count)
    if kind == b"stz2":
        bits, count = struct.unpack(">7xBI", file.read(12))
        return _needed(bits * count // 8, end - start - 12, count)
    if kind == b"trun":
        flags, count = struct.unpack(">II", file.read(8))
        return _needed(4 * count * sum(bool(flags & each) for each in SAMPLE_FLAGS), end - start - 8, count)
    if kind in LISTS:
        (count,) = struct.unpack(">4xI", file.read(8))
        return _needed(LISTS[kind] * count, end - start - 8, 0)
    return 0


def _needed(listed: int, room: int, samples: int) -> int:
    return samples if listed <= room else 2**62
