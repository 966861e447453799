"""Images → answers: what a handler, the bundle maker and the analysis all use."""

from __future__ import annotations

import time
from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from .card import ClassifierCard, ModelCard, Reason, Verdict, read_card
from .drawing import PixelBox
from .errors import ImageError
from .execution import choose_execution
from .explain import Explainer, encode_heatmap
from .facts import find_reason, read_file_facts
from .model import Answer, Bytes, Readers, read_examples
from .network import load_network
from .ood import find_unknown, load_observer
from .preprocess import read_placed
from .provenance.credentials import CredentialsReader
from .provenance.read import read_provenance


@dataclass(frozen=True)
class _Read:
    """An image as the network sees it, uint8 (height, width, 3), where in these pixels it lies, and why it is none that
    the model can judge, None where nothing speaks against it."""

    pixels: np.ndarray
    box: PixelBox
    reason: Reason | None


class ImageClassifier(ABC):
    """What models that judge an image as a whole have in common: decoding, one network, gate, heatmap; a `Model`."""

    def __init__(self, card: ClassifierCard, bundle: Path, device: str) -> None:
        self.card = card
        self.bundle = bundle
        network = load_network(card, bundle)
        self.execute = choose_execution(card, bundle, network, device)
        self.observe = load_observer(card, bundle, self.execute)
        self.explainer = Explainer(network, device)
        self.readers = Readers()
        self.credentials = CredentialsReader.from_environment() if card.reads_provenance else None

    @abstractmethod
    def calibrate(self, logits: np.ndarray) -> np.ndarray:
        """Probabilities, float64 (N, classes), of logits (N, classes)."""

    @abstractmethod
    def choose_explained(self, probabilities: np.ndarray) -> np.ndarray:
        """int (N,): the class of each image whose heatmap is drawn."""

    @abstractmethod
    def judge(self, probabilities: np.ndarray) -> tuple[Answer, Verdict]:
        """What an answer says of one image's probabilities, (classes,), and its verdict if the image is known."""

    @abstractmethod
    def choose_set(self, probabilities: np.ndarray) -> Answer | None:
        """The answer's `prediction_set`; None for a card that promises none."""

    def answer(
        self, images: Sequence[Bytes], explain: Sequence[bool] | None = None, paper: Sequence[bool] | None = None
    ) -> list[Answer | ImageError]:
        started = time.perf_counter()
        wanted = explain if explain is not None else [False] * len(images)
        read = self.readers.read(self._read, images)
        readable = [(index, each) for index, each in enumerate(read) if not isinstance(each, ImageError)]
        answers: dict[int, Answer] = {}
        if readable:
            pixels = np.stack([each.pixels for _, each in readable])
            probabilities, reasons = self.judge_images(pixels, [each.reason for _, each in readable])
            explanations = self._explain(
                pixels, probabilities, [each.box if wanted[index] else None for index, each in readable]
            )
            origins = self._read_origins([images[index] for index, *_ in readable])
            elapsed = round((time.perf_counter() - started) * 1000, 2)
            for row, (index, *_) in enumerate(readable):
                said = self._phrase(probabilities[row], reasons[row], elapsed)
                answers[index] = said | origins[row] | explanations[row]
        return [each if isinstance(each, ImageError) else answers[index] for index, each in enumerate(read)]

    def warm_up(self) -> None:
        preprocessing = self.card.preprocessing
        pixels = np.zeros((1, preprocessing.height, preprocessing.width, 3), np.uint8)
        self._explain(pixels, self.probabilities(pixels), [(0, 0, preprocessing.width, preprocessing.height)])

    def examples(self) -> list[dict[str, object]]:
        return read_examples(self.card, self.bundle)

    def _read(self, data: Bytes) -> _Read:
        pixels, box = read_placed(data, self.card.preprocessing)
        if (ood := self.card.ood) is None:
            return _Read(pixels, box, None)
        return _Read(pixels, box, find_reason(ood.limits, read_file_facts(data), pixels, self.card.preprocessing))

    def _read_origins(self, images: Sequence[Bytes]) -> list[Answer]:
        """What each image's file states of its origin, where the card asks for it. It changes no verdict."""
        if (credentials := self.credentials) is None:
            return [{} for _ in images]
        read = self.readers.read(lambda data: read_provenance(data, credentials).as_answer(), images)
        return [{"provenance": each} for each in read]

    def probabilities(self, pixels: np.ndarray) -> np.ndarray:
        """`pixels`: uint8 (N, height, width, 3). Returns calibrated probabilities, float64 (N, classes)."""
        return self.calibrate(self.execute(pixels))

    def judge_images(
        self, pixels: np.ndarray, reasons: Sequence[Reason | None]
    ) -> tuple[np.ndarray, list[Reason | None]]:
        """Calibrated probabilities, float64 (N, classes), and why an image is unknown, None where it isn't.

        `pixels`: uint8 (N, height, width, 3); `reasons`: why an image is none to be judged, before its features.
        """
        observed = self.observe(pixels)
        return self.calibrate(observed.logits), find_unknown(self.card.ood, reasons, observed.distances)

    def _explain(self, pixels: np.ndarray, probabilities: np.ndarray, boxes: Sequence[PixelBox | None]) -> list[Answer]:
        """`boxes`: where each image lies in its pixels, None where no heatmap is wanted. A map is of the image,
        without the margins that a letterbox adds."""
        wanted = {row: box for row, box in enumerate(boxes) if box}
        explanations: list[Answer] = [{} for _ in boxes]
        if wanted:
            rows = list(wanted)
            classes = self.choose_explained(probabilities[rows]).tolist()
            for row, index, heatmap in zip(rows, classes, self.explainer.heatmaps(pixels[rows], classes), strict=True):
                left, top, right, bottom = wanted[row]
                over = heatmap[top:bottom, left:right]
                explanations[row] = {"explanation": {"class": self.card.labels[index].key} | encode_heatmap(over)}
        return explanations

    def _phrase(self, probabilities: np.ndarray, reason: Reason | None, elapsed_ms: float) -> Answer:
        said, verdict = self.judge(probabilities)
        answer: Answer = said | {
            "processing_time_ms": elapsed_ms,
            "probabilities": {
                label.key: round(float(value), 6) for label, value in zip(self.card.labels, probabilities, strict=True)
            },
            **phrase_verdict(verdict, reason),
            "model": self.card.name,
            "version": self.card.version,
        }
        # What the set promises, it promises for images like those of the training.
        if reason is None and (chosen := self.choose_set(probabilities)) is not None:
            answer["prediction_set"] = chosen
        return answer


class Classifier(ImageClassifier):
    """A classifier's bundle, ready to answer."""

    card: ModelCard

    @classmethod
    def load(cls, bundle: Path, device: str = "cpu") -> Classifier:
        """`device`: `cpu` or `cuda:0`. Raises `CardError` or `BundleError`."""
        return cls(read_card(bundle / "card.json"), bundle, device)

    def calibrate(self, logits: np.ndarray) -> np.ndarray:
        return softmax(logits, self.card.calibration.temperature)

    def choose_explained(self, probabilities: np.ndarray) -> np.ndarray:
        return probabilities.argmax(1)

    def judge(self, probabilities: np.ndarray) -> tuple[Answer, Verdict]:
        best = int(probabilities.argmax())
        confidence = float(probabilities[best])
        sure = confidence >= self.card.thresholds.sure
        said: Answer = {"class": self.card.labels[best].key, "confidence": round(confidence, 6)}
        return said, "sure" if sure else "unsure"

    def choose_set(self, probabilities: np.ndarray) -> Answer | None:
        """The classes among which the true one is in the stated share of cases, best first. Where none reaches the
        bound it is the best one alone: a class more in a set can only make it right more often."""
        conformal = self.card.conformal
        if conformal is None:
            return None
        chosen: Answer = {
            "coverage": conformal.target_coverage,
            "classes": self._list_best(probabilities, conformal.min_probability),
        }
        if conformal.class_conditional:
            bounds = np.array([each.min_probability for each in conformal.class_conditional])
            chosen["class_conditional"] = self._list_best(probabilities, bounds)
        return chosen

    def _list_best(self, probabilities: np.ndarray, bounds: float | np.ndarray) -> list[str]:
        """The classes that reach their bounds, best first; where none does the best one."""
        order = np.argsort(-probabilities, kind="stable")
        inside = order[holds(probabilities, bounds)[order]]
        return [self.card.labels[index].key for index in (inside if len(inside) else order[:1])]


def phrase_verdict(verdict: Verdict, reason: Reason | None) -> Answer:
    """The `verdict` of an answer, which `reason` makes `unknown` and then stands beside it."""
    return {"verdict": verdict} if reason is None else {"verdict": "unknown", "reason": reason}


def holds(probabilities: np.ndarray, min_probability: float | np.ndarray) -> np.ndarray:
    """Which classes belong to a conformal prediction set, bool of the same shape."""
    # A bound that is itself one of the probabilities must not lose it to rounding.
    return probabilities >= min_probability - 1e-12


def softmax(logits: np.ndarray, temperature: float = 1.0) -> np.ndarray:
    """Probabilities (N, classes) in float64 of logits (N, classes) divided by `temperature`."""
    scaled = logits.astype(np.float64) / temperature
    scaled -= scaled.max(axis=1, keepdims=True)
    exponents = np.exp(scaled)
    return exponents / exponents.sum(axis=1, keepdims=True)
