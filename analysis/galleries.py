"""The sections that show images: by lot, wrong, right, and on a map."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np

from model_training.translation import plain

from . import charts, projections
from .document import CannotComputeError, Chart, Projection, Section, Sheet
from .material import Material, describe_images
from .style import Style
from .translation import _

SHEET_IMAGES = 24


def images(material: Material) -> Section:
    """A sample as it comes, the most confident errors, and answers that were right."""
    test = material.test
    section = Section("pictures", _("Pictures and answers"))
    if not len(test):
        raise CannotComputeError(_("There is no test picture."))
    confidence = test.probabilities.max(axis=1)
    right = test.predicted == test.targets
    some = projections.sample(len(test), SHEET_IMAGES)
    wrong = np.nonzero(~right)[0]
    wrong = wrong[np.argsort(-confidence[wrong], kind="stable")][:SHEET_IMAGES]
    correct = np.nonzero(right)[0]
    correct = correct[projections.sample(len(correct), SHEET_IMAGES, seed=1)]
    for name, title, chosen in (
        ("grid", _("Test pictures, a random sample"), some),
        ("wrong_predictions", _("Wrong answers, the surest first"), wrong),
        ("correct_predictions", _("Right answers"), correct),
    ):
        if len(chosen):
            section.parts.append(Sheet(name, title, describe_images(test.take(chosen), material.names)))
        elif name == "wrong_predictions":
            section.missing.append(_("There is no wrong answer to show."))
        else:
            section.missing.append(_("There is no right answer to show."))
    return section


def features_to_map(material: Material) -> np.ndarray:
    """Of the test images, or of a sample of them: float32 (N, F), in the order of the maps' points."""
    test = material.test
    return np.ascontiguousarray(test.features[projections.sample(len(test))])


def maps(material: Material, cache: Path, wait: Callable[[], object] = lambda: None) -> Section:
    """t-SNE and UMAP of what the last layer sees of the test images; the maps are kept in `cache`. `wait`: until they
    are there, where they are being made (`projections.making_ahead`)."""
    test = material.test
    if len(test) < projections.FEWEST:
        raise CannotComputeError(
            _(
                "A map needs {fewest} test pictures at least; there are {tested}.",
                fewest=projections.FEWEST,
                tested=len(test),
            )
        )
    chosen = projections.sample(len(test))
    some = test.take(chosen)
    described = describe_images(some, material.names)
    section = Section("maps", _("Maps of the pictures"))
    words = _(
        "Each point is a test picture; near points look alike to the network. A red ring is a wrong "
        "answer. Point at one to see it. Distances between groups mean little."
    )
    if len(chosen) < len(test):
        section.words.append(_("{chosen} of {tested} pictures, a random sample.", chosen=len(chosen), tested=len(test)))
    features = features_to_map(material)
    wait()
    for name, title, project in (("tsne", "t-SNE", projections.tsne), ("umap", "UMAP", projections.umap)):
        points = projections.keep(project, features, cache)

        def draw(style: Style, points: np.ndarray = points) -> charts.Figure:
            return charts.projection(points, some.targets, some.predicted, material.names, style)

        section.parts.append(
            Projection(Chart(name, plain(title), draw, words), points, some.targets, material.names, described)
        )
    return section
