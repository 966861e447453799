"""The nearest images of a gallery that `hwapung gallery` indexed: an exact search by the cosine of embeddings.

A gallery is a folder with `index.json`, `embeddings.npy` (float32 (N, D), rows of length 1, row i belongs to image i)
and `thumbnails/`. It may be indexed again while the front end runs: the index is read anew when its file changed, and
an image whose thumbnail is gone is passed over.
"""

from __future__ import annotations

import json
import logging
import re
import threading
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .references import Finding, Reference, SourceState

logger = logging.getLogger(__name__)

THUMBNAIL = re.compile(r"^thumbnails/([0-9a-f]{16}\.jpg)$")

UNSET = SourceState(
    "unset", "No gallery is set.", "Index one with hwapung gallery --data FOLDER and set HWAPUNG_GALLERY."
)
MISSING = SourceState("missing", "The gallery has no index.", "Make it: hwapung gallery --data FOLDER.")
BROKEN = SourceState("broken", "The gallery's index can't be read.", "Index it again: hwapung gallery --data FOLDER.")
OTHER_MODEL = SourceState(
    "other_model", "The gallery was indexed with another model.", "Index it again with this one: hwapung gallery."
)


@dataclass(frozen=True)
class Index:
    """What the folder held when it was read. `embeddings` is float32 (N, D), mapped into memory, not loaded."""

    changed_ns: tuple[int, int]
    embedding: str
    images: tuple[dict[str, Any], ...]
    embeddings: NDArray[np.float32]


class Gallery:
    """The gallery in `folder`, or none where `folder` is None. Threads may share it."""

    def __init__(self, folder: Path | None) -> None:
        self._folder = folder
        self._index: Index | None = None
        self._lock = threading.Lock()

    def nearest(self, queries: NDArray[np.float32], embedding: str | None, count: int, place: str) -> Finding:
        """Find for each query the `count` images with the largest cosine, nearest first.

        `queries`: float32 (Q, D), rows of length 1. `embedding`: hash of the weights that made them. `place`: the URL
        under which thumbnails are found.
        """
        nothing: tuple[tuple[Reference, ...], ...] = ((),) * len(queries)
        index = self._read()
        if isinstance(index, SourceState):
            return Finding(nothing, index)
        if index.embedding != embedding or (len(queries) and queries.shape[1] != index.embeddings.shape[1]):
            return Finding(nothing, OTHER_MODEL)
        if not len(queries):
            return Finding(nothing)
        similarities = queries @ index.embeddings.T
        return Finding(tuple(self._best(row, index, count, place) for row in similarities))

    def thumbnail(self, name: str) -> Path | None:
        """The file of a thumbnail that the index names (`<sha256[:16]>.jpg`), or None."""
        index = self._read()
        if self._folder is None or isinstance(index, SourceState) or not THUMBNAIL.match(f"thumbnails/{name}"):
            return None
        path = self._folder / "thumbnails" / name
        return path if path.is_file() else None

    def _best(self, similarities: NDArray[np.float32], index: Index, count: int, place: str) -> tuple[Reference, ...]:
        """Of one row (N,) the best `count` that can still be shown, looking at twice as many for each that can't."""
        wanted = min(count, len(similarities))
        while True:
            best = np.argpartition(-similarities, wanted - 1)[:wanted]
            best = best[np.lexsort((best, -similarities[best]))]
            found = [
                _reference(index.images[row], float(similarities[row]), place)
                for row in best
                if self.thumbnail(index.images[row]["thumbnail"].rpartition("/")[2])
            ]
            if len(found) >= count or wanted == len(similarities):
                return tuple(found[:count])
            wanted = min(2 * wanted, len(similarities))

    def _read(self) -> Index | SourceState:
        """The index as it is on the disk now."""
        if self._folder is None:
            return UNSET
        with self._lock:
            try:
                changed = tuple((self._folder / name).stat().st_mtime_ns for name in ("index.json", "embeddings.npy"))
            except OSError:
                return MISSING
            if self._index is None or self._index.changed_ns != changed:
                try:
                    self._index = _load(self._folder, (changed[0], changed[1]))
                except (OSError, ValueError, TypeError, KeyError, AttributeError) as error:
                    logger.warning("gallery %s: %s", self._folder, error)
                    return BROKEN
            return self._index


def _load(folder: Path, changed_ns: tuple[int, int]) -> Index:
    """Raises `ValueError` and its kin where the two files do not belong together."""
    content = json.loads((folder / "index.json").read_text("utf-8"))
    images = tuple(content["pictures"])
    embeddings = np.load(folder / "embeddings.npy", mmap_mode="r", allow_pickle=False)
    if embeddings.dtype != np.float32 or embeddings.shape != (len(images), content["dimension"]) or not images:
        raise ValueError(f"{embeddings.dtype} {embeddings.shape} for {len(images)} images")
    for image in images:
        if not THUMBNAIL.match(image["thumbnail"]):
            raise ValueError(f"“{image['thumbnail']}” is not the name of a thumbnail")
    return Index(changed_ns, content["embedding"], images, embeddings)


def _reference(image: dict[str, Any], similarity: float, place: str) -> Reference:
    thumbnail = place + image["thumbnail"].rpartition("/")[2]
    url = str(image.get("url") or "")
    return Reference(
        source="gallery",
        title=str(image.get("title") or image.get("label") or Path(image["file"]).stem),
        author=str(image.get("author") or ""),
        licence=str(image.get("licence") or ""),
        origin=str(image.get("source") or ""),
        page_url=url if url.startswith(("https://", "http://")) else "",
        thumbnail=thumbnail,
        picture=thumbnail,
        similarity=round(similarity, 4),
    )
