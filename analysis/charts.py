"""The charts of a report: paper, ink and one vermilion, without a display, in either language."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import matplotlib
import numpy as np
from matplotlib import font_manager
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from model_training.runtime.card import Text

from .calibration import Calibrated
from .metrics import Score

Language = Literal["en", "ko"]

SHEET, MOUNT, LINE, WASH, INK, SEAL = "#fbf7ed", "#e9dfca", "#d6cab3", "#5d5549", "#201d19", "#a92f1c"
#: One colour a class; they differ in lightness, too. Beyond, they come round again.
CLASS_COLOURS = ("#201d19", "#a92f1c", "#3d6a85", "#b98a2f", "#6d7f4a", "#84506e", "#7a9aa6", "#d08b6c")
_SHADES = LinearSegmentedColormap.from_list("ink", [SHEET, "#b9ab93", INK])

FONTS = (
    "Noto Sans KR",
    "Noto Sans CJK KR",
    "Apple SD Gothic Neo",
    "Malgun Gothic",
    "NanumGothic",
    "NanumBarunGothic",
    "UnDotum",
    "Baekmuk Dotum",
    "Noto Sans CJK JP",
)
_LATIN = "DejaVu Sans"

NAMED_CLASSES = 40
LISTED_CURVES = 8

AXES = {
    "predicted": Text(en="predicted class", ko="예측한 클래스"),
    "true": Text(en="true class", ko="실제 클래스"),
    "false_rate": Text(en="false positive rate", ko="거짓 양성 비율"),
    "true_rate": Text(en="true positive rate", ko="참 양성 비율(재현율)"),
    "recall": Text(en="recall", ko="재현율"),
    "precision": Text(en="precision", ko="정밀도"),
    "epoch": Text(en="epoch", ko="에포크"),
    "loss": Text(en="cross-entropy (nats)", ko="교차 엔트로피(nat)"),
    "accuracy": Text(en="accuracy", ko="정확도"),
    "confidence": Text(en="confidence", ko="확신도"),
    "train": Text(en="train", ko="학습"),
    "validation": Text(en="validation", ko="검증"),
    "before": Text(en="before scaling", ko="보정 전"),
    "after": Text(en="after scaling", ko="보정 후"),
    "wrong": Text(en="wrongly classified", ko="잘못 분류한 그림"),
    "strength": Text(en="strength", ko="강도"),
    "chance": Text(en="chance", ko="찍었을 때"),
    "other": Text(en="the others", ko="나머지"),
}


@dataclass(frozen=True)
class Style:
    """In which language a chart speaks, and with which font: None where no installed one has the letters."""

    language: Language = "en"
    font: str | None = None

    def say(self, text: Text) -> str:
        return text.ko if self.language == "ko" else text.en

    def axis(self, name: str) -> str:
        return self.say(AXES[name])


@dataclass(frozen=True)
class Curve:
    """A class's curve: `x`, `y`: float (K,); `score`: the area under it."""

    name: Text
    x: np.ndarray
    y: np.ndarray
    score: Score


def find_font(letters: str) -> str | None:
    """The first installed font of `FONTS` that has all letters, or None. Latin alone needs none of them."""
    installed = {each.name: each.fname for each in font_manager.fontManager.ttflist}
    for name in (_LATIN, *FONTS):
        if name in installed and _has(installed[name], letters):
            return name
    return None


def _has(path: str, letters: str) -> bool:
    font = font_manager.get_font(path)
    return all(font.get_char_index(ord(letter)) for letter in set(letters) if not letter.isspace())


def save(figure: Figure, path: Path) -> None:
    figure.savefig(path, format="png", dpi=180, facecolor=SHEET)


def start(style: Style, width: float, height: float) -> Figure:
    """A figure on the report's paper. Draw and save it inside `using(style)`, so that its text finds its font."""
    figure = Figure(figsize=(width, height), layout="constrained", facecolor=SHEET)
    FigureCanvasAgg(figure)
    return figure


def using(style: Style) -> Any:
    """The matplotlib settings that all charts share, as a context manager."""
    families = [style.font, _LATIN] if style.font and style.font != _LATIN else [_LATIN]
    return matplotlib.rc_context(
        {
            "font.family": families,
            "font.size": 10,
            "axes.unicode_minus": False,
            "text.color": INK,
            "axes.labelcolor": WASH,
            "axes.edgecolor": LINE,
            "axes.facecolor": SHEET,
            "axes.spines.top": False,
            "axes.spines.right": False,
            "xtick.color": WASH,
            "ytick.color": WASH,
            "grid.color": LINE,
            "grid.alpha": 0.6,
            # readable also where lines run behind it
            "legend.facecolor": SHEET,
            "legend.edgecolor": "none",
            "legend.framealpha": 0.85,
        }
    )


def confusion_matrix(matrix: np.ndarray, names: Sequence[Text], style: Style) -> Figure:
    """Counts, shaded by their share of the true class. Beyond 20 classes without counts, beyond 40 without names."""
    classes = len(names)
    side = float(np.clip(2.2 + 0.36 * classes, 3.4, 8))
    figure = start(style, side, side * 0.92)
    axes = figure.subplots()
    shares = matrix / np.maximum(matrix.sum(axis=1, keepdims=True), 1)
    axes.imshow(shares, cmap=_SHADES, vmin=0, vmax=1)
    axes.spines[:].set_visible(False)
    axes.set(xlabel=style.axis("predicted"), ylabel=style.axis("true"))
    if classes <= NAMED_CLASSES:
        words = [style.say(name) for name in names]
        upright = max(len(word) for word in words) * classes > 40
        axes.set_xticks(range(classes), words, rotation=90 if upright else 0)
        axes.set_yticks(range(classes), words)
    axes.tick_params(length=0)
    if classes <= 20:
        for row, column in np.ndindex(classes, classes):
            if matrix[row, column]:
                wrong = row != column
                light = shares[row, column] > 0.45
                axes.text(
                    column,
                    row,
                    str(matrix[row, column]),
                    ha="center",
                    va="center",
                    weight="bold" if wrong else "normal",
                    color=SHEET if light else (SEAL if wrong else INK),
                )
    return figure


def roc_curve(curves: Sequence[Curve], style: Style) -> Figure:
    return _curves(curves, style, "false_rate", "true_rate", diagonal=True)


def precision_recall(curves: Sequence[Curve], style: Style) -> Figure:
    return _curves(curves, style, "recall", "precision", diagonal=False)


def _curves(curves: Sequence[Curve], style: Style, x: str, y: str, *, diagonal: bool) -> Figure:
    """All curves; of many only the lowest are named."""
    figure = start(style, 4.8, 4.2)
    axes = figure.subplots()
    if diagonal:
        axes.plot([0, 1], [0, 1], color=LINE, linestyle="--", linewidth=1)
    order = np.argsort([curve.score.value for curve in curves], kind="stable")
    named = set(order[:LISTED_CURVES].tolist())
    for number, curve in enumerate(curves):
        step = "default" if diagonal else "steps-pre"
        if number not in named:
            axes.plot(curve.x, curve.y, color=LINE, linewidth=0.8, drawstyle=step, zorder=1)
            continue
        score = curve.score
        label = f"{style.say(curve.name)}  {score.value:.3f} ({score.low:.3f}–{score.high:.3f})"
        colour = CLASS_COLOURS[number % len(CLASS_COLOURS)]
        line = ("-", "--")[number % 2]
        axes.plot(curve.x, curve.y, color=colour, linestyle=line, linewidth=1.8, drawstyle=step, label=label)
    if len(curves) > len(named):
        axes.plot([], [], color=LINE, label=f"{style.axis('other')}: {len(curves) - len(named)}")
    axes.set(xlabel=style.axis(x), ylabel=style.axis(y), xlim=(-0.02, 1.02), ylim=(-0.02, 1.02))
    axes.legend(loc="lower right" if diagonal else "lower left", fontsize=8)
    axes.grid(True)
    return figure


def loss_accuracy(epochs: Sequence[dict[str, float]], style: Style) -> Figure:
    """`epochs`: the run's, as in the bundle's `metrics.json`."""
    figure = start(style, 6.4, 2.8)
    losses, shares = figure.subplots(1, 2)
    numbers = [each["epoch"] for each in epochs]
    for axes, kind in ((losses, "loss"), (shares, "accuracy")):
        for split, colour in (("train", INK), ("validation", SEAL)):
            values = [each[f"{split}_{kind}"] for each in epochs]
            axes.plot(numbers, values, marker="o", markersize=3.5, color=colour, label=style.axis(split))
        axes.set(xlabel=style.axis("epoch"), ylabel=style.axis(kind))
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
        axes.grid(True)
    losses.set_ylim(0, None)
    shares.set_ylim(None, 1.02)
    losses.legend()
    return figure


def reliability(before: Calibrated, after: Calibrated, style: Style) -> Figure:
    """Accuracy over confidence in 15 bins, with each bin's interval; a dot is as large as its share of images."""
    figure = start(style, 6.4, 3.5)
    panels = figure.subplots(1, 2, sharey=True)
    for axes, measured, name in zip(panels, (before, after), ("before", "after"), strict=True):
        total = sum(each.images for each in measured.bins)
        x = [each.confidence for each in measured.bins]
        y = [each.accuracy.value for each in measured.bins]
        axes.plot([0, 1], [0, 1], color=WASH, linestyle="--", linewidth=1)
        axes.vlines(
            x,
            [e.accuracy.low for e in measured.bins],
            [e.accuracy.high for e in measured.bins],
            color=LINE,
            linewidth=3,
        )
        axes.scatter(
            x, y, s=[20 + 260 * each.images / total for each in measured.bins], color=SEAL, zorder=3, clip_on=False
        )
        axes.set_title(f"{style.axis(name)}: ECE {measured.error.value:.3f}", fontsize=10)
        axes.set(xlabel=style.axis("confidence"), xlim=(0, 1.03), ylim=(-0.02, 1.03))
        axes.grid(True)
    panels[0].set_ylabel(style.axis("accuracy"))
    return figure


def projection(
    points: np.ndarray, targets: np.ndarray, predicted: np.ndarray, names: Sequence[Text], style: Style
) -> Figure:
    """`points`: float (N, 2); a ring marks a wrong answer."""
    figure = start(style, 5.0, 4.4)
    axes = figure.subplots()
    present = np.unique(targets)
    for number in present:
        inside = targets == number
        label = style.say(names[number]) if len(present) <= 2 * LISTED_CURVES else None
        axes.scatter(
            points[inside, 0], points[inside, 1], s=14, color=CLASS_COLOURS[number % len(CLASS_COLOURS)], label=label
        )
    wrong = targets != predicted
    if wrong.any():
        ring: dict[str, Any] = {"facecolors": "none", "edgecolors": SEAL, "linewidths": 1.1}
        axes.scatter(points[wrong, 0], points[wrong, 1], s=60, label=style.axis("wrong"), **ring)
    axes.set(xticks=[], yticks=[])
    axes.spines[:].set_visible(False)
    if axes.get_legend_handles_labels()[1]:
        axes.legend(fontsize=8, loc="best")
    return figure


def corruption_curves(curves: Sequence[tuple[Text, Sequence[Score]]], chance: float, style: Style) -> Figure:
    """Accuracy over strength, 0 being the image as it is."""
    figure = start(style, 5.2, 4.0)
    axes = figure.subplots()
    for number, (name, scores) in enumerate(curves):
        values = np.array([each.value for each in scores])
        spread = np.abs(np.array([[each.low, each.high] for each in scores]).T - values)
        axes.errorbar(
            np.arange(len(scores)) + (number - len(curves) / 2) * 0.04,
            values,
            yerr=spread,
            color=CLASS_COLOURS[number % len(CLASS_COLOURS)],
            linestyle=("-", "--")[number % 2],
            marker="o",
            markersize=4,
            elinewidth=0.8,
            label=style.say(name),
        )
    axes.axhline(chance, color=LINE, linestyle=":", label=style.axis("chance"))
    axes.set(xlabel=style.axis("strength"), ylabel=style.axis("accuracy"), ylim=(-0.02, 1.05))
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.legend(fontsize=8)
    axes.grid(True)
    return figure


def sheet(images: Sequence[np.ndarray], captions: Sequence[str], wrong: Sequence[bool], style: Style) -> Figure:
    """Images, uint8 (height, width, 3), in rows of six at most with a caption under each; a wrong one's is red."""
    columns = min(6, max(1, len(images)))
    rows = -(-len(images) // columns)
    figure = start(style, 1.55 * columns, 1.95 * rows)
    grid: list[Axes] = list(np.atleast_1d(figure.subplots(rows, columns)).ravel())
    for axes in grid:
        axes.set_axis_off()
    for axes, image, caption, bad in zip(grid, images, captions, wrong, strict=False):
        axes.imshow(image)
        axes.set_title(caption, fontsize=7.5, color=SEAL if bad else INK, y=-0.02, va="top")
    return figure
