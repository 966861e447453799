"""Labelled scenes: images with boxes and classes, and how they are divided."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np

from ..datasets.findings import Finding
from ..runtime.errors import DatasetError


@dataclass(frozen=True)
class Scene:
    """One labelled image.

    `width`, `height` and `boxes` are of the upright image, as `decode` returns it. `boxes`: float32 (n, 4), corners
    x0, y0, x1, y1 in pixels, inside the image; `classes`: int64 (n,).
    `group`: scenes of one group never lie on both sides of a split.
    """

    path: Path
    width: int
    height: int
    boxes: np.ndarray
    classes: np.ndarray
    group: str


@dataclass(frozen=True)
class Scenes:
    """A detection dataset. `findings`: what was left out, turned or guessed while it was read."""

    classes: tuple[str, ...]
    scenes: list[Scene] = field(repr=False)
    findings: tuple[Finding, ...] = ()


def merge_classes(scenes: Scenes) -> Scenes:
    """The same scenes with one class, `object`."""
    merged = [replace(scene, classes=np.zeros_like(scene.classes)) for scene in scenes.scenes]
    return replace(scenes, classes=("object",), scenes=merged)


def divide(scenes: Scenes, validation: float, test: float, seed: int) -> dict[str, list[Scene]]:
    """Train, validation and test by group: all copies of a drawing are on one side. Shares are of the groups."""
    groups = sorted({scene.group for scene in scenes.scenes})
    if len(groups) < 3:
        raise DatasetError(
            f"{len(groups)} different drawings can't be divided into training, validation and test.", "Label more."
        )
    order = np.random.default_rng(seed).permutation(len(groups))
    tested = max(1, round(test * len(groups)))
    validated = max(1, round(validation * len(groups)))
    side = {groups[row]: "test" for row in order[:tested]}
    side |= {groups[row]: "validation" for row in order[tested : tested + validated]}
    divided: dict[str, list[Scene]] = {"train": [], "validation": [], "test": []}
    for scene in scenes.scenes:
        divided[side.get(scene.group, "train")].append(scene)
    return divided
