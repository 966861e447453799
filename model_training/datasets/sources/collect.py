"""Candidates of a source → files and a line each in `manifest.csv`, resumable at any point."""

from __future__ import annotations

import csv
import hashlib
import io
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from PIL import Image

from ...progress import Step
from ...runtime.errors import DatasetError, ImageError
from ...runtime.files import replacing
from ...runtime.image import decode
from ..manifest import NAME

COLUMNS = ("path", "label", "title", "artist", "rating", "source", "url", "licence", "sha256")

_SUFFIX = {
    "JPEG": ".jpg",
    "PNG": ".png",
    "WEBP": ".webp",
    "GIF": ".gif",
    "BMP": ".bmp",
    "TIFF": ".tif",
    "AVIF": ".avif",
}


@dataclass(frozen=True)
class SourceImage:
    """A file's bytes and the record of what it is and where it is from. `rating` is empty where there is none."""

    content: bytes
    label: str
    title: str
    artist: str
    url: str
    licence: str
    rating: str = ""


@dataclass(frozen=True)
class Candidate:
    """`key` is the image's name at its source; `load` fetches it, None if it turns out not to be free or there."""

    key: str
    load: Callable[[], SourceImage | None]


class Source(Protocol):
    """`name` goes into file names and the manifest. `find` lists candidates, in the same order every time; `total` is
    how many there may be, known once the first is found."""

    name: str
    total: int

    def find(self) -> Iterator[Candidate]: ...


@dataclass(frozen=True)
class Collected:
    """Counts of images: now in the folder from this source, of them new, and passed over."""

    kept: int
    new: int
    passed_over: int


def collect(source: Source, folder: Path, count: int | None, step: Step) -> Collected:
    """Bring up to `count` images of a source into `folder/<label>/`.

    An image whose file is there with the hash that the manifest records is not fetched again. A file reaches its name
    before the manifest has its line, so that whatever stops it, the next call goes on.
    Raises `DatasetError` where an image is not what the manifest says, or the source does not answer.
    """
    manifest = folder / NAME
    known = _read_known(manifest)
    kept = new = passed_over = 0
    for candidate in source.find():
        total = min(count or source.total, source.total)
        if kept >= total:
            break
        stem = f"{source.name}-{_file_name(candidate.key)}"
        if stem in known and _matches(folder / known[stem][0], known[stem][1]):
            kept += 1
            step.update(kept, total)
            continue
        image = candidate.load()
        suffix = None if image is None else _suffix(image.content)
        if image is None or suffix is None:
            passed_over += 1
            if image is not None:
                step.say(f"{image.url}: this is not a picture, passed over.")
            continue
        place = known[stem][0] if stem in known else f"{_folder_name(image.label)}/{stem}{suffix}"
        digest = hashlib.sha256(image.content).hexdigest()
        if stem in known and known[stem][1] != digest:
            raise DatasetError(
                f"{folder / place}: the picture at {image.url} is no longer the one that {NAME} records.",
                f"Remove its line from {NAME} to take the new one.",
            )
        _write(folder / place, image.content)
        if stem not in known:
            _append(manifest, place, image, source.name, digest)
        kept, new = kept + 1, new + 1
        step.update(kept, total)
    return Collected(kept, new, passed_over)


def _read_known(manifest: Path) -> dict[str, tuple[str, str]]:
    """File stem → path and hash. A last line that was cut off is removed."""
    if not manifest.exists():
        return {}
    content = manifest.read_bytes()
    whole = content[: content.rfind(b"\n") + 1]
    if whole != content:
        _write(manifest, whole)
    reader = csv.DictReader(io.StringIO(whole.decode("utf-8"), newline=""))
    if tuple(reader.fieldnames or ()) not in {COLUMNS, ()}:
        raise DatasetError(
            f"{manifest}: it has other columns than a fetched folder's.", "Give --out a folder of its own."
        )
    return {Path(row["path"]).stem: (row["path"], row["sha256"]) for row in reader}


def _matches(file: Path, digest: str) -> bool:
    return file.is_file() and hashlib.sha256(file.read_bytes()).hexdigest() == digest


def _suffix(content: bytes) -> str | None:
    """By what the bytes are, not by what the service calls them; None for what can't be decoded."""
    try:
        decode(content, at_least=64)
    except ImageError:
        return None
    return _SUFFIX.get(Image.open(io.BytesIO(content)).format or "", ".jpg")


def _file_name(key: str) -> str:
    """A key as a file's name: where that takes a change, with a hash, so that two keys never share one."""
    name = re.sub(r"[^0-9A-Za-z-]+", "_", key)[-60:]
    return name if name == key else f"{name}-{hashlib.sha256(key.encode()).hexdigest()[:8]}"


def _folder_name(label: str) -> str:
    """A label as a folder's name on every system."""
    return re.sub(r'[<>:"/\\|?*\x00-\x1f]+', "_", label).strip(" .") or "_"


def _write(file: Path, content: bytes) -> None:
    with replacing(file) as partial:
        partial.write_bytes(content)


def _append(manifest: Path, place: str, image: SourceImage, source: str, digest: str) -> None:
    """One line in one write; a line break within a cell becomes a space, so that a line is an image."""
    cells = (place, image.label, image.title, image.artist, image.rating)
    line = io.StringIO(newline="")
    writer = csv.writer(line, lineterminator="\n")
    if not manifest.exists() or not manifest.stat().st_size:
        writer.writerow(COLUMNS)
    rest = (source, image.url, image.licence, digest)
    writer.writerow([" ".join(cell.split()) for cell in cells + rest])
    with manifest.open("ab") as file:
        file.write(line.getvalue().encode("utf-8"))
