"""What the sections of a report are made from."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from model_training.runtime.card import Text

from .document import CaptionedImage
from .predictions import Predictions
from .translation import _


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
                caption=_(
                    "true label: {truth} · answer: {answer} {confidence:.2f}",
                    truth=truth,
                    answer=said,
                    confidence=confidence[row],
                ),
                wrong=bool(target != answer),
                place=some.places[row],
            )
        )
    return described
