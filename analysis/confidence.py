"""The sections on what confidence means and on images of another kind."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from model_training.evaluation.conformal import BINS
from model_training.runtime.card import OutOfDistribution, Text
from model_training.runtime.classifier import softmax
from model_training.runtime.ood import energy, load_nearest_neighbours

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
    test = material.test
    if not unlike or not len(test):
        section.missing.append(
            _("No unlike pictures were given (--unlike FOLDER), so how well the model refuses them was not measured.")
            if not unlike
            else _("There is no test picture.")
        )
        return section
    neighbours = load_nearest_neighbours(found.bundle)

    def measure(some: Predictions) -> dict[str, np.ndarray]:
        return {"energy": energy(some.logits, some.temperature), "knn": neighbours(some.features)}

    rows: list[tuple[str, Score, Score, Score, Score]] = []
    for name, images in unlike:
        if not len(images):
            section.missing.append(_("{name}: no picture got an answer.", name=name))
            continue
        result = measure_ood(served, measure(test), measure(images), test.group)
        section.words.append(_phrase_unknown(name, len(images), result))
        rows.append((name, result.auroc["energy"], result.auroc["knn"], result.rejected, result.caught))
    section.parts.append(
        Table(
            "unknown",
            _("Test pictures against unlike ones"),
            (
                _("unlike pictures"),
                _("AUROC, energy"),
                _("AUROC, neighbours"),
                _("test pictures refused"),
                _("unlike pictures caught"),
            ),
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


_METHODS = {"energy": _("the energy score"), "knn": _("the distance to training pictures")}


def _phrase_served(served: OutOfDistribution) -> Text:
    method, told = _METHODS[served.method], served.auroc_spoiled
    return _(
        "A picture is called unknown by {method}. It was chosen because it best told the {fitted_on} "
        "validation pictures from spoiled copies of them (AUROC: energy {energy:.3f}, neighbours "
        "{neighbours:.3f}); its bound refuses {refused:.1%} of them.",
        method=method,
        fitted_on=served.fitted_on,
        energy=told["energy"],
        neighbours=told["knn"],
        refused=served.rejected,
    )


def _phrase_unknown(name: str, count: int, found: Refusal) -> Text:
    score, caught, rejected = found.auroc[found.method], found.caught, found.rejected
    method = _METHODS[found.method]
    return _(
        "{name} ({count} pictures): by {method} test pictures are told from these with an AUROC of "
        "{auroc:.3f} ({low:.3f}–{high:.3f}). {caught:.1%} of them are called unknown, and {refused:.1%} "
        "({refused_low:.1%}–{refused_high:.1%}) of the test pictures.",
        name=name,
        count=count,
        method=method,
        auroc=score.value,
        low=score.low,
        high=score.high,
        caught=caught.value,
        refused=rejected.value,
        refused_low=rejected.low,
        refused_high=rejected.high,
    )
