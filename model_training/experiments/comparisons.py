"""Comparisons on one's own images: ways to treat unequal classes, ways to split, pairs of classes."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import get_args

import numpy as np

from ..evaluation.metrics import mean_interval, measure_confusion
from ..recipe import ClassBalancing, Recipe, override
from ..runtime.errors import RecipeError
from .runner import Result, Run, Runner, repeat
from .table import Comparison, say_interval

METHODS: tuple[ClassBalancing, ...] = get_args(ClassBalancing)
STRENGTHS = {"focal_loss": 2.0}  # the gamma of Lin et al. 2017; the others make classes equal


def compare_balance(recipe: Recipe, runner: Runner, repeats: int) -> Comparison:
    """Every way to treat unequal classes on the same splits: macro-F1, accuracy, and each class's F1.

    All go without mixup and cutmix, which focal loss does not take: what is compared must differ in one thing.
    """
    unmixed = override(recipe, {"augmentation.mixup": 0.0, "augmentation.cutmix": 0.0})
    runs: list[Run] = []
    for method in METHODS:
        values: dict[str, object] = {
            "training.class_balancing": method,
            "training.class_balancing_strength": STRENGTHS.get(method, 1.0),
        }
        runs += _plan(runner, method, repeat(unmixed, repeats, values))
    results = runner.run(runs)
    of_method = {method: results[number * repeats :][:repeats] for number, method in enumerate(METHODS)}
    plain = of_method["none"]
    rows = []
    for name, own in of_method.items():
        gain = mean_interval([each.macro_f1 - base.macro_f1 for each, base in zip(own, plain, strict=True)])
        rows.append(
            (
                name,
                f"{np.mean([each.macro_f1 for each in own]):.3f}",
                "" if name == "none" else say_interval(gain, signed=True),
                f"{np.mean([each.accuracy for each in own]):.3f}",
                *(f"{value:.2f}" for value in np.mean([each.f1 for each in own], axis=0)),
            )
        )
    labels = (f"F1 {label}" for label in plain[0].labels)
    return Comparison(
        title=f"{recipe.name}: unequal classes, {repeats} splits, {_count(plain)} test answers for each method",
        columns=("balance", "macro-F1", "gain on none (95%)", "accuracy", *labels),
        rows=tuple(rows),
        notes=_about_groups(plain[0].run) + (("All without mixup and cutmix.",) if recipe.augmentation.mixes else ()),
        results=tuple(each.as_dict() for each in results),
    )


def compare_splits(recipe: Recipe, runner: Runner, repeats: int) -> Comparison:
    """By group against at random, on the same classes: what of a score is the group remembered.

    Raises `RecipeError` where the recipe has no `data.group`.
    """
    column = recipe.data.group
    if column is None:
        raise RecipeError(
            "There is no group to split by.", "Name the manifest's column: data.group=artist, for example."
        )
    careful = override(recipe, {"data.too_few": "drop"})
    labels = runner.prepare(careful).dataset.labels
    at_random = override(careful, {"data.group": None, "data.labels": labels})
    runs = _plan(runner, f"by {column}", repeat(careful, repeats))
    results = runner.run([*runs, *_plan(runner, "at random", repeat(at_random, repeats))])
    grouped, mixed = results[:repeats], results[repeats:]
    rows = [
        _leak("accuracy", [each.accuracy for each in grouped], [each.accuracy for each in mixed]),
        _leak("macro-F1", [each.macro_f1 for each in grouped], [each.macro_f1 for each in mixed]),
    ]
    for number, label in enumerate(labels):
        rows.append(_leak(f"F1 {label}", [each.f1[number] for each in grouped], [each.f1[number] for each in mixed]))
    return Comparison(
        title=f"{recipe.name}: split by {column} against at random, {repeats} splits each, "
        f"{_count(grouped)} and {_count(mixed)} test answers",
        columns=("", f"by {column} (95%)", "at random (95%)", "leak, points"),
        rows=tuple(rows),
        notes=_about_groups(runs[0]),
        results=tuple(each.as_dict() for each in results),
    )


def compare_pairs(recipe: Recipe, runner: Runner, classes: int) -> Comparison:
    """The classes that are mixed up most, two by two: how well each pair can be told apart when it is all there is.

    Which ones is read from the validation images of the whole problem, so that the pairs' test images stay unseen.
    """
    (whole,) = runner.run([runner.plan("all classes", recipe)])
    chosen = most_confused(whole.confusion("validation"), classes)
    pairs = list(itertools.combinations(chosen, 2))
    names = [tuple(whole.labels[number] for number in pair) for pair in pairs]
    results = runner.run([runner.plan(" – ".join(each), override(recipe, {"data.labels": each})) for each in names])
    confusion = whole.confusion()
    rates = confusion / np.maximum(confusion.sum(1, keepdims=True), 1)
    rows = []
    for (first, second), result in zip(pairs, results, strict=True):
        accuracy, macro_f1 = measure_confusion(result.confusion(), "test")
        images = result.confusion().sum(1)
        rows.append(
            (
                result.run.name,
                f"{rates[first, second]:.2f} / {rates[second, first]:.2f}",
                say_interval((accuracy.value, accuracy.low, accuracy.high)),
                say_interval((macro_f1.value, macro_f1.low, macro_f1.high)),
                f"{images.max() / images.sum():.2f}",
                str(images.sum()),
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
            *_about_groups(whole.run),
        ),
        results=tuple(each.as_dict() for each in (whole, *results)),
    )


def most_confused(confusion: np.ndarray, count: int) -> list[int]:
    """The `count` classes with the largest share of their images taken for another, or of others' taken for them.

    `confusion`: int (classes, classes), rows are true classes. Returns indices in the classes' order.
    """
    rates = confusion / np.maximum(confusion.sum(1, keepdims=True), 1)
    np.fill_diagonal(rates, 0)
    mixed = rates.sum(1) + rates.sum(0)
    return sorted(int(number) for number in np.argsort(-mixed, kind="stable")[:count])


def _plan(runner: Runner, name: str, recipes: Sequence[Recipe]) -> list[Run]:
    return [runner.plan(f"{name}, split {each.data.split.seed}", each) for each in recipes]


def _count(results: Sequence[Result]) -> int:
    return sum(len(each.logits["test"]) for each in results)


def _leak(name: str, grouped: Sequence[float], mixed: Sequence[float]) -> tuple[str, str, str, str]:
    points = 100 * (np.mean(mixed) - np.mean(grouped))
    return name, say_interval(mean_interval(grouped)), say_interval(mean_interval(mixed)), f"{points:+.1f}"


def _about_groups(run: Run) -> tuple[str, ...]:
    """What a split by groups left out, and which classes it could validate only on images of training's groups."""
    column, dropped = run.recipe.data.group, run.prepared.dataset.dropped
    notes = []
    if dropped:
        why = f"a single {column} can't be in training and in the test" if column else "too few pictures"
        notes.append(
            f"Left out: {', '.join(dropped)} ({why}). Add pictures{f' of another {column}' if column else ''}."
        )
    if borrowed := run.prepared.provenance.validation_within_groups:
        notes.append(
            f"Two groups only: {', '.join(borrowed)}. Trained on one {column}, tested on the other, validated "
            f"on pictures of the {column} in training. Add a third {column} to validate on one of its own."
        )
    return tuple(notes)
