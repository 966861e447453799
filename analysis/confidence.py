"""The sections on what confidence means and on images of another kind."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from model_training.evaluation.conformal import BINS
from model_training.evaluation.predict import batches
from model_training.packaging.gate_words import STRANGERS
from model_training.runtime.card import OutOfDistribution, Text
from model_training.runtime.classifier import softmax
from model_training.runtime.ood import load_observer

from . import charts
from .calibration import Calibrated, ConformalSets, measure_calibration, measure_conformal
from .class_sets import list_class_coverage
from .document import CannotComputeError, Chart, Section, Table
from .material import Material
from .metrics import Score
from .ood import Refusal, measure_ood
from .predictions import Evaluated, Predictions
from .translation import _


def calibration(material: Material) -> Section:
    test, validation = material.test, material.validation
    if not len(test):
        raise CannotComputeError(_("There is no test picture."))
    before = measure_calibration(softmax(test.logits), test.targets, test.group)
    after = measure_calibration(test.probabilities, test.targets, test.group)
    section = Section("calibration", _("What confidence means"))
    section.words.append(_phrase_calibration(before, after, len(test), test.temperature))
    section.parts = [
        Chart(
            "reliability",
            _("Reliability diagram"),
            lambda style: charts.reliability(before, after, style),
            _("On the dashed line an answer is as often right as it is confident. Bars are intervals at 95%."),
        ),
        _list_bins(after),
    ]
    if not len(validation):
        section.missing.append(
            _("Sets of classes with a stated coverage need validation pictures, and there are none.")
        )
        return section
    found = measure_conformal(
        (validation.probabilities, validation.targets), (test.probabilities, test.targets), test.group
    )
    section.words.append(_phrase_conformal(found, len(validation)))
    section.parts.append(
        Table(
            "conformal_sets",
            _("Sizes of the prediction sets"),
            (_("classes in the set"), _("test pictures")),
            list(found.sizes.items()),
        )
    )
    section.parts.append(list_class_coverage(material))
    return section


def unknown(material: Material, found: Evaluated, unlike: Sequence[tuple[str, Predictions]]) -> Section:
    """`unlike`: name → images that the model is not made for."""
    served = found.card.ood
    if served is None:
        raise CannotComputeError(_("The bundle knows no verdict “unknown”: make it again (hwapung train)."))
    section = Section("unknown", _("Pictures of another kind"))
    section.words.append(_phrase_served(served))
    if served.caught:
        section.parts.append(_list_made(served))
    if served.threshold is None:
        return section
    test = material.test
    if not unlike or not len(test):
        section.missing.append(
            _("No unlike pictures were given (--unlike FOLDER), so how well the model refuses them was not measured.")
            if not unlike
            else _("There is no test picture.")
        )
        return section
    observe = load_observer(found.card, found.bundle, found.execution)

    def measure(some: Predictions) -> np.ndarray:
        return np.concatenate([observe(some.pixels[batch]).distances for batch in batches(some.rows)])

    rows: list[tuple[str, Score, Score, Score]] = []
    known = measure(test)
    for name, images in unlike:
        if not len(images):
            section.missing.append(_("{name}: no picture got an answer.", name=name))
            continue
        result = measure_ood(served, known, measure(images), test.group)
        section.words.append(_phrase_unknown(name, len(images), result))
        rows.append((name, result.auroc, result.rejected, result.caught))
    section.parts.append(
        Table(
            "unknown",
            _("Test pictures against unlike ones"),
            (_("unlike pictures"), _("AUROC"), _("test pictures refused"), _("unlike pictures caught")),
            rows,
        )
    )
    return section


def _list_bins(measured: Calibrated) -> Table:
    return Table(
        "reliability",
        _("Reliability after scaling"),
        (_("confidence from"), _("to"), _("mean"), _("accuracy"), _("pictures")),
        [(each.low, each.high, each.confidence, each.accuracy, each.images) for each in measured.bins],
    )


def _phrase_calibration(before: Calibrated, after: Calibrated, count: int, temperature: float) -> Text:
    mean, limit = after.by_chance
    verdict = _("the confidences are not to be taken at their word.")
    if after.error.value <= limit:
        verdict = _("nothing speaks against the confidences.")
    return _(
        "Over {count} test pictures the expected calibration error ({bins} bins of equal width) is "
        "{before:.3f} before and {after:.3f} after scaling (temperature {temperature:.2f}). A perfectly "
        "calibrated model would show {mean:.3f} on as many pictures, and up to {limit:.3f}: {verdict}",
        count=count,
        bins=BINS,
        before=before.error.value,
        after=after.error.value,
        temperature=temperature,
        mean=mean,
        limit=limit,
        verdict=verdict,
    )


def _phrase_conformal(found: ConformalSets, validation: int) -> Text:
    share, low, high = found.coverage.value, *found.expected
    return _(
        "Sets of classes made to hold the true one in {wanted:.0%} of cases (split conformal prediction "
        "from {validation} validation pictures: every class with a probability of at least {least:.3f}) "
        "hold it in {share:.1%} of the test pictures, where {low:.1%}–{high:.1%} is to be expected. A "
        "set has {size:.2f} classes on average.",
        wanted=found.wanted,
        validation=validation,
        least=found.min_probability,
        share=share,
        low=low,
        high=high,
        size=found.mean_size,
    )


def _phrase_served(served: OutOfDistribution) -> Text:
    if served.threshold is None:
        return _(
            "How far a picture's features lie from those of the training is not asked: there are too few pictures to "
            "set a bound, or all are alike. Its size, contrast and the like are."
        )
    return _(
        "A picture is called unknown where {features} lie too far from those of the training pictures (Mahalanobis "
        "distance). The bound is set for {aimed:.0%} of pictures like these at most, on {fitted_on} pictures, each "
        "judged by a fit without it; it refuses {refused:.1%} ({low:.1%}–{high:.1%}) of the {images} validation "
        "pictures.",
        features=_describe_features(served),
        aimed=served.aimed,
        fitted_on=served.fitted_on,
        refused=served.rejected,
        low=served.rejected_low,
        high=served.rejected_high,
        images=served.images,
    )


def _describe_features(served: OutOfDistribution) -> Text:
    if served.companion is not None:
        return _("a small companion network's features")
    return _("the network's features, which training has bent,") if served.bent else _("the network's own features")


def _list_made(served: OutOfDistribution) -> Table:
    return Table(
        "made_strangers",
        _("Strangers made by a program, when the bundle was made"),
        (_("what was shown"), _("called unknown")),
        [(STRANGERS[kind], share) for kind, share in served.caught.items() if kind in STRANGERS],
    )


def _phrase_unknown(name: str, count: int, found: Refusal) -> Text:
    score, caught, rejected = found.auroc, found.caught, found.rejected
    return _(
        "{name} ({count} pictures): test pictures are told from these with an AUROC of {auroc:.3f} "
        "({low:.3f}–{high:.3f}). By their features {caught:.1%} of them are called unknown, and {refused:.1%} "
        "({refused_low:.1%}–{refused_high:.1%}) of the test pictures.",
        name=name,
        count=count,
        auroc=score.value,
        low=score.low,
        high=score.high,
        caught=caught.value,
        refused=rejected.value,
        refused_low=rejected.low,
        refused_high=rejected.high,
    )
