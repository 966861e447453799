"""The charts of a report."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator
from PIL import Image, ImageOps

from model_training.runtime.card import Text

from .calibration import Calibrated
from .metrics import Score
from .style import CLASS_COLOURS, INK, LINE, SEAL, SHADES, SHEET, WASH, Style, start

NAMED_CLASSES = 40
LISTED_CURVES = 8
SHEET_DPI = 120


@dataclass(frozen=True)
class Curve:
    """A class's curve: `x`, `y`: float (K,); `score`: the area under it."""

    name: Text
    x: np.ndarray
    y: np.ndarray
    score: Score


def confusion_matrix(matrix: np.ndarray, names: Sequence[Text], style: Style) -> Figure:
    """Counts, shaded by their share of the true class. Beyond 20 classes without counts, beyond 40 without names."""
    classes = len(names)
    side = float(np.clip(2.2 + 0.36 * classes, 3.4, 8))
    figure = start(side, side * 0.92)
    axes = figure.subplots()
    shares = matrix / np.maximum(matrix.sum(axis=1, keepdims=True), 1)
    axes.imshow(shares, cmap=SHADES, vmin=0, vmax=1)
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
                    color=SHEET if light else (SEAL if wrong else INK),
                )
    return figure


def roc_curve(curves: Sequence[Curve], style: Style) -> Figure:
    return _curves(curves, style, "false_rate", "true_rate", diagonal=True)


def precision_recall(curves: Sequence[Curve], style: Style) -> Figure:
    return _curves(curves, style, "recall", "precision", diagonal=False)


def _curves(curves: Sequence[Curve], style: Style, x: str, y: str, *, diagonal: bool) -> Figure:
    """All curves; of many only the lowest are named."""
    figure = start(4.8, 4.2)
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
    figure = start(6.4, 2.8)
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
    figure = start(6.4, 3.5)
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
    figure = start(5.0, 4.4)
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
    figure = start(5.2, 4.0)
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


def sheet(images: Sequence[np.ndarray], captions: Sequence[str], wrong: Sequence[bool]) -> Figure:
    """Images, uint8 (height, width, 3), in rows of six at most with a caption under each; a wrong one's is red.

    Each is shrunk or enlarged to a square of 180 pixels at most: one axes an image takes seconds to lay out.
    """
    columns = min(6, max(1, len(images)))
    rows = -(-len(images) // columns)
    across, down, side = 186, 234, 180
    canvas = Image.new("RGB", (columns * across, rows * down), SHEET)
    for number, image in enumerate(images):
        fitted = ImageOps.contain(Image.fromarray(image), (side, side), Image.Resampling.BICUBIC)
        left, top = number % columns * across, number // columns * down
        canvas.paste(fitted, (left + (across - fitted.width) // 2, top + (across - fitted.height) // 2))
    figure = Figure((canvas.width / SHEET_DPI, canvas.height / SHEET_DPI), dpi=SHEET_DPI, facecolor=SHEET)
    FigureCanvasAgg(figure).figure.figimage(np.asarray(canvas))
    for number, (caption, bad) in enumerate(zip(captions, wrong, strict=True)):
        x, y = (number % columns + 0.5) * across / canvas.width, 1 - (number // columns * down + across) / canvas.height
        figure.text(x, y, caption, fontsize=7.5, color=SEAL if bad else INK, ha="center", va="top")
    return figure
