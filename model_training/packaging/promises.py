"""What a card promises of answers, in figures and in words: of images that the gate lets through."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from ..datasets.folders import SplitName
from ..datasets.prepare import Prepared
from ..evaluation.conformal import (
    ALPHA,
    conformal_sets,
    expected_calibration_error,
    fit_conformal,
    measure_class_bounds,
)
from ..recipe import Verdicts
from ..runtime.card import Calibration, Conformal, Text, UnseenSources, Verdict, VerdictWords
from ..runtime.classifier import softmax
from ..translation import _


@dataclass(frozen=True)
class Known:
    """The answers to images that the gate lets through: what is promised of answers is promised of these."""

    logits: Mapping[SplitName, np.ndarray]
    prepared: Prepared
    passes: Mapping[SplitName, np.ndarray]
    temperature: float

    def of(self, split: SplitName) -> tuple[np.ndarray, np.ndarray]:
        """Probabilities (N, classes) and targets (N,) of a split; of all its images where none gets through."""
        inside = self.passes[split] if self.passes[split].any() else slice(None)
        targets = self.prepared.targets[self.prepared.rows[split]]
        return softmax(self.logits[split][inside], self.temperature), targets[inside]


def promise_sets(known: Known) -> Conformal:
    fitted, validation = known.of("validation")
    least = fit_conformal(fitted, validation)
    tested, test = known.of("test")
    sets = conformal_sets(tested, least)
    return Conformal(
        target_coverage=1 - ALPHA,
        min_probability=least,
        fitted_on=len(validation),
        coverage=round(float(sets[np.arange(len(test)), test].mean()), 4),
        images=len(test),
        class_conditional=measure_class_bounds((fitted, validation), (tested, test), known.prepared.dataset.labels),
    )


def measure_calibration(calibration: Calibration, logits: np.ndarray, targets: np.ndarray) -> Calibration:
    """With its error on the test images, before and after."""
    before, after = (
        round(expected_calibration_error(softmax(logits, temperature), targets), 4)
        for temperature in (1.0, calibration.temperature)
    )
    return calibration.model_copy(update={"ece_before": before, "ece_after": after, "ece_images": len(targets)})


def phrase_verdicts(verdicts: Verdicts, unseen: UnseenSources | None = None) -> dict[Verdict, VerdictWords]:
    """The recipe's words with its error rate in the place of `{error}`, as `2%`, and in the place of `{promise}` the
    sentence that says for which pictures it holds."""
    rate = f"{verdicts.max_error_rate * 100:g}%"
    promise = _(
        "On pictures like those that it was trained on, about {error} or fewer of the answers as clear as this one "
        "were wrong. For other sources (generators, cameras) nothing is promised.",
        error=rate,
    )
    if unseen is not None and unseen.thresholds is not None:
        promise = _(
            "On pictures from sources that it was not trained on, about {error} or fewer of the answers as clear as "
            "this one were wrong.",
            error=rate,
        )

    def fill(text: Text) -> Text:
        en, ko = text.en.replace("{error}", rate), text.ko.replace("{error}", rate)
        return Text(en=en.replace("{promise}", promise.en), ko=ko.replace("{promise}", promise.ko))

    return {verdict: words.model_copy(update={"text": fill(words.text)}) for verdict, words in verdicts.words.items()}
