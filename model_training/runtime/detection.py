"""Drawings → answers with a detector's boxes and its own classes."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from PIL import Image

from .card import DetectorCard
from .detector import Detector, Found
from .errors import ImageError
from .model import Answer, Bytes, Readers, read_examples
from .pages import Object, answer_pages


class DetectorModel:
    """A detector's bundle, ready to answer; a `Model`."""

    def __init__(self, card: DetectorCard, bundle: Path, device: str) -> None:
        """`device` is not looked at: see `Detector`."""
        self.card = card
        self.bundle = bundle
        self.detector = Detector(card.detector, bundle)
        self.readers = Readers()

    def answer(
        self,
        images: Sequence[Bytes],
        explain: Sequence[bool] | None = None,
        paper: Sequence[bool] | None = None,
        patience: float | None = None,
    ) -> list[Answer | ImageError]:
        return answer_pages(self.card, self.readers, self._describe, images, paper, patience)

    def warm_up(self) -> None:
        self.detector(Image.new("RGB", (64, 64), "white"))

    def load_explainer(self) -> None:
        """There are no heatmaps: boxes say where an object was seen."""

    def examples(self) -> list[dict[str, object]]:
        return read_examples(self.card, self.bundle)

    def _describe(self, pages: Sequence[Image.Image]) -> list[list[Object] | None]:
        found = [self.detector.find(page) for page in pages]
        return [None if objects is None else [self._name(each) for each in objects] for objects in found]

    def _name(self, found: Found) -> Object:
        """A detector scores each class by itself, so its confidence is the score, and the others' are not asked."""
        label, score = self.card.labels[found.label], round(found.score, 4)
        return {
            "box": found.box,
            "score": score,
            "class": label.key,
            "title": label.title.model_dump(),
            "confidence": score,
            "probabilities": {label.key: score},
        }
