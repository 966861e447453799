"""Adaptations × losses over several seeds: what each costs and gives, and what it does to the rarest classes."""

from __future__ import annotations

import itertools
from collections.abc import Sequence

import numpy as np
from matplotlib.figure import Figure

from ..evaluation.metrics import mean_interval
from ..models.factory import make_network
from ..recipe import Adapter, Recipe, override
from ..runtime.errors import RecipeError
from .runner import Result, Runner
from .table import Comparison, say_interval

#: Name in the table → how much of the backbone is trained, or where LoRA goes.
DEPTHS = {"none": 0, "full": "all"}
PLACES = {"LoRA q/k/v/output": "qkvo", "LoRA value/output": "vo", "LoRA MLP": "mlp"}
LOSSES = ("cross_entropy", "focal", "quantile_margin", "quantile_margin_hard")
#: A loss takes the place of what else a recipe does to its loss.
_PLAIN = {
    "training.class_balancing": "none",
    "training.label_smoothing": 0.0,
    "augmentation.mixup": 0.0,
    "augmentation.cutmix": 0.0,
}
_RAREST = 5

#: (adaptation, loss) → results, one for each seed
Groups = dict[tuple[str, str], list[Result]]


def compare_ablation(recipe: Recipe, runner: Runner, seeds: int) -> Comparison:
    """Every adaptation with every loss, on every seed of the split and of the start.

    An adaptation that the network has no layers for is left out and named. Raises `RecipeError` where none is left.
    """
    adaptations, left_out = _choose_adaptations(recipe)
    runs, keys = [], []
    for number, (adaptation, loss) in itertools.product(range(seeds), itertools.product(adaptations, LOSSES)):
        seeded = {"data.split.seed": recipe.data.split.seed + number, "training.seed": recipe.training.seed + number}
        variant = override(recipe, {**adaptations[adaptation], **seeded, **_PLAIN, "training.loss": loss})
        runs.append(runner.plan(f"{adaptation}, {loss}, seed {number}", variant))
        keys.append((adaptation, loss))
    results = runner.run(runs)
    groups: Groups = {}
    for key, result in zip(keys, results, strict=True):
        groups.setdefault(key, []).append(result)
    rarest = _find_rarest(results)
    labels = [results[0].labels[number] for number in rarest]
    return Comparison(
        title=f"{recipe.name}: adaptations and losses, {seeds} seeds",
        columns=(
            *("adaptation", "loss", "accuracy (95%)", "macro-F1 (95%)", "trainable parameters", "seconds"),
            *(f"recall {label}" for label in labels),
            "recall, these together",
        ),
        rows=tuple(
            (
                *(adaptation, loss),
                say_interval(mean_interval([each.accuracy for each in own])),
                say_interval(mean_interval([each.macro_f1 for each in own])),
                f"{own[0].trainable:,}",
                f"{np.mean([each.seconds for each in own]):.0f}",
                *(
                    _compare_recall(own, groups[adaptation, LOSSES[0]], each)
                    for each in [*([r] for r in rarest), rarest]
                ),
            )
            for (adaptation, loss), own in groups.items()
        ),
        notes=(
            f"recall: in the {len(labels)} rarest classes, all seeds together, and its difference from {LOSSES[0]} "
            "under the same adaptation.",
            *left_out,
        ),
        results=tuple(each.as_dict() for each in results),
        figure=draw(groups),
    )


def _choose_adaptations(recipe: Recipe) -> tuple[dict[str, dict[str, object]], list[str]]:
    """Name → values of the recipe, for those that the network can take; and a sentence for each other one."""
    wanted: dict[str, dict[str, object]] = {
        name: {"network.adapter": None, "network.unfreeze": depth} for name, depth in DEPTHS.items()
    }
    for name, place in PLACES.items():
        adapter = recipe.network.adapter or Adapter()
        wanted[name] = {"network.adapter": adapter.model_copy(update={"place": place}), "network.unfreeze": "all"}
    possible, left_out = {}, []
    for name, values in wanted.items():
        try:
            make_network(override(recipe, {**values, "network.pretrained": False}), 2, ("one", "other"))
            possible[name] = values
        except RecipeError as error:
            left_out.append(f"{name} is left out: {error.message}")
            if len(left_out) == len(wanted):
                raise
    return possible, left_out


def _find_rarest(results: Sequence[Result]) -> list[int]:
    """The classes with the fewest training images over all seeds, the rarest first; ties by name."""
    labels = results[0].labels
    counts = np.sum([np.bincount(each.targets("train"), minlength=len(labels)) for each in results], axis=0)
    return sorted(range(len(labels)), key=lambda number: (counts[number], labels[number]))[:_RAREST]


def _compare_recall(own: Sequence[Result], base: Sequence[Result], classes: Sequence[int]) -> str:
    """Recall in these classes over all seeds, and how much more that is than in `base`; – where none was in a test."""

    def recall(results: Sequence[Result]) -> float:
        confusion = np.sum([each.confusion() for each in results], axis=0)[classes]
        return float(confusion[range(len(classes)), classes].sum() / confusion.sum()) if confusion.any() else np.nan

    if np.isnan(recall(own)):
        return "–"
    return f"{recall(own):.2f}" + ("" if own is base else f" ({recall(own) - recall(base):+.2f})")


def draw(groups: Groups) -> Figure:
    """Macro-F1 of every seed and its mean, one group for each adaptation, one colour for each loss."""
    adaptations = list(dict.fromkeys(adaptation for adaptation, _ in groups))
    figure = Figure(figsize=(8, 4), layout="constrained")
    axes = figure.subplots()
    for (adaptation, loss), results in groups.items():
        column, place = LOSSES.index(loss), adaptations.index(adaptation)
        values = [each.macro_f1 for each in results]
        x = place + (column - (len(LOSSES) - 1) / 2) * 0.18
        label = loss.replace("_", " ") if place == 0 else None
        axes.scatter([x] * len(values), values, s=14, color=f"C{column}", alpha=0.6, label=label)
        axes.hlines(float(np.mean(values)), x - 0.07, x + 0.07, color=f"C{column}", linewidth=2)
    axes.set_xticks(range(len(adaptations)), adaptations)
    axes.set_ylabel("macro-F1 on the test pictures")
    axes.spines[["top", "right"]].set_visible(False)
    axes.grid(axis="y", alpha=0.3)
    axes.legend(frameon=False, ncols=len(LOSSES), loc="upper center", bbox_to_anchor=(0.5, 1.13))
    return figure
