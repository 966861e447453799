"""`make bench-search`: a grid of 54 with caches and without: how much faster, and whether it comes out the same.

    python -m tests.benchmarks.search --data FOLDER --weights FILE [--depths 0]

6 depths × 3 heads × 3 rates of MobileNetV2 on painting styles split by artist. "Without" is the same loop on pictures
that are decoded and fitted every time they are needed (by all cores), through the whole network. "With" pays for what
it caches: the scan of the pictures and the features are made within the time. Each seed is one repeat; it draws the
heads, the order and the flips. Writes `build/bench/search.json`; exits 1 naming each target missed.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import os
import shutil
import time
from collections import defaultdict
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np

from model_training.datasets.prepare import Prepared, prepare
from model_training.progress import follow
from model_training.recipe import Recipe, load_recipe, override
from model_training.runtime.architecture import Preprocessing
from model_training.runtime.preprocess import read
from model_training.search.space import Point, list_points
from model_training.search.trial import Trials
from model_training.training.loop import start_fabric
from tests.benchmarks.results import PAINTINGS, WHERE, Entry, Table, publish

SPACE: dict[str, list[Any]] = {
    "network.unfreeze": [0, 10, 20, 30, 40, "all"],
    "network.head.hidden": [128, 256, 512],
    "training.learning_rate": [0.001, 0.0003, 0.0001],
}
TARGETS = {"speed_up": (">=", 5.0), "speed_up_frozen": (">=", 20.0), "differences_beyond_noise": ("<=", 0.0)}
FOLDER = Path("build/bench/search")


def make_entry(depths: list[Any], name: str) -> Entry:
    rows = [(f"{depth}", f"{{speed_up_at_{depth}:.1f}}") for depth in depths]
    whole = [("the whole grid", "**{speed_up:.1f}**")] if name == "search" else []
    notes = ["What is kept changed the validation accuracy of {differences_beyond_noise:.0f} combinations."]
    if whole:
        notes.append(
            "The trials that train every layer keep nothing; they alone limit the whole grid to "
            "{speed_up_bound:.1f} times."
        )
    return Entry(
        section="Search",
        title="What a search gains by keeping frozen features" + ("" if whole else ": the backbone frozen"),
        command="make bench-search",
        data=PAINTINGS + "; split by artist",
        tables=(Table(("layers trained", "times faster"), (*rows, *whole)),),
        notes=tuple(notes),
    )


class Decoding:
    """Stands where the memory-mapped pixels stand, and reads the files anew each time."""

    def __init__(self, prepared: Prepared, preprocessing: Preprocessing) -> None:
        self.paths = [entry.path for entry in prepared.dataset.entries]
        self.preprocessing = preprocessing
        self.readers = ThreadPoolExecutor(os.cpu_count())

    def __getitem__(self, rows: Any) -> np.ndarray:
        read_one = self.readers.map(lambda row: read(self.paths[row].read_bytes(), self.preprocessing), rows)
        return np.stack(list(read_one))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True, help=PAINTINGS + WHERE)
    parser.add_argument("--weights", required=True)
    parser.add_argument("--size", type=int, default=64, help="of the pictures, in pixels")
    parser.add_argument("--epochs", type=int, default=3)
    parser.add_argument("--pictures", type=int, default=180, help="to train on, and half as many to validate")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--depths", nargs="*", help="of the six, those to measure; all by default")
    arguments = parser.parse_args()
    space = SPACE | {"network.unfreeze": _choose_depths(arguments.depths)}
    shutil.rmtree(FOLDER, ignore_errors=True)
    values = [f"preprocessing.height={arguments.size}", f"preprocessing.width={arguments.size}", "data.too_few=drop"]
    values += [f"network.pretrained={arguments.weights}", "network.backbone=mobilenetv2_100", "data.label=style"]
    values += [f"training.epochs={arguments.epochs}", "data.group=artist", f"search.space={json.dumps(space)}"]
    recipe = load_recipe("landscape", values)
    fabric = start_fabric("cpu")
    points = list_points(recipe.search) or []
    seconds: dict[tuple[str, object], float] = defaultdict(float)
    figures: dict[tuple[str, int, int], tuple[float, float]] = {}

    def measure(name: str, trials: Trials, seed: int, first: float) -> None:
        """`first`: seconds that were spent before the first trial; they count for the frozen rows, which need them."""
        seconds[name, 0] += first
        for number, point in enumerate(points):
            step.update(len(figures), 2 * arguments.seeds * len(points), f"{name}, seed {seed}")
            began = time.perf_counter()
            outcome = trials.run(_with_seed(recipe, point, seed), lambda *_: None)
            seconds[name, point["network.unfreeze"]] += time.perf_counter() - began
            figures[name, seed, number] = (outcome.accuracy[0], outcome.loss)

    with follow("Measuring") as step:
        for seed in range(arguments.seeds):
            cache = FOLDER / f"cache-{seed}"
            began = time.perf_counter()
            prepared = some(prepare(recipe, arguments.data, cache, quiet=True), arguments.pictures)
            scan = time.perf_counter() - began
            decoding: Any = Decoding(prepared, recipe.preprocessing)
            plain = dataclasses.replace(prepared, pixels=decoding)
            measure("with", Trials(prepared, fabric, cache), seed, scan)
            measure("without", Trials(plain, fabric, None), seed, 0.0)
    report(seconds, figures, points, arguments, {name: len(rows) for name, rows in prepared.rows.items()})


def _choose_depths(wanted: list[str] | None) -> list[Any]:
    depths = SPACE["network.unfreeze"]
    return [each for each in depths if wanted is None or str(each) in wanted]


def _with_seed(recipe: Recipe, point: Point, seed: int) -> Recipe:
    return override(recipe, {**point, "training.seed": seed})


def some(prepared: Prepared, images: int) -> Prepared:
    """The same pictures every time: a part of each split, drawn by chance."""
    generator = np.random.default_rng(0)
    wanted = {"train": images, "validation": images // 2}
    rows = {name: np.sort(generator.permutation(each)[: wanted.get(name)]) for name, each in prepared.rows.items()}
    return dataclasses.replace(prepared, rows=rows)


def report(
    seconds: dict[tuple[str, object], float],
    figures: dict[tuple[str, int, int], tuple[float, float]],
    points: list[Point],
    arguments: argparse.Namespace,
    images: dict[str, int],
) -> None:
    """`pictures`: how many of each split there were; a split may have fewer than were asked for."""
    depths = list(dict.fromkeys(point["network.unfreeze"] for point in points))
    print(f"\n{'layers trained':<16}{'without, s':>12}{'with, s':>12}{'faster':>10}")
    for depth in depths:
        without, with_ = seconds["without", depth], seconds["with", depth]
        print(f"{depth!s:<16}{without:>12.1f}{with_:>12.1f}{without / with_:>9.1f}×")
    total = {name: sum(seconds[name, depth] for depth in depths) for name in ("without", "with")}
    print(f"{'together':<16}{total['without']:>12.1f}{total['with']:>12.1f}{total['without'] / total['with']:>9.1f}×")
    seeds = range(arguments.seeds)
    accuracy = {
        name: np.array([[figures[name, seed, number][0] for number in range(len(points))] for seed in seeds])
        for name in ("without", "with")
    }
    difference = np.abs(accuracy["with"].mean(0) - accuracy["without"].mean(0))
    # Twice the standard error of a difference of two means over the seeds, and never less than one image.
    spread = sum(each.var(0, ddof=1) for each in accuracy.values()) if arguments.seeds > 1 else 0.0
    error = np.sqrt(spread / arguments.seeds)
    noise = np.maximum(2 * error, 1 / images["validation"])
    found = {
        "differences_beyond_noise": float((difference > noise).sum()),
        "largest_accuracy_difference": float(difference.max()),
        "mean_accuracy_difference": float(difference.mean()),
    } | {f"speed_up_at_{depth}": seconds["without", depth] / seconds["with", depth] for depth in depths}
    if 0 in depths:
        found["speed_up_frozen"] = found["speed_up_at_0"]
    if len(depths) == len(SPACE["network.unfreeze"]):
        # if all but the rows that train every layer, which nothing can be kept of, took no time
        found["speed_up_bound"] = total["without"] / seconds["with", "all"]
        found["speed_up"] = total["without"] / total["with"]
    print("\n".join(f"{name}: {value:.2f}" for name, value in found.items()))
    setup = (
        f"{len(points)} combinations, MobileNetV2 at {arguments.size}×{arguments.size}, {arguments.epochs} epochs, "
        f"{images['train']} pictures to train on, {images['validation']} to validate, {arguments.seeds} seeds"
    )
    name = "search" if "speed_up" in found else f"search_{'_'.join(map(str, depths))}"
    publish(name, make_entry(depths, name), found, TARGETS, setup)


if __name__ == "__main__":
    main()
