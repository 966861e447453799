"""Which training images may stand beside an answer, and what is shown of them."""

from __future__ import annotations

import io
from collections.abc import Mapping
from pathlib import Path

import numpy as np
from PIL import Image

from ..datasets.manifest import SEPARATOR
from ..datasets.prepare import Prepared
from ..evaluation.predict import predict
from ..runtime.card import ClassifierCard
from ..runtime.execution import choose_execution
from ..runtime.image import decode
from ..runtime.neighbours import NEIGHBOURS, Neighbours, scale
from ..runtime.network import ClassificationNetwork

#: Of more training images that many, drawn by seed, stand for all: with thumbnails about two megabytes.
MOST = 600
SIDE = 96
#: Columns of a manifest that lead to an image's source, and those that say what may be done with it.
LINKS = ("link", "url", "page_url", "source_url")
LICENCES = ("licence", "license", "rights")


def write_neighbours(stage: Path, prepared: Prepared, card: ClassifierCard, network: ClassificationNetwork) -> None:
    """Write what the card says of them into `stage`, if anything. Raises what reading an image raises."""
    if card.neighbours is None:
        return
    execute = choose_execution(card, stage, lambda: network, "cpu")
    rows = prepared.rows["train"]
    if len(rows) > MOST:
        rows = np.sort(np.random.default_rng(0).choice(rows, MOST, replace=False))
    features = predict(execute, prepared.pixels, rows)[1]
    entries = [prepared.dataset.entries[row] for row in rows]
    files = [_shrink(entry.path) for entry in entries] if card.neighbours == "pictures" else []
    links = [_find(entry.columns, LINKS) for entry in entries]
    Neighbours(
        features=scale(features).astype(np.float16),
        labels=np.array([SEPARATOR.join(entry.labels) for entry in entries]),
        links=np.array([link if link.startswith(("https://", "http://")) else "" for link in links]),
        licences=np.array([_find(entry.columns, LICENCES) for entry in entries]),
        thumbnails=np.frombuffer(b"".join(files), np.uint8),
        ends=np.cumsum([len(file) for file in files], dtype=np.int64),
    ).save(stage / NEIGHBOURS)


def _find(columns: Mapping[str, str], names: tuple[str, ...]) -> str:
    lower = {name.lower(): value for name, value in columns.items()}
    return next((lower[name] for name in names if lower.get(name)), "")


def _shrink(path: Path) -> bytes:
    image = decode(path.read_bytes(), at_least=2 * SIDE)
    image.thumbnail((SIDE, SIDE), Image.Resampling.LANCZOS)
    buffer = io.BytesIO()
    image.save(buffer, "WEBP", quality=70)
    return buffer.getvalue()
