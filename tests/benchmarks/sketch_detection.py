"""`make figures-sketch`: mAP50 with and without composed pre-training, and BCE against focal, over several seeds.

    python -m tests.benchmarks.sketch_detection --data FOLDER [--seeds 3] [--side 160] …

Each seed divides the drawings anew. Composed pre-training is held to the same fine-tuning without it, and to labelled
scenes alone for as many steps as both take together. Interrupted, it goes on where it stopped. Writes
`build/bench/sketch_detection.json`; exits 1 where composed pre-training adds less than 0.05.
"""

from __future__ import annotations

import argparse
import dataclasses
from pathlib import Path

import numpy as np
from scipy import stats

from model_training.detection.annotations import divide, merge_classes, read_scenes
from model_training.detection.composer import crop_scene
from model_training.detection.detector import detect
from model_training.detection.metrics import Detection, measure_detection
from model_training.detection.pages import load_page
from model_training.detection.recipe import DetectionRecipe, load_detection_recipe
from model_training.detection.task import DetectionTask
from model_training.training.loop import fit, start_fabric
from tests.benchmarks.results import publish


@dataclasses.dataclass(frozen=True)
class Arm:
    """`longer`: labelled scenes in the place of the composed ones, for equally many steps."""

    loss: str = "bce"
    composed: bool = False
    longer: bool = False


COMPOSED, SAME, LONGER = "composed first, BCE", "labelled only, BCE", "labelled longer, BCE"
FOCAL = "composed first, focal"
ARMS = {COMPOSED: Arm(composed=True), SAME: Arm(), LONGER: Arm(longer=True), FOCAL: Arm("focal", composed=True)}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--side", type=int, default=128, help="of the network's input; small, for a CPU")
    parser.add_argument("--composed", type=int, default=2400, help="composed scenes that are seen, in all")
    parser.add_argument("--labelled", type=int, default=20, help="epochs on labelled scenes after that")
    parser.add_argument("overrides", nargs="*")
    arguments = parser.parse_args()
    results: dict[str, list[Detection]] = {name: [] for name in ARMS}
    for seed in range(arguments.seeds):
        for name, arm in ARMS.items():
            result = run(arguments, seed, arm)
            results[name].append(result)
            print(f"seed {seed}, {name}: mAP50 {result.map50:.3f}, mAP50-95 {result.map50_95:.3f}", flush=True)
    report(results, arguments.side)


def run(arguments: argparse.Namespace, seed: int, arm: Arm) -> Detection:
    """Train one arm and measure it on the test drawings."""
    scenes = read_scenes(arguments.data)
    recipe = load_detection_recipe(
        "sketch_detector",
        [f"network.input={arguments.side}", f"data.split.seed={seed}", f"training.seed={seed}", *arguments.overrides],
    )
    if recipe.data.single_class:
        scenes = merge_classes(scenes)
    sides = divide(scenes, recipe.data.split.validation, recipe.data.split.test, seed)
    rounds = 4
    more = round(arguments.composed / len(sides["train"]))
    recipe = load_detection_recipe(
        "sketch_detector",
        [
            f"network.input={arguments.side}",
            f"data.split.seed={seed}",
            f"training.seed={seed}",
            f"training.loss={arm.loss}",
            f"training.composed_epochs={rounds if arm.composed else 0}",
            f"composer.scenes={arguments.composed // rounds}",
            "training.batch_size=8",
            f"training.epochs={arguments.labelled + (more if arm.longer else 0)}",
            # focal loss is smaller by the factor that it fades the easy background with
            f"training.class_gain={1.5 if arm.loss == 'focal' else 0.5}",
            *arguments.overrides,
        ],
    )
    drawings = [drawing for scene in sides["train"] for drawing in crop_scene(scene)] if arm.composed else []
    fabric = start_fabric("cpu")
    task = DetectionTask(recipe, scenes.classes, sides, drawings, fabric.device)
    trained = fit(task, fabric, Path("build") / "runs" / recipe.name / task.identify(), recipe.title.en, {})
    seconds, losses = sum(each.seconds for each in trained.epochs), [each.train_loss for each in trained.epochs]
    print(f"  {seconds:.0f} s, losses {losses[0]:.2f} … {losses[-1]:.2f}", flush=True)
    return evaluate(recipe, trained.network, sides["test"], scenes.classes)


def evaluate(recipe: DetectionRecipe, network: object, test: list, classes: tuple[str, ...]) -> Detection:
    pages = [load_page(scene, recipe.network.input) for scene in test]
    found = detect(network, np.stack([pixels for pixels, _, _ in pages]), 0.001, 0.6)  # type: ignore[arg-type]
    return measure_detection(found, [(boxes, kinds) for _, boxes, kinds in pages], classes)


def report(results: dict[str, list[Detection]], side: int) -> None:
    figures: dict[str, float] = {}
    print(f"\n| {'':24} | mAP50 (95% over seeds) | mAP50-95 | precision | recall |\n|---|---|---|---|---|")
    for name, each in results.items():
        values = np.array([result.map50 for result in each])
        low, high = interval(values)
        means = [np.mean([getattr(result, key) for result in each]) for key in ("map50_95", "precision", "recall")]
        print(
            f"| {name:24} | {values.mean():.3f} ({low:.3f} to {high:.3f}) | "
            + " | ".join(f"{m:.3f}" for m in means)
            + " |"
        )
        figures |= {f"{name}: mAP50": float(values.mean()), f"{name}: low": low, f"{name}: high": high}
    bce, focal = results[COMPOSED], results[FOCAL]
    rows = []
    for number, row in enumerate(bce[0].classes):
        pair = [float(np.nanmean([result.classes[number].map50 for result in arm])) for arm in (bce, focal)]
        rows.append((row.key, int(np.mean([result.classes[number].objects for result in bce])), *pair))
    print("\n| class, worst first | objects in test | mAP50 BCE | mAP50 focal | difference |\n|---|---|---|---|---|")
    for key, objects, first, second in sorted(rows, key=lambda each: each[2]):
        print(f"| {key} | {objects} | {first:.3f} | {second:.3f} | {second - first:+.3f} |")
    for key, other, words in (
        ("composed gain", SAME, "composed pre-training adds"),
        ("composed gain at equal steps", LONGER, "at equal steps it adds"),
    ):
        gain = np.array([a.map50 - b.map50 for a, b in zip(bce, results[other], strict=True)])
        low, high = interval(gain)
        print(f"{words} {gain.mean():+.3f} mAP50 (95% over seeds {low:+.3f} to {high:+.3f})")
        figures |= {key: float(gain.mean()), f"{key}: low": low, f"{key}: high": high}
    change = np.array([b.map50 - a.map50 for a, b in zip(bce, focal, strict=True)])
    low, high = interval(change)
    print(f"focal instead of BCE: {change.mean():+.3f} (95% over seeds {low:+.3f} to {high:+.3f})")
    runs = {name: [dataclasses.asdict(result) for result in each] for name, each in results.items()}
    setup = f"accuracy, not speed: {len(bce)} splits by drawing, pages of {side} pixels"
    publish("sketch_detection", figures, {"composed gain": (">=", 0.05)}, setup, runs=runs)


def interval(values: np.ndarray) -> tuple[float, float]:
    """95% of the mean, by Student's t."""
    if len(values) < 2:
        return float("nan"), float("nan")
    half = stats.t.ppf(0.975, len(values) - 1) * values.std(ddof=1) / np.sqrt(len(values))
    return float(values.mean() - half), float(values.mean() + half)


if __name__ == "__main__":
    main()
