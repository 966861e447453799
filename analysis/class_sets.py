"""How often a prediction set holds the true class, class by class: by one bound for all, and by a bound for each."""

from __future__ import annotations

import numpy as np

from model_training.evaluation.conformal import conformal_sets, fit_class_conditional, fit_conformal
from model_training.runtime.card import Text

from .document import Table
from .material import Material
from .metrics import Score, grouped_share
from .translation import _


def list_class_coverage(material: Material) -> Table:
    """Needs validation images and test images."""
    validation, test = material.validation, material.test
    fitted = (validation.probabilities, validation.targets)
    bounds, own = fit_class_conditional(*fitted)
    rows = np.arange(len(test))
    marginal = conformal_sets(test.probabilities, fit_conformal(*fitted))
    conditional = conformal_sets(test.probabilities, bounds)
    listed: list[tuple[Text, int, Text, Score, Score]] = []
    for number, name in enumerate(material.names):
        of_class = test.targets == number
        by_one, by_each = (
            grouped_share(sets[rows, test.targets][of_class], test.group[of_class]) for sets in (marginal, conditional)
        )
        fitted_on = int((validation.targets == number).sum())
        listed.append((name, fitted_on, _("its own") if own[number] else _("that of all"), by_one, by_each))
    return Table(
        "class_coverage",
        _("How often the set holds the true class, class by class"),
        (
            _("class"),
            _("validation pictures"),
            _("bound"),
            _("held, one bound for all"),
            _("held, a bound for each class"),
        ),
        listed,
    )
