"""The leaderboard of a study, as rows, CSV and a page."""

from __future__ import annotations

import base64
import csv
import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from optuna.trial import FrozenTrial, TrialState

from ..runtime.files import replacing, write_text
from .space import Point

#: What each trial was measured by, with intervals
FIGURES = ("accuracy", "macro_f1")


@dataclass(frozen=True)
class Line:
    """A finished trial: `value` is the validation figure that is searched for, with its 95% interval."""

    place: int
    trial: int
    point: Point
    metric: str
    value: float
    low: float
    high: float
    facts: dict[str, Any]


@dataclass(frozen=True)
class Stopped:
    """A trial that was stopped early: what it had reached after its last `epoch`."""

    trial: int
    point: Point
    epoch: int
    value: float


def list_stopped(trials: Sequence[FrozenTrial]) -> list[Stopped]:
    """Those that came furthest first, of equals the best first."""
    stopped = [
        Stopped(trial.number, dict(trial.params), trial.last_step, trial.intermediate_values[trial.last_step])
        for trial in trials
        if trial.state == TrialState.PRUNED and trial.last_step is not None
    ]
    return sorted(stopped, key=lambda each: (-each.epoch, -each.value, each.trial))


def rank(trials: Sequence[FrozenTrial]) -> list[Line]:
    """Complete trials, the best first; of equals the one with the lower validation loss, then the earlier."""
    complete = [trial for trial in trials if trial.state == TrialState.COMPLETE]
    complete.sort(key=lambda trial: (-(trial.value or 0.0), _loss(trial), trial.number))
    lines = []
    for place, trial in enumerate(complete, 1):
        facts = trial.user_attrs["outcome"]
        value, low, high = facts[facts["metric"]]
        lines.append(Line(place, trial.number, dict(trial.params), facts["metric"], value, low, high, facts))
    return lines


def _loss(trial: FrozenTrial) -> float:
    loss = trial.user_attrs["outcome"]["loss"]
    return math.inf if loss is None else loss


def shorten(point: Point) -> str:
    """`unfreeze 10, hidden 256`: the last words of the keys are enough for a person."""
    return ", ".join(f"{key.rpartition('.')[2]} {value}" for key, value in point.items())


def write_csv(lines: Sequence[Line], stopped: Sequence[Stopped], path: Path) -> None:
    """One line a trial, with every figure and its interval; of one that was stopped early, what it had reached."""
    keys = list(lines[0].point)
    with replacing(path) as temporary, temporary.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        figures = [f"validation_{name}{part}" for name in FIGURES for part in ("", "_low", "_high")]
        rest = ["validation_loss", "best_epoch", "seconds", "stopped_after"]
        writer.writerow(["place", "trial", *keys, *figures, *rest])
        for line in lines:
            values = [number for name in FIGURES for number in line.facts[name]]
            facts = (line.facts[name] for name in ("loss", "best_epoch", "seconds"))
            writer.writerow([line.place, line.trial, *line.point.values(), *values, *facts, ""])
        for each in stopped:
            reached = [round(each.value, 6) if name == f"validation_{lines[0].metric}" else "" for name in figures]
            writer.writerow(["", each.trial, *each.point.values(), *reached, "", "", "", each.epoch])


def write_page(
    lines: Sequence[Line],
    stopped: Sequence[Stopped],
    title: dict[str, str],
    facts: dict[str, Any],
    plots: dict[str, Path],
    path: Path,
) -> None:
    """A self-contained page in Korean and English. `title`: by language; `plots`: name → PNG."""
    templates = Environment(
        loader=PackageLoader("model_training.search"), autoescape=True, undefined=StrictUndefined, trim_blocks=True
    )
    images = {name: base64.b64encode(plot.read_bytes()).decode("ascii") for name, plot in plots.items()}
    page = templates.get_template("leaderboard.html").render(
        lines=lines, stopped=stopped, best=lines[0], title=title, facts=facts, plots=images, figures=FIGURES
    )
    write_text(path, page)
