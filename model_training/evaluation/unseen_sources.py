"""Answers about images of sources that the answering network was trained without → the card's figures and threshold."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.stats import binomtest

from ..runtime.measures import SourceAccuracy, UnseenSources
from .calibration import choose_thresholds
from .metrics import mean_interval


@dataclass(frozen=True)
class UnseenAnswers:
    """Each image was answered by a network that saw no image of its source.

    `probabilities`: float (N, classes), each at its own network's temperature; `targets`: int (N,); `sources`: str
    (N,); `tested`: bool (N,), the images of the test split, on which nothing may be chosen. `seen`: right answers
    about, and number of, the test images of the sources that the networks did see. `kept`: sources that could not be
    left out; `unnamed`: number of images without a source.
    """

    column: str
    probabilities: np.ndarray
    targets: np.ndarray
    sources: np.ndarray
    tested: np.ndarray
    seen: tuple[int, int]
    trainings: int
    kept: tuple[str, ...]
    unnamed: int


def measure_unseen(
    answers: UnseenAnswers, labels: Sequence[str], max_error_rate: float, confidence_level: float | None
) -> UnseenSources:
    """The card's part, with the `calibration.choose_thresholds` of these answers.

    Sources are what a further one will be like, so their accuracies count alike in the mean, and its interval is over
    sources, not over images: many images of one generator say nothing about the next. The thresholds keep their rate
    over all images together, on which a source of many images weighs more, and not on each source.
    """
    thresholds, free = None, ~answers.tested
    if free.any():
        judged = answers.probabilities[free], answers.targets[free]
        chosen = choose_thresholds(*judged, max_error_rate, confidence_level)
        thresholds = chosen.model_copy(update={"chosen_on": "unseen_sources"})
    right = answers.probabilities.argmax(1) == answers.targets
    sure = np.zeros(len(right), bool) if thresholds is None else answers.probabilities.max(1) >= thresholds.sure
    measured = []
    for source in np.unique(answers.sources).tolist():
        mine = answers.sources == source
        interval = binomtest(int(right[mine].sum()), int(mine.sum())).proportion_ci(0.95, method="wilson")
        measured.append(
            SourceAccuracy(
                source=source,
                classes=tuple(labels[number] for number in np.unique(answers.targets[mine])),
                images=int(mine.sum()),
                accuracy=round(float(right[mine].mean()), 4),
                low=round(float(interval.low), 4),
                high=round(float(interval.high), 4),
                sure=round(float(sure[mine].mean()), 4),
                sure_error_rate=_error_rate(right, sure & mine),
            )
        )
    mean = low = high = None
    if measured:
        mean, least, most = mean_interval([each.accuracy for each in measured])
        if np.isfinite(least):
            low, high = round(max(least, 0.0), 4), round(min(most, 1.0), 4)
    seen_right, seen_images = answers.seen
    return UnseenSources(
        column=answers.column,
        trainings=answers.trainings,
        sources=tuple(sorted(measured, key=lambda each: each.accuracy)),
        mean=None if mean is None else round(mean, 4),
        low=low,
        high=high,
        seen=round(seen_right / seen_images, 4) if seen_images else None,
        thresholds=thresholds,
        sure=round(float(sure[answers.tested].mean()), 4) if answers.tested.any() else None,
        sure_error_rate=_error_rate(right, sure & answers.tested),
        kept=answers.kept,
        unnamed=answers.unnamed,
    )


def _error_rate(right: np.ndarray, chosen: np.ndarray) -> float | None:
    return round(float((~right[chosen]).mean()), 4) if chosen.any() else None
