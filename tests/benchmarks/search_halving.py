"""`make bench-search`: a grid of 54 with caches and successive halving, against the same grid without either.

    python -m tests.benchmarks.search_halving --data FOLDER --weights FILE [--part without|caches|halving]

The grid and what "without" means are those of `search.py`. Its trials are timed at one rate of the three, for the rate
changes nothing of the time. `caches` trains the whole grid to its end and so knows its best; `halving` is the search
itself, `hwapung search` with `search.prune=halving`, from an empty cache to the leaderboard. Where the two find
different points, both are trained anew from other seeds and compared on the test pictures, which chose neither. Parts
that were measured are kept, so that each can be run by itself.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import shutil
import time
from pathlib import Path
from typing import Any

import numpy as np
from scipy.stats import bootstrap

from model_training.datasets.prepare import Prepared, prepare
from model_training.evaluation.predict import predict_logits
from model_training.recipe import Recipe, load_recipe, override
from model_training.runtime.execution import TorchExecution
from model_training.runtime.files import write_text
from model_training.search.run import break_ties, work, write_results
from model_training.search.space import Point, list_points
from model_training.search.storage import open_study
from model_training.search.trial import Trials
from model_training.training.classification import train
from model_training.training.loop import start_fabric
from tests.benchmarks.results import PAINTINGS, WHERE, Entry, Table, publish
from tests.benchmarks.search import SPACE, Decoding, some

FOLDER = Path("build/bench/search-halving")
TARGETS = {"faster": (">=", 8.0), "told_apart": ("<=", 0.0)}
PARTS = ("without", "caches", "halving")
#: Seeds from which two winners are compared.
SEEDS = (1, 2, 3)

ENTRY = Entry(
    section="Search",
    title="What a search gains by successive halving",
    command="make bench-search",
    data=PAINTINGS + "; split by artist",
    tables=(
        Table(
            ("the grid of 54", "seconds", "times faster", "epochs trained", "its best on validation"),
            (
                ("without caches and pruning", "{without_seconds:.0f}", "1", "{all_epochs:.0f}", ""),
                (
                    "with caches", "{caches_seconds:.0f}", "{faster_by_caches:.2f}", "{all_epochs:.0f}",
                    "{caches_accuracy:.3f}",
                ),
                (
                    "with caches and `search.prune=halving`", "{halving_seconds:.0f}", "**{faster:.2f}**",
                    "{halving_epochs:.0f}", "{halving_accuracy:.3f}",
                ),
            ),
        ),
    ),
    notes=(
        "Halving stops {stopped:.0f} of the 54 early. The point that it finds has place {place:.0f} in the whole grid.",
        "On {compared:.0f} test pictures, each answered from three other seeds, its point is right in {lead:+.1%} more "
        "than the grid's best (95% over the pictures {lead_low:+.1%} to {lead_high:+.1%}).",
    ),
)  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True, help=PAINTINGS + WHERE)
    parser.add_argument("--weights", required=True)
    parser.add_argument("--size", type=int, default=64, help="of the pictures, in pixels")
    parser.add_argument("--epochs", type=int, default=10)
    parser.add_argument("--pictures", type=int, default=120, help="to train on, and half as many to validate")
    parser.add_argument("--part", choices=PARTS, help="measure this one and keep it; all and the report by default")
    arguments = parser.parse_args()
    values = [f"preprocessing.height={arguments.size}", f"preprocessing.width={arguments.size}", "data.too_few=drop"]
    values += [f"network.pretrained={arguments.weights}", "network.backbone=mobilenetv2_100", "data.label=style"]
    values += ["training.average=none", "training.warmup_epochs=0", "network.head.stages=null", "data.group=artist"]
    values += [f"training.epochs={arguments.epochs}", "training.patience=null", f"search.space={json.dumps(SPACE)}"]
    recipe = load_recipe("landscape", [*values, "search.prune=halving"])
    identity = f"{arguments.size}-{arguments.epochs}-{arguments.pictures}"
    for part in (arguments.part,) if arguments.part else PARTS:
        kept = FOLDER / f"{identity}-{part}.json"
        if arguments.part or not kept.exists():
            measure = {"without": time_without, "caches": time_caches, "halving": time_halving}[part]
            cache = FOLDER / "cache"
            shutil.rmtree(cache, ignore_errors=True)
            found = measure(recipe, arguments.data, cache, arguments.pictures)
            write_text(kept, json.dumps(found))
            print(part, {key: value for key, value in found.items() if isinstance(value, float)}, flush=True)
    if not arguments.part:
        read = {part: json.loads((FOLDER / f"{identity}-{part}.json").read_text()) for part in PARTS}
        report(recipe, arguments, read)


def time_without(recipe: Recipe, data: Path, cache: Path, pictures: int) -> dict[str, Any]:
    """Seconds of the grid by those of the trials of one rate."""
    prepared = some(prepare(recipe, data, cache, quiet=True), pictures)
    decoding: Any = Decoding(prepared, recipe.preprocessing)
    trials = Trials(dataclasses.replace(prepared, pixels=decoding), start_fabric("cpu"), None)
    began = time.perf_counter()
    for point in points_at(recipe, SPACE["training.learning_rate"][0]):
        trials.run(override(recipe, point), lambda *_: None)
    return {"seconds": (time.perf_counter() - began) * len(SPACE["training.learning_rate"])}


def time_caches(recipe: Recipe, data: Path, cache: Path, pictures: int) -> dict[str, Any]:
    """And what each point is worth: accuracy, of equals by the lower loss."""
    began = time.perf_counter()
    trials = Trials(some(prepare(recipe, data, cache, quiet=True), pictures), start_fabric("cpu"), cache)
    found = []
    for point in list_points(recipe.search) or []:
        outcome = trials.run(override(recipe, point), lambda *_: None)
        found.append((point, outcome.accuracy[0], break_ties(outcome.accuracy[0], outcome.loss)))
    return {"seconds": time.perf_counter() - began, "found": found}


def time_halving(recipe: Recipe, data: Path, cache: Path, pictures: int) -> dict[str, Any]:
    """The search as the command runs it."""
    began = time.perf_counter()
    prepared = some(prepare(recipe, data, cache, quiet=True), pictures)
    place = str(cache / "journal.log")
    shared = open_study("grid", place, recipe, prepared)
    work(shared, place, recipe, prepared, start_fabric("cpu"), cache)
    lines, stopped = write_results(shared, recipe, prepared, cache)
    seconds = time.perf_counter() - began
    epochs = len(lines) * recipe.training.epochs + sum(each.epoch for each in stopped)
    best = lines[0]
    return {
        "seconds": seconds, "point": best.point, "accuracy": best.value, "stopped": len(stopped), "epochs": epochs
    }  # fmt: skip


def points_at(recipe: Recipe, rate: float) -> list[Point]:
    return [point for point in list_points(recipe.search) or [] if point["training.learning_rate"] == rate]


def report(recipe: Recipe, arguments: argparse.Namespace, read: dict[str, dict[str, Any]]) -> None:
    without, caches, halving = (read[part] for part in PARTS)
    ranked = sorted(caches["found"], key=lambda each: -each[2])
    best, found = ranked[0][0], halving["point"]
    prepared = some(prepare(recipe, arguments.data, FOLDER / "cache", quiet=True), arguments.pictures)
    figures = {f"{part}_seconds": read[part]["seconds"] for part in PARTS} | {
        "faster_by_caches": without["seconds"] / caches["seconds"],
        "faster": without["seconds"] / halving["seconds"],
        "all_epochs": len(ranked) * arguments.epochs,
        "halving_epochs": halving["epochs"],
        "stopped": halving["stopped"],
        "caches_accuracy": ranked[0][1],
        "halving_accuracy": halving["accuracy"],
        "place": 1 + next(number for number, each in enumerate(ranked) if each[0] == found),
    }
    figures |= compare(recipe, prepared, found, best)
    print("\n".join(f"{name}: {value:.3f}" for name, value in figures.items()))
    setup = (
        f"{len(ranked)} combinations, MobileNetV2 at {arguments.size}×{arguments.size}, {arguments.epochs} epochs, "
        f"{len(prepared.rows['train'])} pictures to train on, {len(prepared.rows['validation'])} to validate"
    )
    publish("search_halving", ENTRY, figures, TARGETS, setup)


def compare(recipe: Recipe, prepared: Prepared, found: Point, best: Point) -> dict[str, float]:
    """Whether `found` can be told from `best` on the test pictures, from `SEEDS`; the same point can't."""
    rows = prepared.rows["test"]
    targets = prepared.targets[rows]
    if found == best:
        return {"lead": 0.0, "lead_low": 0.0, "lead_high": 0.0, "told_apart": 0.0, "compared": float(len(rows))}
    right = np.zeros((2, len(rows)))
    for number, point in enumerate((found, best)):
        for seed in SEEDS:
            chosen = override(recipe, {**point, "training.seed": seed, "training.probe": False})
            trained = train(chosen, prepared, FOLDER / "runs", start_fabric("cpu"))
            logits = predict_logits(TorchExecution(trained.network, "cpu"), prepared.pixels, rows)
            right[number] += (logits.argmax(1) == targets) / len(SEEDS)
    lead = right[0] - right[1]
    interval = bootstrap((lead,), np.mean, method="percentile", random_state=0).confidence_interval
    return {
        "lead": lead.mean(), "lead_low": interval.low, "lead_high": interval.high,
        "told_apart": float(interval.low > 0 or interval.high < 0), "compared": float(len(rows)),
    }  # fmt: skip


if __name__ == "__main__":
    main()
