"""A process at work on a study, and what it leaves when the study is complete: leaderboard, plots and the winner."""

from __future__ import annotations

import math
import time
from dataclasses import asdict
from pathlib import Path
from typing import Any

import optuna
import torch
from lightning_fabric import Fabric
from optuna.trial import Trial

from ..datasets.prepare import Prepared, prepare
from ..locks import exclusive
from ..packaging.bundle import make_bundle
from ..recipe import Recipe, override
from ..runtime.errors import RecipeError, StudyError, WeightsError
from ..training.classification import train
from ..training.memory import keeping_memory
from .board import Line, Stopped, list_stopped, rank, shorten, write_csv, write_page
from .display import Display, show
from .plots import draw_plots
from .space import Point
from .storage import explain_storage
from .study import SharedStudy
from .trial import Outcome, Trials

POLL = 2.0  # seconds between two looks at what the others are running


def work(
    shared: SharedStudy, place: str, recipe: Recipe, prepared: Prepared, fabric: Fabric, cache: Path | None
) -> None:
    """Run trials until the study is complete; where others are still running theirs, wait, and take what they lose.

    `place`: where the study is kept, for errors. `cache`: for features of frozen layers, None to do without.
    Raises `StudyError` where no trial could be trained.
    """
    trials = Trials(prepared, fabric, cache)
    with explain_storage(place), keeping_memory(), show(shared) as display:
        display.refresh()
        while True:
            trial = shared.claim()
            if trial is not None:
                _try(shared, trial, recipe, trials, display)
            elif shared.running():
                time.sleep(POLL)
            else:
                break
            display.refresh()
    for point, reason in shared.failed.items():
        display.say(f"Not trained: {point}: {reason}")
    if not shared.finished():
        raise StudyError("No trial could be trained.", "Mend what the lines above say.")


def _try(shared: SharedStudy, trial: Trial, recipe: Recipe, trials: Trials, display: Display) -> None:
    point: Point = dict(trial.params)
    chosen = override(recipe, point)

    def report(epoch: int, value: float, loss: float) -> None:
        display.refresh(f"trial {trial.number}: {shorten(point)}; epoch {epoch}, {value:.4f}")
        is_last = epoch == chosen.training.epochs  # then it is done, and not stopped
        if recipe.search.prune != "none" and shared.falls_behind(trial, epoch, break_ties(value, loss)) and not is_last:
            raise optuna.TrialPruned

    with shared.lease(trial):
        try:
            outcome = trials.run(chosen, report)
        except optuna.TrialPruned:
            shared.prune(trial)
        except (RecipeError, WeightsError, torch.OutOfMemoryError) as error:
            shared.fail(trial, " ".join(str(error).split())[:300])
        except BaseException:
            shared.give_back(trial)
            raise
        else:
            shared.finish(trial, outcome.value, _facts(recipe, outcome))


def break_ties(value: float, loss: float) -> float:
    """A figure that also tells trials of equal `value` apart, by their `loss`: of few pictures many are equal."""
    return value - 1e-9 * (min(loss, 1e3) if math.isfinite(loss) else 1e3)


def _facts(recipe: Recipe, outcome: Outcome) -> dict[str, Any]:
    loss = outcome.loss if math.isfinite(outcome.loss) else None  # JSON has no infinity
    return {"metric": recipe.training.monitor, **asdict(outcome), "loss": loss}


def train_winner(recipe: Recipe, best: Line, data: Path, name: str, build: Path, fabric: Fabric) -> Path:
    """Train the best point as any recipe is trained, and leave its bundle as `name`; returns the bundle's folder.

    Its figures on the test images are those of the card: they were looked at for no other trial.
    """
    chosen = override(recipe, best.point).model_copy(update={"name": name})
    with exclusive(build / "search" / "winner"):
        prepared = prepare(chosen, data, build / "cache")
        return make_bundle(chosen, prepared, train(chosen, prepared, build / "runs", fabric), build / "bundles")


def write_results(
    shared: SharedStudy, recipe: Recipe, prepared: Prepared, folder: Path
) -> tuple[list[Line], list[Stopped]]:
    """`leaderboard.csv`, `leaderboard.html` and the plots of `draw_plots` in `folder`; returns the ranking, and what
    was stopped early."""
    lines, stopped = rank(shared.finished()), list_stopped(shared.finished())
    with exclusive(folder):
        plots = draw_plots(shared.study, lines[0].metric, folder)
        write_csv(lines, stopped, folder / "leaderboard.csv")
        facts = {"total": shared.total, "pictures": len(prepared.rows["validation"])}
        write_page(lines, stopped, recipe.title.model_dump(), facts, plots, folder / "leaderboard.html")
    return lines, stopped
