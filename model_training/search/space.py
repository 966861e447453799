"""The space of a search: which keys of the recipe are tried with which values."""

from __future__ import annotations

import itertools
import json
import math
from typing import Any

from optuna.distributions import BaseDistribution, CategoricalDistribution, FloatDistribution, IntDistribution

from ..recipe import Range, Recipe, Search, override
from ..runtime.errors import RecipeError

Point = dict[str, Any]  # dotted key → value

#: What may differ between trials. Images and their size are prepared once, for all of them.
SECTIONS = ("network", "training", "augmentation")


def check_space(recipe: Recipe) -> None:
    """Raise `RecipeError` where the search has nothing to try, or a key or value that the recipe can't take."""
    space = recipe.search.space
    if recipe.data.multi_label:
        raise RecipeError("A search is of models that give a picture one class.", "Pass data.multi_label=false.")
    if not space:
        raise RecipeError(
            f"The recipe {recipe.name!r} has no search.space.",
            "Write into it which values to try, for example search: {space: {network.unfreeze: [0, 10, all]}}.",
        )
    for key, values in space.items():
        if key.partition(".")[0] not in SECTIONS:
            raise RecipeError(
                f"search.space: {key!r} can't differ between trials.", f"Choose keys of {', '.join(SECTIONS)}."
            )
        if key == "training.precision":
            raise RecipeError(
                "search.space: trials are compared in one precision.", "Set training.precision beside the space."
            )
        if isinstance(values, Range) and recipe.search.sampler == "grid":
            raise RecipeError(
                f"search.space: {key!r} is a range, of which there is no grid.",
                "List its values, or choose another sampler: search.sampler=tpe.",
            )
        for value in (values.low, values.high) if isinstance(values, Range) else values:
            override(recipe, {key: value})


def list_points(search: Search) -> list[Point] | None:
    """Every combination, the first key varying slowest; None where a range makes them endless."""
    values = [each for each in search.space.values() if not isinstance(each, Range)]
    if len(values) < len(search.space):
        return None
    return [dict(zip(search.space, combination, strict=True)) for combination in itertools.product(*values)]


def count_trials(search: Search) -> int:
    """The whole grid, or as many trials as were asked for, and never more than there are combinations."""
    sizes = [math.inf if isinstance(each, Range) else len(each) for each in search.space.values()]
    size = math.prod(sizes)
    return int(size if search.sampler == "grid" else min(size, search.trials))


def make_distributions(search: Search) -> dict[str, BaseDistribution]:
    """The space as optuna's samplers know it."""
    return {
        key: _make_range(values) if isinstance(values, Range) else CategoricalDistribution(values)
        for key, values in search.space.items()
    }


def _make_range(values: Range) -> BaseDistribution:
    if isinstance(values.low, int) and isinstance(values.high, int):
        return IntDistribution(values.low, values.high, log=values.log)
    return FloatDistribution(values.low, values.high, log=values.log)


def name_point(point: Point) -> str:
    """The same words for the same point, whatever the order of its keys."""
    return json.dumps(point, sort_keys=True)
