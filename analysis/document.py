"""What a report consists of; `writer.py` makes files of it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np
from matplotlib.figure import Figure

from model_training.runtime.card import Text

from .metrics import Score
from .style import Style

Cell = str | int | float | Score | Text


class CannotComputeError(Exception):
    """A part of the report that these images can't give, and why."""

    def __init__(self, text: Text) -> None:
        super().__init__(text.en)
        self.text = text


@dataclass(frozen=True)
class Chart:
    """`draw`: a style → the figure; `words`: what the chart shows, also for those who don't see it."""

    name: str
    title: Text
    draw: Callable[[Style], Figure]
    words: Text


@dataclass(frozen=True)
class Table:
    """In the CSV a `Score` becomes three columns and a `Text` its English."""

    name: str
    title: Text
    header: tuple[Text, ...]
    rows: Sequence[tuple[Cell, ...]]


@dataclass(frozen=True)
class CaptionedImage:
    """`pixels`: uint8 (height, width, 3)."""

    pixels: np.ndarray
    caption: Text
    wrong: bool
    place: str


@dataclass(frozen=True)
class Sheet:
    """Images side by side."""

    name: str
    title: Text
    images: Sequence[CaptionedImage]


@dataclass(frozen=True)
class Projection:
    """A chart whose points show their images. `points`: float (N, 2); `targets`: int (N,); `images`: one a
    point."""

    chart: Chart
    points: np.ndarray
    targets: np.ndarray
    names: Sequence[Text]
    images: Sequence[CaptionedImage]


@dataclass(frozen=True)
class LabelReview:
    """Doubtful images to tick, and a manifest (`path,label`) that takes over what was ticked.

    `suggested`: each image's other label; `manifest`: every image's path and label.
    """

    name: str
    title: Text
    images: Sequence[CaptionedImage]
    suggested: Sequence[str]
    manifest: Sequence[tuple[str, str]]


Part = Chart | Table | Sheet | Projection | LabelReview


@dataclass
class Section:
    name: str
    title: Text
    words: list[Text] = field(default_factory=list)
    parts: list[Part] = field(default_factory=list)
    missing: list[Text] = field(default_factory=list)


@dataclass(frozen=True)
class Document:
    """`title`, `summary`: the product's; `verdict`: what it all comes to, in a few sentences; `facts`: the headline
    figures; `notices`: what a reader must know first."""

    name: str
    version: str
    title: Text
    summary: Text
    verdict: Sequence[Text]
    facts: Sequence[tuple[Text, Score]]
    notices: Sequence[Text]
    sections: Sequence[Section]


def file_name(label: str) -> str:
    """A class's or column's name without what a file's name can't hold."""
    return "".join("_" if letter in '/\\:*?"<>|' or letter.isspace() else letter for letter in label).strip(".") or "_"
