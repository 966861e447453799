"""A folder of images → an index that the front end searches: embeddings, thumbnails and whom to thank.

Writes `index.json`, `embeddings.npy` (float32 (N, D), unit length, row i belongs to image i) and `thumbnails/`.
"""

from __future__ import annotations

import csv
import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from ..datasets.tree import read_tree
from ..runtime.errors import DatasetError, ImageError
from ..runtime.files import replacing, write_text
from ..runtime.image import decode
from ..runtime.sketch import Sketch

_THUMBNAIL = 320
_BATCH = 16
#: Columns of `manifest.csv` that go into the index, beside `path`; `label` is the folder's name where there is none.
_WORDS = ("label", "title", "author", "source", "licence", "url")
_SYNONYMS = {"object": "label", "class": "label", "artist": "author", "license": "licence", "source_url": "url"}


@dataclass(frozen=True)
class Indexed:
    images: int
    embedded: int
    skipped: int


def index_gallery(model: Sketch, data: Path, out: Path, progress: Callable[[int, int], None]) -> Indexed:
    """Index all images under `data`. An image whose size and time of change are those of the last index, made by the
    same embedding weights, keeps its row. Unreadable files are passed over. Raises `DatasetError`.
    """
    if not data.is_dir():
        raise DatasetError(f"{data}: there is no such folder.", "Give --data FOLDER with pictures.")
    words = _read_words(data / "manifest.csv")
    files = sorted(read_tree(data).list_images())
    previous, rows = _read_previous(out, str(model.card.embedding))
    thumbnails = out / "thumbnails"
    thumbnails.mkdir(parents=True, exist_ok=True)
    images: list[dict[str, Any]] = []
    embeddings: list[np.ndarray] = []
    waiting: list[tuple[int, Image.Image]] = []
    embedded = skipped = 0

    def embed() -> None:
        if waiting:
            for (row, _), embedding in zip(waiting, model.embed([page for _, page in waiting]), strict=True):
                embeddings[row] = embedding
            waiting.clear()

    for number, path in enumerate(files, 1):
        name = path.relative_to(data).as_posix()
        stat = path.stat()
        old = previous.get(name)
        if (
            old
            and (old["bytes"], old["modified_ns"]) == (stat.st_size, stat.st_mtime_ns)
            and (out / old["thumbnail"]).is_file()
        ):
            embeddings.append(rows[old["row"]])
            images.append({key: old[key] for key in old if key != "row"} | _describe(name, words))
        else:
            content = path.read_bytes()
            try:
                page = decode(content)
            except ImageError:
                skipped += 1
                continue
            digest = hashlib.sha256(content).hexdigest()
            thumbnail = f"thumbnails/{digest[:16]}.jpg"
            _write_thumbnail(page, out / thumbnail)
            images.append(
                {"file": name, "thumbnail": thumbnail}
                | _describe(name, words)
                | {"sha256": digest, "bytes": stat.st_size, "modified_ns": stat.st_mtime_ns}
            )
            waiting.append((len(embeddings), page))
            embeddings.append(np.empty(0, np.float32))
            embedded += 1
            if len(waiting) == _BATCH:
                embed()
        progress(number, len(files))
    embed()
    if not images:
        raise DatasetError(f"{data}: there is no readable picture.", "Give a folder with JPEG, PNG or WebP files.")
    _write(out, model, images, np.stack(embeddings).astype(np.float32))
    for stray in set(thumbnails.iterdir()) - {out / str(each["thumbnail"]) for each in images}:
        stray.unlink()
    return Indexed(len(images), embedded, skipped)


def _read_words(manifest: Path) -> dict[str, dict[str, str]]:
    """Path → what the manifest says of it."""
    if not manifest.is_file():
        return {}
    with manifest.open(newline="", encoding="utf-8-sig") as file:
        return {
            line["path"].replace("\\", "/"): {
                _SYNONYMS.get(key, key): value or "" for key, value in line.items() if key
            }
            for line in csv.DictReader(file)
            if line.get("path")
        }


def _describe(name: str, words: dict[str, dict[str, str]]) -> dict[str, str]:
    said = words.get(name, {})
    found = {key: said.get(key, "") for key in _WORDS}
    found["label"] = found["label"] or Path(name).parent.name
    found["title"] = found["title"] or Path(name).stem
    return found


def _read_previous(out: Path, embedding: str) -> tuple[dict[str, dict[str, Any]], np.ndarray]:
    """The last index by file name, each image with its row; none if missing, broken or another model's."""
    try:
        content = json.loads((out / "index.json").read_text("utf-8"))
        rows = np.load(out / "embeddings.npy", allow_pickle=False)
        if content["embedding"] != embedding or len(rows) != len(content["pictures"]):
            return {}, np.empty((0, 0), np.float32)
        return {each["file"]: each | {"row": row} for row, each in enumerate(content["pictures"])}, rows
    except (OSError, ValueError, KeyError, TypeError):
        return {}, np.empty((0, 0), np.float32)


def _write_thumbnail(page: Image.Image, path: Path) -> None:
    small = page.copy()
    small.thumbnail((_THUMBNAIL, _THUMBNAIL), Image.Resampling.LANCZOS)
    with replacing(path) as temporary:
        small.save(temporary, "JPEG", quality=85)


def _write(out: Path, model: Sketch, images: list[dict[str, Any]], embeddings: np.ndarray) -> None:
    """The index last: it says how many rows there are, so a reader between the two renames sees that they differ."""
    with replacing(out / "embeddings.npy") as temporary, temporary.open("wb") as file:
        np.save(file, embeddings, allow_pickle=False)
    content = {
        "model": model.card.name,
        "model_version": model.card.version,
        "embedding": model.card.embedding,
        "dimension": int(embeddings.shape[1]),
        "pictures": images,
    }
    write_text(out / "index.json", json.dumps(content, ensure_ascii=False, indent=1) + "\n")
