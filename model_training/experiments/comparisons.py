"""Comparisons on one's own images, each a table: ways to treat unequal classes, ways to split, pairs of classes."""

from __future__ import annotations

import csv
import itertools
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import get_args

import numpy as np
from lightning_fabric import Fabric
from rich.table import Table

from ..evaluation.metrics import mean_interval, measure
from ..progress import console, print_whole
from ..recipe import ClassBalancing, Recipe, override
from ..runtime.errors import RecipeError
from ..runtime.files import replacing
from .runs import Score, repeat, score

METHODS: tuple[ClassBalancing, ...] = get_args(ClassBalancing)
STRENGTHS = {"focal_loss": 2.0}  # the gamma of Lin et al. 2017; the others make classes equal


@dataclass(frozen=True)
class Comparison:
    """A table of figures: the first column names the row. `notes` are sentences that belong under it."""

    title: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    notes: tuple[str, ...] = ()

    def show(self) -> None:
        table = Table(title=self.title, title_justify="left")
        for number, column in enumerate(self.columns):
            table.add_column(column, justify="right" if number else "left", no_wrap=not number)
        for row in self.rows:
            table.add_row(*row)
        print_whole(table)
        for note in self.notes:
            console.print(note, markup=False)

    def write(self, path: Path) -> None:
        """CSV, by way of a temporary name."""
        with replacing(path) as temporary, temporary.open("w", encoding="utf-8", newline="") as file:
            csv.writer(file).writerows([self.columns, *self.rows])


@dataclass
class Runner:
    """Scores recipes one after another and says how far it is; results that are there already cost nothing."""

    place: Path
    build: Path
    fabric: Fabric
    total: int
    done: int = 0
    started: float = 0.0

    def score(self, name: str, recipe: Recipe) -> Score:
        self.started = self.started or time.monotonic()
        result = score(recipe, self.place, self.build, self.fabric)
        self.done += 1
        left = (time.monotonic() - self.started) / self.done * (self.total - self.done)
        console.print(
            f"{self.done}/{self.total} {name}, split {recipe.data.split.seed}: macro-F1 {result.macro_f1:.3f}, "
            f"accuracy {result.accuracy:.3f}" + (f"; {left / 60:.0f} min left" if self.done < self.total else "")
        )
        return result


def compare_balance(recipe: Recipe, place: Path, build: Path, fabric: Fabric, repeats: int) -> Comparison:
    """Every way to treat unequal classes on the same splits: macro-F1, accuracy, and each class's F1."""
    runner = Runner(place, build, fabric, len(METHODS) * repeats)
    scores: dict[str, list[Score]] = {}
    for method in METHODS:
        settings: dict[str, object] = {
            "training.class_balancing": method,
            "training.class_balancing_strength": STRENGTHS.get(method, 1.0),
        }
        scores[method] = [runner.score(method, each) for each in repeat(recipe, repeats, **settings)]
    plain = [each.macro_f1 for each in scores["none"]]
    labels = scores["none"][0].labels
    rows = []
    for name, results in scores.items():
        gain = mean_interval([each.macro_f1 - base for each, base in zip(results, plain, strict=True)])
        rows.append(
            (
                name,
                f"{np.mean([each.macro_f1 for each in results]):.3f}",
                "" if name == "none" else _interval(gain, signed=True),
                f"{np.mean([each.accuracy for each in results]):.3f}",
                *(f"{value:.2f}" for value in np.mean([each.f1 for each in results], axis=0)),
            )
        )
    images = sum(int(each.test.sum()) for each in scores["none"])
    return Comparison(
        title=f"{recipe.name}: unequal classes, {repeats} splits, {images} test answers for each method",
        columns=("balance", "macro-F1", "gain on none (95%)", "accuracy", *(f"F1 {label}" for label in labels)),
        rows=tuple(rows),
        notes=_about_groups(recipe, scores["none"][0]),
    )


def compare_splits(recipe: Recipe, place: Path, build: Path, fabric: Fabric, repeats: int) -> Comparison:
    """By group against at random, on the same classes: what of a score is the group remembered.

    Raises `RecipeError` where the recipe has no `data.group`.
    """
    column = recipe.data.group
    if column is None:
        raise RecipeError(
            "There is no group to split by.", "Name the manifest's column: data.group=artist, for example."
        )
    runner = Runner(place, build, fabric, 2 * repeats)
    careful = override(recipe, {"data.too_few": "drop"})
    grouped = [runner.score(f"by {column}", each) for each in repeat(careful, repeats)]
    at_random = override(careful, {"data.group": None, "data.labels": grouped[0].labels})
    mixed = [runner.score("at random", each) for each in repeat(at_random, repeats)]
    rows = []
    for name, read in (("accuracy", lambda each: each.accuracy), ("macro-F1", lambda each: each.macro_f1)):
        rows.append(_leak(name, [read(each) for each in grouped], [read(each) for each in mixed]))
    for number, label in enumerate(grouped[0].labels):
        rows.append(_leak(f"F1 {label}", *([each.f1[number] for each in results] for results in (grouped, mixed))))
    answers = [sum(int(each.test.sum()) for each in results) for results in (grouped, mixed)]
    return Comparison(
        title=f"{recipe.name}: split by {column} against at random, {repeats} splits each, "
        f"{answers[0]} and {answers[1]} test answers",
        columns=("", f"by {column} (95%)", "at random (95%)", "leak, points"),
        rows=tuple(rows),
        notes=_about_groups(careful, grouped[0]),
    )


def compare_pairs(recipe: Recipe, place: Path, build: Path, fabric: Fabric, classes: int) -> Comparison:
    """The classes that are mixed up most, two by two: how well each pair can be told apart when it is all there is.

    Which ones is read from the validation images of the whole problem, so that the pairs' test images stay unseen.
    """
    whole = score(recipe, place, build, fabric)
    chosen = most_confused(whole.validation, classes)
    pairs = list(itertools.combinations(chosen, 2))
    runner = Runner(place, build, fabric, len(pairs))
    rates = whole.test / np.maximum(whole.test.sum(1, keepdims=True), 1)
    rows = []
    for first, second in pairs:
        names = (whole.labels[first], whole.labels[second])
        result = runner.score(" – ".join(names), override(recipe, {"data.labels": names}))
        answers = np.repeat(np.indices((2, 2)).reshape(2, 4), result.test.ravel(), axis=1)  # true and predicted classes
        accuracy, macro_f1 = measure(answers[1], answers[0], "test", 2)
        rows.append(
            (
                " – ".join(names),
                f"{rates[first, second]:.2f} / {rates[second, first]:.2f}",
                _interval((accuracy.value, accuracy.low, accuracy.high)),
                _interval((macro_f1.value, macro_f1.low, macro_f1.high)),
                f"{result.test.sum(1).max() / result.test.sum():.2f}",
                str(result.test.sum()),
            )
        )
    rows.sort(key=lambda row: row[2])
    return Comparison(
        title=f"{recipe.name}: the {len(chosen)} classes mixed up most, two by two; hardest first",
        columns=("pair", "mixed up among all", "accuracy (95%)", "macro-F1 (95%)", "larger class", "pictures"),
        rows=tuple(rows),
        notes=(
            f"Among all {len(whole.labels)} classes: accuracy {whole.accuracy:.3f}, macro-F1 {whole.macro_f1:.3f}.",
            "mixed up among all: share of the first class's test pictures taken for the second / the other way round.",
            *_about_groups(recipe, whole),
        ),
    )


def most_confused(confusion: np.ndarray, count: int) -> list[int]:
    """The `count` classes with the largest share of their images taken for another, or of others' taken for them.

    `confusion`: int (classes, classes), rows are true classes. Returns indices in the classes' order.
    """
    rates = confusion / np.maximum(confusion.sum(1, keepdims=True), 1)
    np.fill_diagonal(rates, 0)
    mixed = rates.sum(1) + rates.sum(0)
    return sorted(int(number) for number in np.argsort(-mixed, kind="stable")[:count])


def _leak(name: str, grouped: Sequence[float], mixed: Sequence[float]) -> tuple[str, str, str, str]:
    points = 100 * (np.mean(mixed) - np.mean(grouped))
    return name, _interval(mean_interval(grouped)), _interval(mean_interval(mixed)), f"{points:+.1f}"


def _interval(figure: tuple[float, float, float], *, signed: bool = False) -> str:
    value, low, high = figure
    form = "+.3f" if signed else ".3f"
    return f"{value:{form}}" + (f" ({low:{form}} … {high:{form}})" if np.isfinite(low) else "")


def _about_groups(recipe: Recipe, result: Score) -> tuple[str, ...]:
    column = recipe.data.group
    notes = []
    if result.dropped:
        why = f"a single {column} can't be in training and in the test" if column else "too few pictures"
        notes.append(
            f"Left out: {', '.join(result.dropped)} ({why}). Add pictures{f' of another {column}' if column else ''}."
        )
    if result.borrowed:
        notes.append(
            f"Two groups only: {', '.join(result.borrowed)}. Trained on one {column}, tested on the other, validated "
            f"on pictures of the {column} in training. Add a third {column} to validate on one of its own."
        )
    return tuple(notes)
