"""Leave one source out: how well a network does on images of a generator or a camera that it never saw."""

from __future__ import annotations

import hashlib
from dataclasses import asdict, dataclass, replace

import numpy as np
from scipy.stats import binomtest

from ..datasets.manifest import check_column
from ..datasets.prepare import Prepared
from ..evaluation.calibration import choose_thresholds, fit_temperature
from ..recipe import Recipe
from ..runtime.classifier import softmax
from ..runtime.errors import DatasetError
from .runner import Result, Run, Runner
from .table import Comparison, say_interval


@dataclass(frozen=True)
class HeldOut:
    """One source that training did without; shares are 0…1, intervals Wilson's at 95%.

    `unseen`: accuracy on all of its images; `seen`: accuracy on the test images of the other sources. `sure`: share
    of its images that got a sure answer; `sure_error_rate`: share of these sure answers that is wrong, None where
    there is none.
    """

    source: str
    classes: str
    images: int
    unseen: float
    unseen_low: float
    unseen_high: float
    seen: float
    seen_images: int
    sure: float
    sure_error_rate: float | None


def compare_sources(recipe: Recipe, runner: Runner, column: str) -> Comparison:
    """Train once for each source of the column, without its images and their copies; the worst comes first.

    A source without which a class would have no image left is passed over and named. Raises `DatasetError` where there
    is no such column, or no source can be left out.
    """
    prepared = runner.prepare(recipe)
    check_column(prepared.dataset, column, "--column")
    source = np.array([entry.columns[column] if entry.label else "" for entry in prepared.dataset.entries])
    runs: list[Run] = []
    passed_over: list[str] = []
    for name in sorted(set(source.tolist()) - {""}):
        held_out = (source == name) & (prepared.copies >= 0)
        rest = without(prepared, held_out, name)
        if missing := _find_missing_class(rest):
            passed_over.append(f"{name}: passed over, {missing}")
        else:
            runs.append(Run(name, recipe, rest, np.flatnonzero(held_out)))
    if not runs:
        raise DatasetError(
            f"{prepared.dataset.source}: no source of the column {column!r} can be left out.",
            "Each class needs pictures of two sources at least, in every split.",
        )
    found = sorted((measure_held_out(each) for each in runner.run(runs)), key=lambda each: each.unseen)
    return Comparison(
        title=f"{recipe.name}: trained without one {column}, tested on it; worst first",
        columns=(
            *(column, "classes", "pictures", "accuracy on it (95%)", "on the others"),
            *("sure", "wrong though sure"),
        ),
        rows=tuple(
            (
                *(each.source, each.classes, str(each.images)),
                say_interval((each.unseen, each.unseen_low, each.unseen_high)),
                *(f"{each.seen:.3f}", f"{each.sure:.3f}"),
                "–" if each.sure_error_rate is None else f"{each.sure_error_rate:.3f}",
            )
            for each in found
        ),
        notes=tuple(passed_over),
        results=tuple(asdict(each) for each in found),
    )


def without(prepared: Prepared, held_out: np.ndarray, name: str) -> Prepared:
    """The same images and splits without those that `held_out`, bool (N,), marks, and without their copies."""
    tainted = held_out | np.isin(prepared.copies, prepared.copies[held_out & (prepared.copies >= 0)])
    rows = {split: chosen[~tainted[chosen]] for split, chosen in prepared.rows.items()}
    # Runs are told apart by what they are trained on, and asked about: images set aside are in no other fingerprint.
    asked = "".join(f"{prepared.sha256[row]} {prepared.targets[row]}\n" for row in np.flatnonzero(held_out))
    identity = f"{prepared.provenance.fingerprint} without {name}\n{asked}"
    provenance = prepared.provenance.model_copy(
        update={"fingerprint": hashlib.sha256(identity.encode("utf-8", "surrogateescape")).hexdigest()}
    )
    return replace(prepared, rows=rows, provenance=provenance)


def measure_held_out(result: Result) -> HeldOut:
    """Verdicts as a bundle would give them: temperature and threshold come from the validation images."""
    targets, verdicts = result.targets("validation"), result.run.recipe.verdicts
    temperature = fit_temperature(result.logits["validation"], targets).temperature
    validation = softmax(result.logits["validation"], temperature)
    threshold = choose_thresholds(validation, targets, verdicts.max_error_rate, verdicts.confidence_level).sure
    unseen = softmax(result.logits["held_out"], temperature)
    right = unseen.argmax(1) == result.targets("held_out")
    sure = unseen.max(1) >= threshold
    interval = binomtest(int(right.sum()), len(right)).proportion_ci(0.95, method="wilson")
    prepared = result.run.prepared
    return HeldOut(
        source=result.run.name,
        classes=", ".join(sorted({prepared.dataset.entries[row].label for row in result.run.held_out})),
        images=len(right),
        unseen=float(right.mean()),
        unseen_low=float(interval.low),
        unseen_high=float(interval.high),
        seen=result.accuracy,
        seen_images=len(result.logits["test"]),
        sure=float(sure.mean()),
        sure_error_rate=float((~right[sure]).mean()) if sure.any() else None,
    )


def _find_missing_class(prepared: Prepared) -> str:
    for split, rows in prepared.rows.items():
        for number, label in enumerate(prepared.dataset.labels):
            if not (prepared.targets[rows] == number).any():
                return f"the class {label!r} would have no picture left in {split}"
    return ""
