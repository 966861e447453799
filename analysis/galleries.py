"""The sections that show images: by lot, wrong, right, and on a map."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from . import charts, projections
from .document import CannotComputeError, Chart, Projection, Section, Sheet, both
from .material import Material, describe_images
from .style import Style

SHEET_IMAGES = 24


def images(material: Material) -> Section:
    """A sample as it comes, the most confident errors, and answers that were right."""
    test = material.test
    section = Section("pictures", both("Pictures and answers", "그림과 답"))
    if not len(test):
        raise CannotComputeError("There is no test picture.", "평가 그림이 없습니다.")
    confidence = test.probabilities.max(axis=1)
    right = test.predicted == test.targets
    some = projections.sample(len(test), SHEET_IMAGES)
    wrong = np.nonzero(~right)[0]
    wrong = wrong[np.argsort(-confidence[wrong], kind="stable")][:SHEET_IMAGES]
    correct = np.nonzero(right)[0]
    correct = correct[projections.sample(len(correct), SHEET_IMAGES, seed=1)]
    for name, title, chosen in (
        ("grid", both("Test pictures, drawn by lot", "무작위로 뽑은 평가 그림"), some),
        ("wrong_predictions", both("Wrong answers, the surest first", "틀린 답(확신이 큰 것부터)"), wrong),
        ("correct_predictions", both("Right answers", "맞힌 답"), correct),
    ):
        if len(chosen):
            section.parts.append(Sheet(name, title, describe_images(test.take(chosen), material.names)))
        elif name == "wrong_predictions":
            section.missing.append(
                both("There is no wrong answer to show.", "틀린 답이 없어 보여 드릴 그림이 없습니다.")
            )
        else:
            section.missing.append(
                both("There is no right answer to show.", "맞힌 답이 없어 보여 드릴 그림이 없습니다.")
            )
    return section


def maps(material: Material, cache: Path) -> Section:
    """t-SNE and UMAP of what the last layer sees of the test images; the maps are kept in `cache`."""
    test = material.test
    if len(test) < projections.FEWEST:
        raise CannotComputeError(
            f"A map needs {projections.FEWEST} test pictures at least; there are {len(test)}.",
            f"지도를 그리려면 평가 그림이 {projections.FEWEST}장 이상 있어야 합니다. 지금은 {len(test)}장입니다.",
        )
    chosen = projections.sample(len(test))
    some = test.take(chosen)
    described = describe_images(some, material.names)
    section = Section("maps", both("Maps of the pictures", "그림 지도"))
    words = both(
        "Each point is a test picture; near points look alike to the network. A red ring is a wrong answer. "
        "Point at one to see it. Distances between groups mean little.",
        "점 하나가 평가 그림 한 장이고, 가까운 점일수록 모델이 비슷하게 본 그림입니다. 붉은 테두리는 틀린 답입니다. "
        "점을 가리키면 그림이 나타납니다. 무리 사이의 거리에는 큰 의미가 없습니다.",
    )
    if len(chosen) < len(test):
        section.words.append(
            both(
                f"{len(chosen)} of {len(test)} pictures, drawn by lot.",
                f"{len(test)}장에서 무작위로 {len(chosen)}장을 골랐습니다.",
            )
        )
    for name, title, project in (("tsne", "t-SNE", projections.tsne), ("umap", "UMAP", projections.umap)):
        points = projections.keep(project, np.ascontiguousarray(some.features), cache)

        def draw(style: Style, points: np.ndarray = points) -> charts.Figure:
            return charts.projection(points, some.targets, some.predicted, material.names, style)

        section.parts.append(
            Projection(Chart(name, both(title, title), draw, words), points, some.targets, material.names, described)
        )
    return section
