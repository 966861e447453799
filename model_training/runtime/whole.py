"""What a model says of an image's parts → what it says of the whole: of a strip as of a film."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

import numpy as np

from .aggregate import Mean, mean_of_parts
from .card import Reason
from .preprocess import ReadImage


@dataclass(frozen=True)
class JudgedImage:
    """Of each part of an image: calibrated probabilities, float64 (parts, classes), and why it is unknown, or None."""

    image: ReadImage
    probabilities: np.ndarray
    reasons: tuple[Reason | None, ...]


def sum_up(judged: JudgedImage) -> tuple[Mean, Reason | None]:
    """The mean over the parts, each by its size, and why the whole is unknown, None where it isn't.

    Unknown panels, such as blank ones, have no part in the mean unless they are most of the strip; then the whole is
    unknown, for the reason that most of it is.
    """
    if len(judged.reasons) == 1:
        return Mean(judged.probabilities[0], None, None), judged.reasons[0]
    places = np.array([part.place for part in judged.image.parts], np.float64)
    sizes = (places[:, 2] - places[:, 0]) * (places[:, 3] - places[:, 1])
    by_reason: Counter[Reason] = Counter()
    for reason, size in zip(judged.reasons, sizes, strict=True):
        if reason is not None:
            by_reason[reason] += int(size)
    mostly_unknown = by_reason.total() > sizes.sum() / 2
    counted = np.array([reason is None or mostly_unknown for reason in judged.reasons])
    mean = mean_of_parts(judged.probabilities[counted], sizes[counted])
    return mean, by_reason.most_common(1)[0][0] if mostly_unknown else None


def bound(mean: Mean) -> list[float] | None:
    """The 95% interval of the most probable class; None where there are too few parts."""
    if mean.low is None or mean.high is None:
        return None
    best = int(mean.value.argmax())
    return [round(float(mean.low[best]), 6), round(float(mean.high[best]), 6)]
