"""Trees of files as people's tools leave them, made of one tiny picture."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from pathlib import Path

from PIL import Image

from model_training.datasets.folders import Dataset

#: What a file of each suffix holds; all others are tiny JPEGs.
CONTENT = {".txt": b"notes", ".csv": b"a,b\n1,2\n", ".json": b"{}", ".xml": b"<a/>", ".db": b"\xd0\xcf\x11\xe0"}
CONTENT |= {".ini": b"[a]", ".mp4": b"\0\0\0\x18ftypisom\0\0\0\0isom", ".zip": b"PK\3\4", ".heic": b"", ".psd": b"8BPS"}
CONTENT |= {".svg": b"<svg/>", ".html": b"<html>"}
CONTENT[".heic"] = b"\0\0\0\x18ftypheic\0\0\0\0mif1heic" + bytes(40)


def encode(colour: tuple[int, int, int] = (200, 30, 60), form: str = "JPEG", side: int = 8) -> bytes:
    buffer = io.BytesIO()
    Image.new("RGB", (side, side), colour).save(buffer, form)
    return buffer.getvalue()


JPEG = encode()


def plant(root: Path, paths: Sequence[str] | Mapping[str, bytes | None]) -> Path:
    """Write files; a path that ends in `/` is an empty folder, `a/*3` stands for `a/1.jpg` to `a/3.jpg`."""
    contents = paths if isinstance(paths, Mapping) else dict.fromkeys(paths)
    for path, content in contents.items():
        folder, _, count = path.rpartition("/*")
        for name in [f"{folder}/{n}.jpg" for n in range(1, int(count) + 1)] if folder else [path]:
            place = root / name
            if name.endswith("/"):
                place.mkdir(parents=True, exist_ok=True)
                continue
            place.parent.mkdir(parents=True, exist_ok=True)
            given = CONTENT.get(place.suffix.lower(), JPEG) if content is None else content
            place.write_bytes(given)
    return root


def read(dataset: Dataset) -> dict[str, str]:
    """Path → class, with the split before it where one is given."""
    return {
        dataset.place(entry): f"{entry.split}:{entry.label}" if entry.split else entry.label
        for entry in dataset.entries
    }


def findings(dataset: Dataset) -> dict[str, int]:
    return {each.what: each.count for each in dataset.findings}
