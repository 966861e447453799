"""`make bench-training`: what bfloat16 costs: the same trainings in float32 and in bfloat16, over several splits.

    python -m tests.benchmarks.training_precision --data FOLDER --weights FILE [--splits 5]

Every layer is fine-tuned, and the last epochs are compared on the validation pictures, whether or not the probe would
be kept: the test pictures have no part in a choice of settings.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

import numpy as np
from scipy.special import log_softmax
from scipy.stats import t as student

from model_training.datasets.prepare import prepare
from model_training.experiments.runner import repeat
from model_training.recipe import load_recipe, override
from model_training.training.classification import train
from model_training.training.loop import start_fabric
from tests.benchmarks.results import PAINTINGS, WHERE, Entry, Table, publish
from tests.benchmarks.training import FOLDER, SAME, only_class_folders

TARGETS = {"change_low": ("<=", 0.0), "change_high": (">=", 0.0)}
PRECISIONS = ("float32", "bfloat16")

ENTRY = Entry(
    section="Training",
    title="Accuracy of training in bfloat16",
    command="make bench-training",
    data=PAINTINGS,
    tables=(
        Table(
            ("", "validation accuracy, mean of the splits", "mean log loss"),
            tuple((f"`{name}`", f"{{{name}_accuracy:.3f}}", f"{{{name}_loss:.3f}}") for name in PRECISIONS),
        ),
    ),
    notes=(
        "Split by split, bfloat16 changes the accuracy by {change:+.2%} (95% {change_low:+.2%} to "
        "{change_high:+.2%}) and the log loss by {loss_change:+.3f} (95% {loss_change_low:+.3f} to "
        "{loss_change_high:+.3f}); another seed changes it by {seed_change:.2%} on average.",
    ),
)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True, help=PAINTINGS + WHERE)
    parser.add_argument("--weights", required=True)
    parser.add_argument("--size", type=int, default=112, help="of the pictures, in pixels")
    parser.add_argument("--epochs", type=int, default=5)
    parser.add_argument("--splits", type=int, default=5)
    arguments = parser.parse_args()
    values = [f"preprocessing.height={arguments.size}", f"preprocessing.width={arguments.size}", "data.too_few=drop"]
    values += [f"network.pretrained={arguments.weights}", f"training.epochs={arguments.epochs}"]
    recipe = load_recipe("landscape", [*SAME, *values, "training.learning_rate=3e-4", "training.schedule=cosine"])
    folder = only_class_folders(arguments.data)
    fabric = start_fabric("cpu")
    ways: dict[str, dict[str, Any]] = {name: {"training.precision": name} for name in PRECISIONS}
    ways["another seed"] = {"training.precision": "float32", "training.seed": 1}
    found: dict[str, list[tuple[float, float]]] = {name: [] for name in ways}
    pictures = 0
    for split in repeat(recipe, arguments.splits):
        prepared = prepare(split, folder, FOLDER / "cache", quiet=True)
        rows = prepared.rows["validation"]
        targets = prepared.targets[rows]
        pictures += len(rows)
        for name, values_ in ways.items():
            trained = train(override(split, values_), prepared, FOLDER / "runs", fabric)
            logits = np.load(trained.folder / "validation" / f"{arguments.epochs}.npy")
            loss = -log_softmax(logits, 1)[np.arange(len(rows)), targets].mean()
            found[name].append((float((logits.argmax(1) == targets).mean()), float(loss)))
            print(f"split {split.data.split.seed}, {name}: {found[name][-1]}", flush=True)
    figures = compare({name: np.array(each) for name, each in found.items()})
    for key, value in figures.items():
        print(f"{key}: {value:.4f}")
    setup = (
        f"MobileNetV2 at {arguments.size}×{arguments.size}, all layers trained for {arguments.epochs} epochs, "
        f"{arguments.splits} splits of 60/20/20, {pictures} validation answers in all"
    )
    publish("training_precision", ENTRY, figures, TARGETS, setup)


def compare(found: dict[str, np.ndarray]) -> dict[str, float]:
    """`found`: of each way, each split's accuracy and log loss, (splits, 2). Intervals: Student, over splits."""
    figures = {}
    for name in PRECISIONS:
        figures[f"{name}_accuracy"], figures[f"{name}_loss"] = found[name].mean(0)
    changes = found["bfloat16"] - found["float32"]
    for name, change in zip(("", "loss_"), changes.T, strict=True):
        half = student.ppf(0.975, len(change) - 1) * change.std(ddof=1) / len(change) ** 0.5
        figures |= {f"{name}change": change.mean(), f"{name}change_low": change.mean() - half}
        figures[f"{name}change_high"] = change.mean() + half
    figures["seed_change"] = np.abs(found["another seed"] - found["float32"])[:, 0].mean()
    return figures


if __name__ == "__main__":
    main()
