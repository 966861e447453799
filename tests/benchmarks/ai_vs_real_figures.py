"""`make figures-ai-vs-real`: accuracy, calibration and sure answers of `ai_vs_real_small` on real data, several splits.

    python -m tests.benchmarks.ai_vs_real_figures --data FOLDER --weights FILE [--splits 3] [key=value …]

Each split draws training, validation and test pictures anew; temperature and threshold are of its validation pictures.
Stopped, the same command goes on from the last whole epoch. Writes `build/bench/ai_vs_real.json` and exits 1 where a
target is missed.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
from scipy.stats import binomtest

from model_training.datasets.file_audit import audit_files
from model_training.datasets.prepare import prepare
from model_training.evaluation.calibration import choose_thresholds, fit_temperature
from model_training.evaluation.conformal import expected_calibration_error
from model_training.evaluation.predict import predict_logits
from model_training.recipe import load_recipe
from model_training.runtime.classifier import softmax
from model_training.runtime.execution import TorchExecution
from model_training.training.classification import train
from model_training.training.loop import start_fabric
from tests.benchmarks.results import CIFAKE, WHERE, Entry, Table, publish

TARGETS: dict[str, tuple[str, float]] = {
    "test_accuracy": (">=", 0.93),
    "expected_calibration_error": ("<=", 0.03),
    "error_of_sure_answers": ("<=", 0.02),
}
#: Figure → what the page calls it, and how it is written.
SHOWN = {
    "test_accuracy": ("test accuracy", ".3f"),
    "expected_calibration_error": ("expected calibration error", ".3f"),
    "error_of_sure_answers": ("wrong among the sure answers", ".1%"),
    "share_inconclusive": ("inconclusive", ".0%"),
}


def make_entry(splits: int) -> Entry:
    """A column for each split."""
    rows = tuple(
        (words, f"{{{key}:{form}}}", *(f"{{{key}_split_{seed}:{form}}}" for seed in range(splits)))
        for key, (words, form) in SHOWN.items()
    )
    return Entry(
        section="AI-generated or real",
        title="Accuracy, calibration and sure answers",
        command="make figures-ai-vs-real",
        data=CIFAKE,
        tables=(Table(("", "all splits", *(f"split {seed}" for seed in range(splits))), rows),),
        notes=(
            "95% of the accuracy: {test_accuracy_low:.3f} to {test_accuracy_high:.3f}.",
            "{test_answers:,.0f} test answers in all.",
            "One generator, and small pictures: for others these figures promise nothing.",
            "By the files alone, without a pixel, {audit_accuracy:.0%} are told right, where guessing has "
            "{audit_chance:.0%}.",
        ),
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True, help=CIFAKE + WHERE)
    parser.add_argument("--weights", type=Path, required=True)
    parser.add_argument("--splits", type=int, default=3)
    parser.add_argument("overrides", nargs="*")
    arguments = parser.parse_args()
    build = Path("build")
    fabric = start_fabric("cpu")
    answers: list[tuple[np.ndarray, np.ndarray, np.ndarray]] = []
    each_split: dict[str, float] = {}
    for seed in range(arguments.splits):
        own = [f"network.pretrained={arguments.weights}", f"data.split.seed={seed}", f"training.seed={seed}"]
        recipe = load_recipe("ai_vs_real_small", [*own, *arguments.overrides])
        prepared = prepare(recipe, arguments.data, build / "cache")
        execution = TorchExecution(train(recipe, prepared, build / "runs", fabric).network, "cpu")
        validation, test = (prepared.rows[name] for name in ("validation", "test"))
        logits = predict_logits(execution, prepared.pixels, validation)
        temperature = fit_temperature(logits, prepared.targets[validation]).temperature
        thresholds = choose_thresholds(
            softmax(logits, temperature),
            prepared.targets[validation],
            recipe.verdicts.max_error_rate,
            recipe.verdicts.confidence_level,
        )
        probabilities = softmax(predict_logits(execution, prepared.pixels, test), temperature)
        answers.append((probabilities, prepared.targets[test], probabilities.max(1) >= thresholds.sure))
        found = measure(answers[-1:])
        each_split |= {f"{key}_split_{seed}": found[key] for key in SHOWN}
        print(describe(f"split {seed}", found), flush=True)
    figures = measure(answers)
    print(describe(f"all {arguments.splits} splits", figures))
    if audit := audit_files(prepared.dataset):
        figures |= {"audit_accuracy": audit.accuracy, "audit_chance": audit.chance}
    setup = f"`ai_vs_real_small` with ImageNet's MobileNetV2, {len(answers)} splits of 60/20/20"
    publish("ai_vs_real", make_entry(len(answers)), figures | each_split, TARGETS, setup)


def measure(answers: list[tuple[np.ndarray, np.ndarray, np.ndarray]]) -> dict[str, float]:
    """Of (probabilities, targets, sure) of each split. The accuracy's interval is Wilson's for the pictures of one
    split: those of several overlap, and count no more than once."""
    probabilities, targets, sure = (np.concatenate(parts) for parts in zip(*answers, strict=True))
    right = probabilities.argmax(1) == targets
    one = len(targets) // len(answers)
    interval = binomtest(round(float(right.mean()) * one), one).proportion_ci(0.95, method="wilson")
    return {
        "test_accuracy": float(right.mean()),
        "test_accuracy_low": float(interval.low),
        "test_accuracy_high": float(interval.high),
        "expected_calibration_error": expected_calibration_error(probabilities, targets),
        "error_of_sure_answers": float((~right[sure]).mean()) if sure.any() else 1.0,
        "share_inconclusive": float((~sure).mean()),
        "test_answers": float(len(targets)),
    }


def describe(name: str, figures: dict[str, float]) -> str:
    return (
        f"{name}: test accuracy {figures['test_accuracy']:.4f} "
        f"({figures['test_accuracy_low']:.4f}–{figures['test_accuracy_high']:.4f}), "
        f"calibration error {figures['expected_calibration_error']:.4f}, "
        f"error of sure answers {figures['error_of_sure_answers']:.4f}, "
        f"inconclusive {figures['share_inconclusive']:.3f}, {figures['test_answers']:.0f} answers"
    )


if __name__ == "__main__":
    main()
