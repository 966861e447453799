"""Images → answers: what a handler, the bundle maker and the analysis all use."""

from __future__ import annotations

import time
from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, as_completed
from functools import cached_property
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from .card import ClassifierCard, ModelCard, Reason, Verdict, read_card
from .errors import ImageError
from .execution import choose_execution
from .looks import Looks, look
from .model import Answer, Bytes, Readers, read_examples
from .neighbours import NEIGHBOURS, Neighbours
from .ood import Observed, find_unknown, load_observer
from .preprocess import Part, ReadImage, read_parts
from .provenance.credentials import CredentialsReader
from .weights import check_weights
from .whole import JudgedImage, bound, sum_up

if TYPE_CHECKING:
    from .explain import Explainer
    from .network import ClassificationNetwork

#: Panels whose gradients are in memory at a time.
_EXPLAINED_AT_ONCE = 16
#: What is said of a panel; the rest of an answer is of the whole.
_PANEL_KEYS = ("class", "labels", "confidence", "probabilities", "verdict", "reason")


class ImageClassifier(ABC):
    """What models that judge an image as a whole have in common: decoding, one network, gate, heatmap; a `Model`."""

    def __init__(self, card: ClassifierCard, bundle: Path, device: str) -> None:
        self.card = card
        self.bundle = bundle
        self.device = device
        check_weights(bundle)
        self.execute = choose_execution(card, bundle, lambda: self.network, device)
        self.observe = load_observer(card, bundle, self.execute)
        self.neighbours = Neighbours.load(bundle / NEIGHBOURS) if card.neighbours else None
        self.readers = Readers()
        self.credentials = CredentialsReader.from_environment() if card.reads_provenance else None

    @cached_property
    def network(self) -> ClassificationNetwork:
        """The torch network, when something asks for it: a GPU at once, a processor with the first heatmap."""
        from .network import load_network

        return load_network(self.card, self.bundle)

    @cached_property
    def explainer(self) -> Explainer:
        from .explain import Explainer

        return Explainer(self.network, self.device)

    @abstractmethod
    def calibrate(self, logits: np.ndarray) -> np.ndarray:
        """Probabilities, float64 (N, classes), of logits (N, classes)."""

    @abstractmethod
    def choose_explained(self, probabilities: np.ndarray) -> np.ndarray:
        """int (N,): the class of each image whose heatmap is drawn."""

    @abstractmethod
    def judge(self, probabilities: np.ndarray, low: np.ndarray | None = None) -> tuple[Answer, Verdict]:
        """What an answer says of one image's probabilities, (classes,), and its verdict if the image is known.

        `low`: the lower ends of their intervals, which then must reach the threshold in their place.
        """

    @abstractmethod
    def choose_set(self, probabilities: np.ndarray) -> Answer | None:
        """The answer's `prediction_set`; None for a card that promises none."""

    def answer(
        self,
        images: Sequence[Bytes],
        explain: Sequence[bool] | None = None,
        paper: Sequence[bool] | None = None,
        patience: float | None = None,
    ) -> list[Answer | ImageError]:
        started = time.perf_counter()
        wanted = explain if explain is not None else [False] * len(images)
        read = self.readers.read_within(patience)
        decoding = {read(read_parts, data, self.card.preprocessing): index for index, data in enumerate(images)}
        answers: dict[int, Answer | ImageError] = {}
        looked: list[tuple[int, ReadImage, Future[Looks | ImageError]]] = []

        def come() -> Iterator[np.ndarray]:
            """The parts of each image as soon as it is decoded, whatever its neighbours still take. What else there is
            to find out about it is begun, for the readers have time while the network runs."""
            for done in as_completed(decoding):
                index, image = decoding[done], done.result()
                if isinstance(image, ImageError):
                    answers[index] = image
                    continue
                looked.append((index, image, read(look, images[index], image, self.card, self.credentials)))
                yield from (part.pixels for part in image.parts)

        parts = come()
        if (first := next(parts, None)) is not None:
            # One image has no neighbour to be computed beside.
            observed = self.observe(chain([first], parts) if len(images) > 1 else np.stack([first, *parts]))
            found = [look.result() for _, _, look in looked]
            looks = [
                Looks((None,) * len(image.parts), {}) if isinstance(each, ImageError) else each
                for (_, image, _), each in zip(looked, found, strict=True)
            ]
            judged = self._judge_images([image for _, image, _ in looked], observed, looks)
            explained = [wanted[index] for index, _, _ in looked]
            heatmaps = self._explain(judged, explained)
            neighbours = self._find_neighbours(judged, observed.features, explained)
            elapsed = round((time.perf_counter() - started) * 1000, 2)
            for (index, _, _), each, seen, *more in zip(looked, judged, found, heatmaps, neighbours, strict=True):
                if isinstance(seen, ImageError):  # the pixels could be read, the rest of the file costs too much
                    answers[index] = seen
                else:
                    answers[index] = self._answer_one(each, elapsed) | seen.origin | more[0] | more[1]
        return [answers[index] for index in range(len(images))]

    def _judge_images(
        self, images: Sequence[ReadImage], observed: Observed, looks: Sequence[Looks]
    ) -> list[JudgedImage]:
        """`observed`: all parts of all images, in their order."""
        probabilities = self.calibrate(observed.logits)
        before = [reason for look in looks for reason in look.reasons]
        reasons = find_unknown(self.card.ood, before, observed.distances)
        judged, start = [], 0
        for image in images:
            end = start + len(image.parts)
            judged.append(JudgedImage(image, probabilities[start:end], tuple(reasons[start:end])))
            start = end
        return judged

    def _answer_one(self, judged: JudgedImage, elapsed_ms: float) -> Answer:
        image = judged.image
        if len(image.parts) == 1:
            answer = self._phrase(judged.probabilities[0], judged.reasons[0], elapsed_ms)
        else:
            answer = self._phrase_strip(judged, elapsed_ms)
        return answer | ({"warnings": list(image.warnings)} if image.warnings else {})

    def warm_up(self) -> None:
        preprocessing = self.card.preprocessing
        pixels = np.zeros((1, preprocessing.height, preprocessing.width, 3), np.uint8)
        self.observe(pixels)
        if self.device != "cpu":  # there the first heatmap waits for the GPU's kernels, here for torch itself
            self.load_explainer()

    def load_explainer(self) -> None:
        preprocessing = self.card.preprocessing
        self.explainer.heatmaps(np.zeros((1, preprocessing.height, preprocessing.width, 3), np.uint8), [0])

    def examples(self) -> list[dict[str, object]]:
        return read_examples(self.card, self.bundle)

    def probabilities(self, pixels: np.ndarray) -> np.ndarray:
        """`pixels`: uint8 (N, height, width, 3). Returns calibrated probabilities, float64 (N, classes)."""
        return self.calibrate(self.execute(pixels))

    def _explain(self, judged: Sequence[JudgedImage], wanted: Sequence[bool]) -> list[Answer]:
        """A map is of the image, without the margins that a letterbox adds; that of a strip is its panels' maps of the
        class of the whole, one after the other."""
        explained = [each for each, is_wanted in zip(judged, wanted, strict=True) if is_wanted]
        if not explained:
            return [{} for _ in wanted]
        from .explain import encode_heatmaps

        means = [sum_up(each)[0].value for each in explained]
        classes = self.choose_explained(np.stack(means)).tolist()
        parts = [(part, index) for each, index in zip(explained, classes, strict=True) for part in each.image.parts]
        maps = self._draw_heatmaps(parts)
        drawn = iter(
            {
                "class": self.card.labels[index].key,
                **encode_heatmaps([(next(maps), part.place) for part in each.image.parts]),
            }
            for each, index in zip(explained, classes, strict=True)
        )
        return [{"explanation": next(drawn)} if is_wanted else {} for is_wanted in wanted]

    def _find_neighbours(
        self, judged: Sequence[JudgedImage], features: np.ndarray, wanted: Sequence[bool]
    ) -> Iterator[Answer]:
        """The training images that each is most like, where the card shows any; a strip as a whole is like none.
        `features`: of all parts of all images, in their order."""
        start = 0
        for each, is_wanted in zip(judged, wanted, strict=True):
            count = len(each.image.parts)
            if self.neighbours is not None and is_wanted and count == 1:
                yield {"neighbours": self.neighbours.find(features[start])}
            else:
                yield {}
            start += count

    def _draw_heatmaps(self, parts: Sequence[tuple[Part, int]]) -> Iterator[np.ndarray]:
        """Of each part's content, for its class."""
        for start in range(0, len(parts), _EXPLAINED_AT_ONCE):
            batch = parts[start : start + _EXPLAINED_AT_ONCE]
            pixels = np.stack([part.pixels for part, _ in batch])
            for (part, _), heatmap in zip(
                batch, self.explainer.heatmaps(pixels, [each for _, each in batch]), strict=True
            ):
                left, top, right, bottom = part.content
                yield heatmap[top:bottom, left:right]

    def _phrase(
        self, probabilities: np.ndarray, reason: Reason | None, elapsed_ms: float, low: np.ndarray | None = None
    ) -> Answer:
        said, verdict = self.judge(probabilities, low)
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

    def _phrase_strip(self, judged: JudgedImage, elapsed_ms: float) -> Answer:
        """As a film is summed up: the mean over the panels that the model knows, by their size."""
        mean, reason = sum_up(judged)
        answer = self._phrase(mean.value, reason, elapsed_ms, mean.low)
        answer.pop("prediction_set", None)  # which is promised of pictures
        panels: list[Answer] = []
        for part, probabilities, why in zip(judged.image.parts, judged.probabilities, judged.reasons, strict=True):
            said = self._phrase(probabilities, why, elapsed_ms)
            panels.append({"box": list(part.place)} | {key: said[key] for key in _PANEL_KEYS if key in said})
        if mean.low is None and reason is None and {each["verdict"] for each in panels} != {"sure"}:
            answer["verdict"] = "unsure"
        width, height = judged.image.size
        return answer | {"interval": bound(mean), "panels": panels, "width": width, "height": height}


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

    def judge(self, probabilities: np.ndarray, low: np.ndarray | None = None) -> tuple[Answer, Verdict]:
        best = int(probabilities.argmax())
        confidence = float(probabilities[best])
        sure = (probabilities if low is None else low)[best] >= self.card.thresholds.sure
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
