"""Images → answers: the one class that a handler, the bundle maker and the analysis all use."""

from __future__ import annotations

import base64
import json
import mimetypes
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import torch

from .card import Conformal, ModelCard, read_card
from .errors import BundleError, ImageError
from .execution import choose_execution
from .explain import Explainer, encode_heatmap
from .network import load_network
from .ood import load_score
from .preprocess import Box, read_placed

Answer = dict[str, object]


class Classifier:
    """A bundle, ready to answer."""

    def __init__(self, card: ModelCard, bundle: Path, device: str) -> None:
        self.card = card
        self.bundle = bundle
        network = load_network(card, bundle)
        self.execute = choose_execution(card, bundle, network, device)
        self.ood_score = load_score(card, bundle)
        self.explainer = Explainer(network, device)
        # Pillow releases the interpreter's lock while it decodes and resizes.
        self.readers = ThreadPoolExecutor(max_workers=torch.get_num_threads(), thread_name_prefix="read")

    @classmethod
    def load(cls, bundle: Path, device: str = "cpu") -> Classifier:
        """`device`: `cpu` or `cuda:0`. Raises `CardError` or `BundleError`."""
        return cls(read_card(bundle / "card.json"), bundle, device)

    def answer(
        self, images: Sequence[bytes | bytearray], explain: Sequence[bool] | None = None
    ) -> list[Answer | ImageError]:
        """Judge each image by itself.

        `images`: encoded files. `explain`: for each, whether a heatmap is wanted.
        Returns one answer for each image in order; for one that can't be read its `ImageError`.
        `processing_time_ms` is the time that the image's batch took, from bytes to answer.
        """
        started = time.perf_counter()
        wanted = explain if explain is not None else [False] * len(images)
        results: list[Answer | ImageError | tuple[np.ndarray, Box]] = list(self.readers.map(self._try_read, images))
        readable = [index for index, result in enumerate(results) if isinstance(result, tuple)]
        if not readable:
            return results  # type: ignore[return-value]
        placed: list[tuple[np.ndarray, Box]] = [results[index] for index in readable]  # type: ignore[misc]
        pixels = np.stack([each for each, _ in placed])
        probabilities, unknown = self.predict_with_ood(pixels)
        boxes = [box if wanted[index] else None for index, (_, box) in zip(readable, placed, strict=True)]
        explanations = self._explain(pixels, probabilities, boxes)
        elapsed = round((time.perf_counter() - started) * 1000, 2)
        for row, index in enumerate(readable):
            results[index] = self._phrase(probabilities[row], bool(unknown[row]), elapsed) | explanations[row]
        return results  # type: ignore[return-value]

    def warm_up(self) -> None:
        """Predict and explain one blank image: what is compiled and allocated at first use should not cost a visitor
        seconds."""
        preprocessing = self.card.preprocessing
        pixels = np.zeros((1, preprocessing.height, preprocessing.width, 3), np.uint8)
        self._explain(pixels, self.probabilities(pixels), [(0, 0, preprocessing.width, preprocessing.height)])

    def probabilities(self, pixels: np.ndarray) -> np.ndarray:
        """`pixels`: uint8 (N, height, width, 3). Returns calibrated probabilities, float64 (N, classes)."""
        return self.predict_with_ood(pixels)[0]

    def predict_with_ood(self, pixels: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """`pixels`: uint8 (N, height, width, 3). Returns calibrated probabilities, float64 (N, classes), and which
        images are unlike those of the training, bool (N,)."""
        logits, features = self.execute.forward_with_features(pixels)
        unknown = np.zeros(len(pixels), bool)
        if self.ood_score and self.card.ood:
            unknown = self.ood_score(logits, features) > self.card.ood.threshold
        return softmax(logits, self.card.calibration.temperature), unknown

    def examples(self) -> list[dict[str, object]]:
        """The bundle's example images with their answers, as the `describe: examples` call returns them."""
        folder = self.bundle / "examples"
        listed: list[dict[str, object]] = []
        for example in self.card.examples:
            try:
                data = (folder / example.image).read_bytes()
                answer = json.loads((folder / f"{example.name}.json").read_text("utf-8"))
            except (OSError, ValueError) as error:
                raise BundleError(f"{folder / example.name}: {error}.", "Make the bundle again: make train.") from None
            listed.append(
                {
                    "name": example.name,
                    "label": example.label,
                    "media_type": mimetypes.guess_type(example.image)[0] or "image/jpeg",
                    "data": base64.b64encode(data).decode("ascii"),
                    "answer": answer,
                }
            )
        return listed

    def _try_read(self, data: bytes | bytearray) -> tuple[np.ndarray, Box] | ImageError:
        try:
            return read_placed(data, self.card.preprocessing)
        except ImageError as error:
            return error

    def _explain(self, pixels: np.ndarray, probabilities: np.ndarray, boxes: Sequence[Box | None]) -> list[Answer]:
        """`boxes`: where each image lies in its pixels, None where no heatmap is wanted. A map is of the image,
        without the margins that a letterbox adds."""
        wanted = {row: box for row, box in enumerate(boxes) if box}
        explanations: list[Answer] = [{} for _ in boxes]
        if wanted:
            rows = list(wanted)
            classes = probabilities[rows].argmax(1)
            for row, index, heatmap in zip(rows, classes, self.explainer.heatmaps(pixels[rows], classes), strict=True):
                left, top, width, height = wanted[row]
                over = heatmap[top : top + height, left : left + width]
                explanations[row] = {"explanation": {"class": self.card.labels[index].key} | encode_heatmap(over)}
        return explanations

    def _phrase(self, probabilities: np.ndarray, unknown: bool, elapsed_ms: float) -> Answer:
        best = int(probabilities.argmax())
        confidence = float(probabilities[best])
        verdict = "sure" if confidence >= self.card.thresholds.sure else "unsure"
        answer: Answer = {
            "class": self.card.labels[best].key,
            "confidence": round(confidence, 6),
            "processing_time_ms": elapsed_ms,
            "probabilities": {
                label.key: round(float(value), 6) for label, value in zip(self.card.labels, probabilities, strict=True)
            },
            "verdict": "unknown" if unknown else verdict,
            "model": self.card.name,
            "version": self.card.version,
        }
        # What the set promises, it promises for images like those of the training.
        if self.card.conformal is not None and not unknown:
            answer["prediction_set"] = self._choose_set(probabilities, self.card.conformal)
        return answer

    def _choose_set(self, probabilities: np.ndarray, conformal: Conformal) -> Answer:
        """The classes among which the true one is in the stated share of cases, best first. Where none reaches the
        bound it is the best one alone: a class more in a set can only make it right more often."""
        order = np.argsort(-probabilities, kind="stable")
        size = max(1, int(holds(probabilities, conformal.min_probability).sum()))
        return {
            "coverage": conformal.target_coverage,
            "classes": [self.card.labels[index].key for index in order[:size]],
        }


def holds(probabilities: np.ndarray, min_probability: float) -> np.ndarray:
    """Which classes belong to a conformal prediction set, bool of the same shape."""
    # A bound that is itself one of the probabilities must not lose it to rounding.
    return probabilities >= min_probability - 1e-12


def softmax(logits: np.ndarray, temperature: float = 1.0) -> np.ndarray:
    """Probabilities (N, classes) in float64 of logits (N, classes) divided by `temperature`."""
    scaled = logits.astype(np.float64) / temperature
    scaled -= scaled.max(axis=1, keepdims=True)
    exponents = np.exp(scaled)
    return exponents / exponents.sum(axis=1, keepdims=True)
