"""`make figures`: accuracy of `landscape` on real paintings over five different splits.

    python -m tests.benchmarks.landscape_accuracy --data FOLDER --weights FILE [key=value …]

Writes `build/bench/landscape_accuracy.json` and exits 1 where the mean test accuracy misses its target.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
from scipy.stats import bootstrap

from model_training.datasets.prepare import prepare
from model_training.evaluation.predict import predict_logits
from model_training.recipe import load_recipe
from model_training.runtime.execution import TorchExecution
from model_training.training.classification import train
from model_training.training.loop import start_fabric
from tests.benchmarks.results import LANDSCAPES, WHERE, Entry, Table, publish

SPLITS = 5
TARGET = 0.98
#: A backbone whose batch norm had been folded into its convolutions: it wants smaller steps than ResNet-18's 0.001.
OVERRIDES = [
    "network.backbone=mobilenetv2_100",
    "training.learning_rate=3e-4",
    "training.schedule=cosine",
    "training.epochs=6",
]

ENTRY = Entry(
    section="Landscapes",
    title="Accuracy on real landscapes",
    command="make figures",
    data=LANDSCAPES,
    tables=(
        Table(
            ("test accuracy, mean", "95% over the splits", "lowest split", "test answers"),
            (("**{test_accuracy_mean:.3f}**", "{low:.3f} to {high:.3f}", "{lowest:.3f}", "{images:.0f}"),),
        ),
    ),
    notes=("Each class comes from one source, so part of this may be the scanner instead of the brush.",),
)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True, help=LANDSCAPES + WHERE)
    parser.add_argument("--weights", type=Path, required=True)
    parser.add_argument("overrides", nargs="*")
    arguments = parser.parse_args()
    build = Path("build")
    accuracies: list[float] = []
    images = 0
    fabric = start_fabric("cpu")
    for seed in range(SPLITS):
        own = [f"network.pretrained={arguments.weights}", f"data.split.seed={seed}"]
        recipe = load_recipe("landscape", [*OVERRIDES, *own, *arguments.overrides])
        prepared = prepare(recipe, arguments.data, build / "cache")
        trained = train(recipe, prepared, build / "runs", fabric)
        test = prepared.rows["test"]
        right = (
            predict_logits(TorchExecution(trained.network, "cpu"), prepared.pixels, test).argmax(1)
            == prepared.targets[test]
        )
        accuracies.append(float(right.mean()))
        images += len(test)
        print(f"split {seed}: test accuracy {accuracies[-1]:.4f} of {len(test)} pictures", flush=True)
    mean = float(np.mean(accuracies))
    interval = bootstrap((accuracies,), np.mean, random_state=0).confidence_interval
    print(f"mean {mean:.4f} (95% over splits {interval.low:.4f} … {interval.high:.4f}), {images} test answers in all")
    figures = {"test_accuracy_mean": mean, "low": interval.low, "high": interval.high}
    figures |= {"lowest": min(accuracies), "images": images}
    figures |= {f"test_accuracy_split_{seed}": value for seed, value in enumerate(accuracies)}
    setup = f"MobileNetV2 with ImageNet weights, six epochs, {SPLITS} splits of 60/20/20"
    publish("landscape_accuracy", ENTRY, figures, {"test_accuracy_mean": (">=", TARGET)}, setup)


if __name__ == "__main__":
    main()
