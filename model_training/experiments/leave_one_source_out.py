"""Leave sources out: how well a recipe does on images of a generator or a camera that its network never saw.

One mechanism for `hwapung train`, which puts the outcome into the card, and `hwapung compare sources`, which prints it:
both ask for the same runs, and each run is done once. The whole recipe is trained each time, not a probe in its place:
the `sure` band is chosen on these confidences, and another kind of network's say nothing about the one that is served.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from ..datasets.folders import SplitName
from ..datasets.manifest import check_column
from ..datasets.prepare import Prepared
from ..evaluation.calibration import fit_temperature
from ..evaluation.unseen_sources import UnseenAnswers, measure_unseen
from ..recipe import Recipe
from ..runtime.classifier import softmax
from ..runtime.errors import DatasetError
from ..runtime.measures import SourceAccuracy, UnseenSources
from .runner import Result, Run, Runner
from .table import Comparison, say_interval

#: The column of sources where the recipe names none; what is fetched has it.
SOURCE = "source"


@dataclass(frozen=True)
class Folds:
    """`left_out`: the sources that each training goes without; `kept`: those that none can go without."""

    left_out: tuple[tuple[str, ...], ...]
    kept: tuple[str, ...]


def measure_unseen_sources(recipe: Recipe, prepared: Prepared, runner: Runner) -> UnseenSources:
    """Train without each source in turn, of more than `data.unseen_folds` without several at once.

    Every image is answered by the one network that went without its source, at the temperature of that network's own
    validation images. Raises `DatasetError` where the images have no column `data.source`.
    """
    column = recipe.data.source or SOURCE
    sources = read_sources(prepared, column)
    folds = plan_folds(prepared, sources, recipe.data.unseen_folds)
    results = runner.run([_leave_out(recipe, prepared, sources, names) for names in folds.left_out])
    asked = np.concatenate([np.empty(0, np.int64), *(each.run.held_out for each in results)])
    probabilities = [_soften(each) for each in results]
    answers = UnseenAnswers(
        column=column,
        probabilities=np.concatenate([np.empty((0, len(prepared.dataset.labels))), *probabilities]),
        targets=prepared.targets[asked],
        sources=sources[asked],
        tested=np.isin(asked, prepared.rows["test"]),
        seen=(
            sum(int(np.trace(each.confusion())) for each in results),
            sum(len(each.logits["test"]) for each in results),
        ),
        trainings=len(results),
        kept=folds.kept,
        unnamed=int(((sources == "") & _usable(prepared)).sum()),
    )
    verdicts = recipe.verdicts
    return measure_unseen(answers, prepared.dataset.labels, verdicts.max_error_rate, verdicts.confidence_level)


def compare_sources(recipe: Recipe, runner: Runner) -> Comparison:
    """`measure_unseen_sources` as a table. Raises `DatasetError` where there is no such column, or no source that can
    be left out."""
    prepared = runner.prepare(recipe)
    found = measure_unseen_sources(recipe, prepared, runner)
    if not found.sources:
        raise DatasetError(
            f"{prepared.dataset.source}: no source of the column {found.column!r} can be left out.",
            "Each class needs pictures of two sources at least, in every split.",
        )
    return Comparison(
        title=f"{recipe.name}: trained without a {found.column}, tested on it; worst first",
        columns=(found.column, "classes", "pictures", "accuracy on it (95%)", "sure", "wrong though sure"),
        rows=tuple(_write_row(each) for each in found.sources),
        notes=tuple(describe_unseen(found)),
        results=tuple(each.model_dump() for each in found.sources),
    )


def find_unseen_sources(recipe: Recipe, prepared: Prepared, runner: Runner) -> UnseenSources | None:
    """`measure_unseen_sources` where the recipe names a column and the images have it, else None."""
    column = recipe.data.source
    has_column = column is not None and column in prepared.dataset.entries[0].columns
    return measure_unseen_sources(recipe, prepared, runner) if has_column else None


def describe_unseen(found: UnseenSources) -> list[str]:
    """In sentences, for the person who started the training."""
    said = []
    if found.sources:
        worst = found.sources[0]
        interval = "" if found.low is None else f" (95% over sources: {found.low:.1%}–{found.high:.1%})"
        said.append(
            f"Unseen sources ({found.column}; trainings: {found.trainings}): accuracy {found.mean:.1%} on average"
            f"{interval}, worst {worst.accuracy:.1%} ({worst.source}); on sources that were seen {found.seen:.1%}."
        )
    if found.kept:
        said.append(f"Not left out, since a class would have no pictures left in a split: {', '.join(found.kept)}.")
    if found.unnamed:
        said.append(f"{found.unnamed} pictures name no {found.column}, and were not left out.")
    return said


def read_sources(prepared: Prepared, column: str) -> np.ndarray:
    """Str (N,): each image's source, empty where it names none. Raises `DatasetError` for an unknown column."""
    check_column(prepared.dataset, column, "data.source")
    return np.array([entry.columns[column] for entry in prepared.dataset.entries])


def plan_folds(prepared: Prepared, sources: np.ndarray, most: int) -> Folds:
    """Divide the `sources`, str (N,), among `most` trainings at most.

    The largest come first, each to the training that goes without the fewest images of its class, and of all. A source
    is kept where a class would otherwise have no image in one of the splits.
    """
    usable = _usable(prepared)
    images = {name: (sources == name) & usable for name in sorted(set(sources[usable].tolist()) - {""})}
    left_out: list[list[str]] = [[] for _ in range(min(most, len(images)))]
    gone = [np.zeros(len(sources), bool) for _ in left_out]
    kept: list[str] = []
    for name in sorted(images, key=lambda each: -int(images[each].sum())):
        of_class = np.isin(prepared.targets, prepared.targets[images[name]])
        order = sorted(range(len(gone)), key=lambda fold: (int((gone[fold] & of_class).sum()), int(gone[fold].sum())))
        for fold in order:
            together = gone[fold] | images[name]
            if _have_every_class(prepared, _rows_without(prepared, together)):
                left_out[fold].append(name)
                gone[fold] = together
                break
        else:
            kept.append(name)
    return Folds(tuple(tuple(sorted(names)) for names in left_out if names), tuple(sorted(kept)))


def without(prepared: Prepared, held_out: np.ndarray, name: str) -> Prepared:
    """The same images and splits without those that `held_out`, bool (N,), marks, and without their copies."""
    # Runs are told apart by what they are trained on, and asked about: images set aside are in no other fingerprint.
    asked = "".join(f"{prepared.sha256[row]} {prepared.targets[row]}\n" for row in np.flatnonzero(held_out))
    identity = f"{prepared.provenance.fingerprint} without {name}\n{asked}"
    provenance = prepared.provenance.model_copy(
        update={"fingerprint": hashlib.sha256(identity.encode("utf-8", "surrogateescape")).hexdigest()}
    )
    return replace(prepared, rows=_rows_without(prepared, held_out), provenance=provenance)


def _leave_out(recipe: Recipe, prepared: Prepared, sources: np.ndarray, names: Sequence[str]) -> Run:
    held_out = np.isin(sources, names) & _usable(prepared)
    name = ", ".join(names)
    return Run(f"without {name}", recipe, without(prepared, held_out, name), np.flatnonzero(held_out))


def _usable(prepared: Prepared) -> np.ndarray:
    return (prepared.copies >= 0) & (prepared.targets >= 0)


def _rows_without(prepared: Prepared, held_out: np.ndarray) -> dict[SplitName, np.ndarray]:
    tainted = held_out | np.isin(prepared.copies, prepared.copies[held_out & (prepared.copies >= 0)])
    return {split: chosen[~tainted[chosen]] for split, chosen in prepared.rows.items()}


def _have_every_class(prepared: Prepared, rows: dict[SplitName, np.ndarray]) -> bool:
    classes = range(len(prepared.dataset.labels))
    return all(np.isin(classes, prepared.targets[chosen]).all() for chosen in rows.values())


def _soften(result: Result) -> np.ndarray:
    temperature = fit_temperature(result.logits["validation"], result.targets("validation")).temperature
    return softmax(result.logits["held_out"], temperature)


def _write_row(each: SourceAccuracy) -> tuple[str, ...]:
    return (
        *(each.source, ", ".join(each.classes), str(each.images)),
        *(say_interval((each.accuracy, each.low, each.high)), f"{each.sure:.3f}"),
        "–" if each.sure_error_rate is None else f"{each.sure_error_rate:.3f}",
    )
