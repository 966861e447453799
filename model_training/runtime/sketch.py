"""Drawings → answers: detect, crop, classify all crops as one batch."""

from __future__ import annotations

import base64
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from .card import DetectorPart, ModelCard
from .classifier import Answer, Classifier, softmax
from .detector import Detector
from .drawing import MARGIN, Box, crop_square, has_drawing, ink_box
from .errors import BundleError, ImageError
from .image import decode
from .preprocess import fit

#: Most objects of one drawing that are classified, the surest first: the answer's time stays bounded.
MOST_OBJECTS = 24
_TOP = 5
#: Pages are looked at in no more pixels than this a side: strokes stay, a telephone's 12 megapixels do not.
_LARGEST = 1280


@dataclass(frozen=True)
class Page:
    """An upright drawing in RGB, shrunk where it is large, and the file's own size in pixels."""

    image: Image.Image
    width: int
    height: int

    def enlarge(self, box: Box) -> list[float]:
        """A box in the shrunken image → in the file's pixels."""
        across, down = self.width / self.image.width, self.height / self.image.height
        return [round(value * factor, 1) for value, factor in zip(box, (across, down) * 2, strict=True)]


class Sketch(Classifier):
    """A sketch bundle, ready to answer: a detector before the classifier."""

    def __init__(self, card: ModelCard, bundle: Path, device: str) -> None:
        super().__init__(card, bundle, device)
        if card.detector is None:
            raise BundleError(
                f"{bundle / 'card.json'}: the card has no detector.", "Make the bundle again: make sketch."
            )
        self.settings: DetectorPart = card.detector
        self.detect = Detector(card.detector, bundle)

    def answer(
        self, images: Sequence[bytes | bytearray], explain: Sequence[bool] | None = None
    ) -> list[Answer | ImageError]:
        """Judge each drawing by itself; the crops of all go through the classifier as one batch.

        `images`: encoded files. `explain` changes nothing: boxes say where each object was seen.
        Returns one answer for each in order (see ARCHITECTURE.md); for one that can't be read its `ImageError`.
        """
        started = time.perf_counter()
        pages = list(self.readers.map(_try_decode, images))
        found = [[] if isinstance(page, ImageError) else self.find(page.image) for page in pages]
        crops = [
            self.crop(page.image, box)
            for page, objects in zip(pages, found, strict=True)
            if not isinstance(page, ImageError)
            for box, _ in objects
        ]
        judged = iter(self.classify(crops))
        elapsed = (time.perf_counter() - started) * 1000
        return [
            page
            if isinstance(page, ImageError)
            else self._say(page, [(box, score, next(judged)) for box, score in objects], elapsed)
            for page, objects in zip(pages, found, strict=True)
        ]

    def find(self, page: Image.Image) -> list[tuple[Box | None, float | None]]:
        """What is drawn on an RGB page: boxes in its pixels with the detector's scores, best first. One (None, None),
        for the whole page, where there are strokes but no box; nothing where there is no drawing."""
        if not has_drawing(page, self.settings.min_flatness):
            return []
        boxes, scores = self.detect(page)
        rows = zip(boxes[:MOST_OBJECTS].tolist(), scores[:MOST_OBJECTS].tolist(), strict=True)
        return [((box[0], box[1], box[2], box[3]), score) for box, score in rows] or [(None, None)]

    def crop(self, page: Image.Image, box: Box | None) -> np.ndarray:
        """An object as the classifier sees it, uint8 (height, width, 3); None stands for all strokes of the page."""
        place = box or ink_box(page) or (0, 0, *page.size)
        # What the classifier was trained on was cut out around its strokes by `fit`; here the box says where to cut.
        return fit(crop_square(page, place, MARGIN), self.card.preprocessing.model_copy(update={"fit": "stretch"}))

    def classify(self, crops: Sequence[np.ndarray]) -> list[tuple[np.ndarray, np.ndarray]]:
        """Probabilities float64 (classes,) and embedding float32 (D,) of unit length for each crop."""
        if not crops:
            return []
        logits, features = self.execute.forward_with_features(np.stack(crops))
        embeddings = features / np.maximum(np.linalg.norm(features, axis=1, keepdims=True), 1e-12)
        return list(zip(softmax(logits, self.card.calibration.temperature), embeddings, strict=True))

    def embed(self, pages: Sequence[Image.Image]) -> np.ndarray:
        """Embeddings float32 (N, D) of whole images, for a gallery: the square around a drawing's strokes, or of a
        photograph all of it."""
        crops = []
        for page in pages:
            box = ink_box(page) if has_drawing(page, self.settings.min_flatness) else None
            crops.append(self.crop(page, box or (0, 0, *page.size)))
        return np.stack([embedding for _, embedding in self.classify(crops)])

    def warm_up(self) -> None:
        size = (self.card.preprocessing.width, self.card.preprocessing.height)
        page = Image.new("RGB", size, "white")
        self.detect(page)
        self.classify([np.asarray(page)])

    def _say(
        self,
        page: Page,
        objects: list[tuple[Box | None, float | None, tuple[np.ndarray, np.ndarray]]],
        elapsed_ms: float,
    ) -> Answer:
        return {
            "objects": [
                {
                    "box": None if box is None else page.enlarge(box),
                    "score": None if score is None else round(score, 4),
                    **self._name(*judged),
                }
                for box, score, judged in objects
            ],
            "verdict": "recognised" if objects else "no_drawing",
            "width": page.width,
            "height": page.height,
            "processing_time_ms": round(elapsed_ms, 2),
            "model": self.card.name,
            "version": self.card.version,
        }

    def _name(self, probabilities: np.ndarray, embedding: np.ndarray) -> dict[str, object]:
        order = np.argsort(-probabilities, kind="stable")[:_TOP]
        best = self.card.labels[order[0]]
        return {
            "class": best.key,
            "title": best.title.model_dump(),
            "confidence": round(float(probabilities[order[0]]), 6),
            "probabilities": {self.card.labels[row].key: round(float(probabilities[row]), 6) for row in order},
            "embedding": base64.b64encode(embedding.astype("<f4").tobytes()).decode("ascii"),
        }


def read_page(data: bytes | bytearray) -> Page:
    """Raises `ImageError`."""
    image = decode(data)
    width, height = image.size
    image.thumbnail((_LARGEST, _LARGEST), Image.Resampling.BOX)
    return Page(image, width, height)


def _try_decode(data: bytes | bytearray) -> Page | ImageError:
    try:
        return read_page(data)
    except ImageError as error:
        return error
