"""Drawings → answers: detect, crop, classify all crops as one batch."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image

from .card import SketchCard, Verdict
from .classifier import Classifier, phrase_verdict, softmax
from .detector import Detector
from .drawing import MARGIN, Box, crop_square, has_drawing, ink_box
from .errors import ImageError
from .model import Answer, Bytes, read_examples
from .pages import Object, answer_pages
from .preprocess import fit

_TOP = 5


class Sketch:
    """A sketch bundle, ready to answer: a detector and a classifier of what it finds; a `Model`."""

    def __init__(self, card: SketchCard, bundle: Path, device: str) -> None:
        self.card = card
        self.bundle = bundle
        self.detector = Detector(card.detector, bundle)
        self.classifier = Classifier(card, bundle, device)

    def answer(
        self,
        images: Sequence[Bytes],
        explain: Sequence[bool] | None = None,
        paper: Sequence[bool] | None = None,
        patience: float | None = None,
    ) -> list[Answer | ImageError]:
        return answer_pages(self.card, self.classifier.readers, self._describe, images, paper, patience)

    def warm_up(self) -> None:
        page = Image.new("RGB", (self.card.preprocessing.width, self.card.preprocessing.height), "white")
        self.detector(page)
        self._classify([np.asarray(page)])

    def load_explainer(self) -> None:
        """There are no heatmaps: boxes say where an object was seen."""

    def examples(self) -> list[dict[str, object]]:
        return read_examples(self.card, self.bundle)

    def embed(self, pages: Sequence[Image.Image]) -> np.ndarray:
        """Embeddings float32 (N, D) of whole images, for a gallery: the square around a drawing's strokes, or of a
        photograph all of it."""
        crops = []
        for page in pages:
            box = ink_box(page) if has_drawing(page, self.card.detector.min_flatness) else None
            crops.append(self._crop(page, box or (0, 0, *page.size)))
        return self._classify(crops)[1]

    def _describe(self, pages: Sequence[Image.Image]) -> list[list[Object] | None]:
        found = [self._find(page) for page in pages]
        crops = [
            self._crop(page, each["box"]) for page, objects in zip(pages, found, strict=True) for each in objects or ()
        ]
        if not crops:
            return found
        named = (self._name(*each) for each in zip(*self._classify(crops), strict=True))
        return [None if objects is None else [each | next(named) for each in objects] for objects in found]

    def _find(self, page: Image.Image) -> list[Object] | None:
        """Boxes and scores; strokes without a box are one object, the whole page."""
        found = self.detector.find(page)
        if found is None:
            return None
        return [{"box": each.box, "score": round(each.score, 4)} for each in found] or [{"box": None, "score": None}]

    def _crop(self, page: Image.Image, box: Box | None) -> np.ndarray:
        """An object as the classifier sees it, uint8 (height, width, 3); None stands for all strokes of the page."""
        place = box or ink_box(page) or (0, 0, *page.size)
        # What the classifier was trained on was cut out around its strokes by `fit`; here the box says where to cut.
        return fit(crop_square(page, place, MARGIN), self.card.preprocessing.model_copy(update={"fit": "stretch"}))

    def _classify(self, crops: Sequence[np.ndarray]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Probabilities float64 (N, classes), embeddings float32 (N, D) of unit length, and which crops are unlike
        those of the training, bool (N,)."""
        seen = self.classifier.observe(np.stack(crops))
        embeddings = seen.features / np.maximum(np.linalg.norm(seen.features, axis=1, keepdims=True), 1e-12)
        ood = self.card.ood
        unknown = seen.distances > (ood.threshold if ood and ood.threshold is not None else np.inf)
        return softmax(seen.logits, self.card.calibration.temperature), embeddings, unknown

    def _name(self, probabilities: np.ndarray, embedding: np.ndarray, unknown: bool) -> Object:
        order = np.argsort(-probabilities, kind="stable")[:_TOP]
        best = self.card.labels[order[0]]
        confidence = float(probabilities[order[0]])
        # Without what tells strangers, an object is named and not judged, as in bundles made before it was.
        known: Verdict = "sure" if confidence >= self.card.thresholds.sure else "unsure"
        judged = phrase_verdict(known, "unlike" if unknown else None) if self.card.ood else {}
        return {
            "class": best.key,
            "title": best.title.model_dump(),
            "confidence": round(confidence, 6),
            "probabilities": {self.card.labels[row].key: round(float(probabilities[row]), 6) for row in order},
            "embedding": base64.b64encode(embedding.astype("<f4").tobytes()).decode("ascii"),
            **judged,
        }
