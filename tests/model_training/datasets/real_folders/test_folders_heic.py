"""A telephone's HEIC beside JPEG: read with its reader, which is an extra, and else left out by name."""

from __future__ import annotations

import struct
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

from model_training.datasets import file_kinds
from model_training.datasets.folders import list_folder
from model_training.runtime.errors import ImageError
from model_training.runtime.image import HEIF, decode

from .trees import findings, plant, read


def encode_heic(colour: tuple[int, int, int], side: int = 64) -> bytes:
    """One HEVC frame as an HEIF file with one item (ISO/IEC 23008-12)."""
    coder = av.CodecContext.create("libx265", "w")
    coder.width = coder.height = side
    coder.pix_fmt, coder.time_base = "yuv420p", Fraction(1, 25)
    coder.options = {"x265-params": "log-level=none:repeat-headers=1", "crf": "4"}
    pixels = np.full((side, side, 3), colour, np.uint8)
    frame = av.VideoFrame.from_ndarray(pixels, "rgb24").reformat(format="yuv420p", dst_colorspace="ITU601")
    stream = b"".join(bytes(packet) for packet in [*coder.encode(frame), *coder.encode(None)])
    units = [unit for unit in stream.replace(b"\0\0\0\1", b"\0\0\1").split(b"\0\0\1") if unit]
    by_kind = {unit[0] >> 1 & 63: unit for unit in units}
    slices = b"".join(struct.pack(">I", len(unit)) + unit for unit in units if unit[0] >> 1 & 63 < 32)
    profile = by_kind[33].replace(b"\0\0\3", b"\0\0")[3:15]
    headers = b"".join(
        bytes([0x80 | kind]) + struct.pack(">HH", 1, len(by_kind[kind])) + by_kind[kind] for kind in (32, 33, 34)
    )
    config = b"\1" + profile + bytes.fromhex("f000fcfdf8f800000f03") + headers
    properties = box(b"ipco", box(b"hvcC", config) + box(b"ispe", struct.pack(">III", 0, side, side)))
    properties += box(b"ipma", struct.pack(">IIHBBB", 0, 1, 1, 2, 0x81, 0x02))
    start = box(b"ftyp", b"heic\0\0\0\0mif1heic")
    parts = box(b"hdlr", bytes(8) + b"pict" + bytes(13)) + box(b"pitm", struct.pack(">IH", 0, 1))
    parts += box(b"iinf", struct.pack(">IH", 0, 1) + box(b"infe", b"\2\0\0\0" + struct.pack(">HH", 1, 0) + b"hvc1\0"))
    parts += box(b"iprp", properties)
    locations = struct.calcsize(">IBBHHHHII") + 8
    offset = len(start) + 12 + len(parts) + locations + 8
    parts += box(b"iloc", struct.pack(">IBBHHHHII", 0, 0x44, 0, 1, 1, 0, 1, offset, len(slices)))
    return start + box(b"meta", bytes(4) + parts) + box(b"mdat", slices)


def box(kind: bytes, content: bytes) -> bytes:
    return struct.pack(">I", 8 + len(content)) + kind + content


FILES = {"cat/1.jpg": None, "cat/IMG_1.HEIC": encode_heic((200, 40, 60)), "dog/1.jpg": None}


def test_it_is_left_out_by_name_without_its_reader(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(file_kinds, "HEIF", False)
    dataset = list_folder(plant(tmp_path, FILES))
    assert read(dataset) == {"cat/1.jpg": "cat", "dog/1.jpg": "dog"}
    assert findings(dataset) == {"HEIC pictures left out (pip install pi-heif reads them)": 1}


@pytest.mark.skipif(HEIF, reason="pi-heif is installed")
def test_it_is_no_picture_without_its_reader() -> None:
    with pytest.raises(ImageError, match="not a picture that can be read"):
        decode(FILES["cat/IMG_1.HEIC"] or b"")


@pytest.mark.skipif(not HEIF, reason="needs pi-heif, an extra that nothing requires")
def test_it_is_read_with_its_reader(tmp_path: Path) -> None:
    assert read(list_folder(plant(tmp_path, FILES)))["cat/IMG_1.HEIC"] == "cat"
    pixels = np.asarray(decode((tmp_path / "cat" / "IMG_1.HEIC").read_bytes()))
    assert pixels.shape == (64, 64, 3)
    assert np.abs(pixels.astype(int) - (200, 40, 60)).max() <= 6
