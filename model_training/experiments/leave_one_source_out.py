"""Leave one source out: how well a network does on images of a generator or a camera that it never saw."""

from __future__ import annotations

import csv
import hashlib
from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path

import numpy as np
from lightning_fabric import Fabric
from rich.table import Table
from scipy.stats import binomtest

from ..datasets.manifest import check_column
from ..datasets.prepare import Prepared
from ..evaluation.calibration import choose_thresholds, fit_temperature
from ..evaluation.predict import predict_logits
from ..recipe import Recipe
from ..runtime.classifier import softmax
from ..runtime.errors import DatasetError
from ..runtime.execution import TorchExecution
from ..runtime.files import replacing
from ..training.classification import train


@dataclass(frozen=True)
class HeldOut:
    """One source that training did without; shares are 0…1, intervals Wilson's at 95%.

    `unseen`: accuracy on all of its images; `seen`: accuracy on the test images of the other sources. `sure`: share
    of its images that got a sure answer; `wrong_though_sure`: how many of those are wrong, None where there is none.
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


def leave_each_out(
    recipe: Recipe, prepared: Prepared, column: str, runs: Path, fabric: Fabric
) -> tuple[list[HeldOut], dict[str, str]]:
    """Train once for each source of the column, without its images and their copies. An interrupted call resumes.

    Returns the worst first, and the sources without which a class would have no image left, with the reason.
    Raises `DatasetError` where there is no such column, or no source can be left out.
    """
    check_column(prepared.dataset, column, "--column")
    source = np.array([entry.columns[column] if entry.label else "" for entry in prepared.dataset.entries])
    found: list[HeldOut] = []
    passed_over: dict[str, str] = {}
    for name in sorted(set(source.tolist()) - {""}):
        rest = without(prepared, source == name, name)
        if missing := _missing_class(rest):
            passed_over[name] = missing
            continue
        found.append(
            _measure(recipe, rest, np.nonzero((source == name) & (prepared.copies >= 0))[0], name, runs, fabric)
        )
    if not found:
        raise DatasetError(
            f"{prepared.dataset.source}: no source of the column {column!r} can be left out.",
            "Each class needs pictures of two sources at least, in every split.",
        )
    return sorted(found, key=lambda each: each.unseen), passed_over


def without(prepared: Prepared, held: np.ndarray, name: str) -> Prepared:
    """The same images and splits without those that `held`, bool (N,), marks, and without their copies."""
    tainted = held | np.isin(prepared.copies, prepared.copies[held & (prepared.copies >= 0)])
    rows = {split: chosen[~tainted[chosen]] for split, chosen in prepared.rows.items()}
    # Runs are told apart by what they are trained on.
    fingerprint = hashlib.sha256(f"{prepared.provenance.fingerprint} without {name}".encode()).hexdigest()
    provenance = prepared.provenance.model_copy(update={"fingerprint": fingerprint})
    return replace(prepared, rows=rows, provenance=provenance)


def _missing_class(prepared: Prepared) -> str:
    for split, rows in prepared.rows.items():
        for number, label in enumerate(prepared.dataset.labels):
            if not (prepared.targets[rows] == number).any():
                return f"the class {label!r} would have no picture left in {split}"
    return ""


def _measure(recipe: Recipe, rest: Prepared, held: np.ndarray, name: str, runs: Path, fabric: Fabric) -> HeldOut:
    execution = TorchExecution(train(recipe, rest, runs, fabric).network, "cpu")
    validation, test = rest.rows["validation"], rest.rows["test"]
    logits = predict_logits(execution, rest.pixels, validation)
    temperature = fit_temperature(logits, rest.targets[validation]).temperature
    verdicts = recipe.verdicts
    threshold = choose_thresholds(
        softmax(logits, temperature), rest.targets[validation], verdicts.max_error_rate, verdicts.confidence_level
    ).sure
    unseen = softmax(predict_logits(execution, rest.pixels, held), temperature)
    right = unseen.argmax(1) == rest.targets[held]
    sure = unseen.max(1) >= threshold
    interval = binomtest(int(right.sum()), len(held)).proportion_ci(0.95, method="wilson")
    return HeldOut(
        source=name,
        classes=", ".join(sorted({rest.dataset.entries[row].label for row in held})),
        images=len(held),
        unseen=float(right.mean()),
        unseen_low=float(interval.low),
        unseen_high=float(interval.high),
        seen=float((predict_logits(execution, rest.pixels, test).argmax(1) == rest.targets[test]).mean()),
        seen_images=len(test),
        sure=float(sure.mean()),
        sure_error_rate=float((~right[sure]).mean()) if sure.any() else None,
    )


def write_table(found: Sequence[HeldOut], path: Path) -> Path:
    """A CSV with a line for each source, by way of a temporary name."""
    with replacing(path) as temporary, temporary.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, [field.name for field in fields(HeldOut)])
        writer.writeheader()
        writer.writerows(asdict(each) for each in found)
    return path


def describe_sources(found: Sequence[HeldOut], column: str) -> Table:
    table = Table(title=f"Trained without one {column}, tested on it")
    for name in (column, "classes", "pictures", "accuracy on it (95%)", "on the others", "sure", "wrong though sure"):
        table.add_column(name, justify="left" if name in (column, "classes") else "right")
    for each in found:
        wrong = "–" if each.sure_error_rate is None else f"{each.sure_error_rate:.1%}"
        accuracy = f"{each.unseen:.1%} ({each.unseen_low:.1%}–{each.unseen_high:.1%})"
        table.add_row(
            each.source, each.classes, str(each.images), accuracy, f"{each.seen:.1%}", f"{each.sure:.1%}", wrong
        )
    return table
