"""What a search looked like: every trial as a line through its values, and each factor by itself."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib import colormaps
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.cm import ScalarMappable
from matplotlib.colors import Normalize
from matplotlib.figure import Figure
from matplotlib.patches import PathPatch
from matplotlib.path import Path as Curve

from ..runtime.files import replacing
from .board import Line

_INK, _SEAL, _PAPER = "#2f3a40", "#b8372b", "#d9d4c9"
_TITLES = {"accuracy": "validation accuracy", "macro_f1": "validation macro-F1"}


def draw_parallel(lines: Sequence[Line], factors: dict[str, list[Any]], path: Path) -> None:
    """Parallel coordinates: an axis for each factor and one for the figure; the best trial is drawn last, in red.

    `factors`: dotted key → its values in the order of the recipe; those of a range are sorted numbers.
    """
    figure = _start(max(7.0, 1.9 * (len(factors) + 1)), 4.6)
    axes = figure.subplots()
    values = np.array([line.value for line in lines])
    middle, half = (values.max() + values.min()) / 2, max((values.max() - values.min()) / 2, 0.005)
    shade = Normalize(middle - half, middle + half)
    colours = colormaps["cividis"]
    ranges = {key: dict(zip(each, _spread(each), strict=True)) for key, each in factors.items()}
    jitter = np.random.default_rng(0).uniform(-0.012, 0.012, (len(lines), len(factors)))
    for line in sorted(lines, key=lambda each: each.value):
        number = lines.index(line)
        heights = [ranges[key][line.point[key]] + jitter[number, at] for at, key in enumerate(factors)]
        best = line is lines[0]
        heights.append(float(shade(line.value)))
        axes.add_patch(
            PathPatch(
                _curve(heights),
                facecolor="none",
                edgecolor=_SEAL if best else colours(float(shade(line.value))),
                linewidth=2.4 if best else 0.9,
                alpha=1.0 if best else 0.55,
            )
        )
    names = [_name(key) for key in factors]
    for at, each in enumerate(ranges.values()):
        axes.axvline(at, color=_INK, linewidth=0.8)
        shown = (
            list(each.items())
            if len(each) <= 8
            else [list(each.items())[i] for i in np.linspace(0, len(each) - 1, 6).astype(int)]
        )
        for value, height in shown:
            axes.annotate(
                _say(value), (at, height), textcoords="offset points", xytext=(5, 0), va="center", fontsize=8.5,
                color=_INK, bbox={"facecolor": "white", "edgecolor": "none", "alpha": 0.75, "pad": 1},
            )  # fmt: skip
    axes.set(xlim=(-0.1, len(factors)), ylim=(-0.06, 1.06), yticks=[])
    axes.set_xticks(range(len(names)), names)
    axes.tick_params(length=0)
    axes.spines[:].set_visible(False)
    bar = figure.colorbar(ScalarMappable(shade, colours), ax=axes, pad=0.0, aspect=28)
    bar.outline.set_visible(False)
    bar.set_label(_TITLES.get(lines[0].metric, lines[0].metric))
    axes.set_title(f"{len(lines)} trials; the best in red", loc="left", fontsize=10, color=_INK)
    _save(figure, path)


def draw_factors(lines: Sequence[Line], factors: dict[str, list[Any]], path: Path) -> None:
    """For each factor, every trial over its value, with the mean and the best of each value."""
    columns = min(len(factors), 4)
    rows = math.ceil(len(factors) / columns)
    figure = _start(3.3 * columns + 0.4, 3.1 * rows)
    grid = figure.subplots(rows, columns, sharey=True, squeeze=False)
    for axes in grid.flat[len(factors) :]:
        axes.set_visible(False)
    for axes, (key, values) in zip(grid.flat, factors.items(), strict=False):
        listed = len(values) <= 8
        places = {value: number if listed else value for number, value in enumerate(values)}
        jitter = np.random.default_rng(0).uniform(-0.16, 0.16, len(lines)) * listed
        x = np.array([places[line.point[key]] for line in lines], float)
        y = np.array([line.value for line in lines])
        axes.scatter(x + jitter, y, s=14, color=_INK, alpha=0.35, linewidths=0)
        if listed:
            of_each = [y[x == number] for number in range(len(values))]
            there = [number for number, each in enumerate(of_each) if len(each)]
            axes.plot(there, [of_each[n].mean() for n in there], color=_SEAL, marker="_", markersize=16, label="mean")
            axes.plot(
                there,
                [of_each[n].max() for n in there],
                color=_SEAL,
                marker="^",
                linestyle=":",
                markersize=5,
                label="best",
            )
            crowded = max(len(_say(value)) for value in values) * len(values) > 28
            axes.set_xticks(
                range(len(values)), [_say(value) for value in values],
                rotation=30 if crowded else 0, ha="right" if crowded else "center",
            )  # fmt: skip
        elif min(values) > 0 and max(values) / min(values) > 30:
            axes.set_xscale("log")
        axes.set_xlabel(_name(key))
        axes.spines[["top", "right"]].set_visible(False)
        axes.grid(axis="y", alpha=0.25)
    for row in grid:
        row[0].set_ylabel(_TITLES.get(lines[0].metric, lines[0].metric))
    grid[0][0].legend(frameon=False, fontsize=8, loc="lower right")
    _save(figure, path)


def _start(width: float, height: float) -> Figure:
    figure = Figure(figsize=(width, height), layout="constrained")
    FigureCanvasAgg(figure)
    return figure


def _save(figure: Figure, path: Path) -> None:
    with replacing(path) as temporary:
        figure.savefig(temporary, format="png", dpi=130)


def _spread(values: list[Any]) -> list[float]:
    """Heights 0…1 on an axis: listed values evenly, many numbers by size."""
    if len(values) == 1:
        return [0.5]
    if len(values) <= 8:
        return [number / (len(values) - 1) for number in range(len(values))]
    numbers = np.log(values) if min(values) > 0 and max(values) / min(values) > 30 else np.array(values, float)
    return list((numbers - numbers.min()) / (numbers.max() - numbers.min()))


def _curve(heights: Sequence[float]) -> Curve:
    """A smooth line that leaves every axis level."""
    points, codes = [(0.0, heights[0])], [Curve.MOVETO]
    for at in range(len(heights) - 1):
        points += [(at + 0.5, heights[at]), (at + 0.5, heights[at + 1]), (at + 1.0, heights[at + 1])]
        codes += [Curve.CURVE4] * 3
    return Curve(points, codes)


def _name(key: str) -> str:
    return {
        "network.backbone": "backbone",
        "network.unfreeze": "layers trained",
        "network.head.hidden": "hidden units",
        "training.learning_rate": "learning rate",
    }.get(key, key.rpartition(".")[2].replace("_", " "))


def _say(value: Any) -> str:
    return f"{value:g}" if isinstance(value, float) else str(value)
