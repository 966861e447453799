"""Images → answers of several labels: each has a probability and a threshold of its own."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from .card import MultiLabelCard, Verdict, read_card
from .classifier import ImageClassifier, holds
from .label_measures import LabelDecision
from .model import Answer


class MultiLabelClassifier(ImageClassifier):
    """A multi-label bundle, ready to answer; a `Model`."""

    card: MultiLabelCard

    @classmethod
    def load(cls, bundle: Path, device: str = "cpu") -> MultiLabelClassifier:
        """`device`: `cpu` or `cuda:0`. Raises `CardError` or `BundleError`."""
        return cls(read_card(bundle / "card.json", MultiLabelCard), bundle, device)

    def calibrate(self, logits: np.ndarray) -> np.ndarray:
        return calibrate(logits, self.card.decisions)

    def choose_explained(self, probabilities: np.ndarray) -> np.ndarray:
        """The first label that an answer names; where it names none, the most probable one."""
        named = decide(probabilities, self.card.decisions)
        among = named | ~named.any(1, keepdims=True)
        return np.where(among, probabilities, -1.0).argmax(1)

    def judge(self, probabilities: np.ndarray, low: np.ndarray | None = None) -> tuple[Answer, Verdict]:
        """An answer is sure where everything that it names is: what it does not name was not asserted."""
        named = np.nonzero(decide(probabilities[None], self.card.decisions)[0])[0]
        best_first = named[np.argsort(-probabilities[named], kind="stable")]
        sure = len(named) > 0 and bool(
            ((probabilities if low is None else low)[named] >= self.card.thresholds.sure).all()
        )
        return {"labels": self._keys(best_first)}, "sure" if sure else "unsure"

    def choose_set(self, probabilities: np.ndarray) -> Answer | None:
        """The labels of which, on average, no more than the stated share of an image's own are missed, best first."""
        risk = self.card.risk
        if risk is None:
            return None
        order = np.argsort(-probabilities, kind="stable")
        inside = order[holds(probabilities, risk.min_probability)[order]]
        return {"risk": risk.target_risk, "classes": self._keys(inside)}

    def _keys(self, numbers: np.ndarray) -> list[str]:
        return [self.card.labels[number].key for number in numbers]


def calibrate(logits: np.ndarray, decisions: Sequence[LabelDecision]) -> np.ndarray:
    """Probabilities of each label by itself, float64 (N, labels), of logits (N, labels)."""
    scale, offset = (np.array([getattr(each, name) for each in decisions]) for name in ("scale", "offset"))
    return sigmoid(logits.astype(np.float64) * scale + offset)


def decide(probabilities: np.ndarray, decisions: Sequence[LabelDecision]) -> np.ndarray:
    """Which labels are named, bool of the same shape as `probabilities`, (N, labels)."""
    return holds(probabilities, np.array([each.threshold for each in decisions]))


def sigmoid(values: np.ndarray) -> np.ndarray:
    """1 / (1 + e^−x), float64."""
    probabilities: np.ndarray = np.exp(-np.logaddexp(0, -np.asarray(values, np.float64)))
    return probabilities
