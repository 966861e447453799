"""What the sections of a report are made from."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from model_training.runtime.card import Text

from .document import CaptionedImage, both
from .predictions import Predictions


@dataclass(frozen=True)
class Material:
    """`all`: every answered image; `test`, `validation`, `train`: its splits; `names`: the classes' titles."""

    all: Predictions
    names: Sequence[Text]

    @property
    def test(self) -> Predictions:
        return self.all.of("test")

    @property
    def validation(self) -> Predictions:
        return self.all.of("validation")

    @property
    def train(self) -> Predictions:
        return self.all.of("train")


def describe_images(some: Predictions, names: Sequence[Text]) -> list[CaptionedImage]:
    """Each with its true class, the answer and how sure it is."""
    confidence = some.probabilities.max(axis=1)
    described: list[CaptionedImage] = []
    for row, (target, answer) in enumerate(zip(some.targets, some.predicted, strict=True)):
        truth, said = names[int(target)], names[int(answer)]
        described.append(
            CaptionedImage(
                pixels=np.asarray(some.pixels[some.rows[row]]),
                caption=both(
                    f"{truth.en} · answer {said.en} {confidence[row]:.2f}",
                    f"{truth.ko} · 답 {said.ko} {confidence[row]:.2f}",
                ),
                wrong=bool(target != answer),
                place=some.places[row],
            )
        )
    return described
