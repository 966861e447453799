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

from model_training.detection.annotations import divide, merge_classes
from model_training.detection.composer import crop_scene
from model_training.detection.detector import detect
from model_training.detection.formats import read_scenes
from model_training.detection.metrics import Detection, measure_detection
from model_training.detection.pages import load_page
from model_training.detection.recipe import DetectionRecipe, load_detection_recipe
from model_training.detection.task import DetectionTask
from model_training.evaluation.metrics import mean_interval
from model_training.training.loop import fit, start_fabric
from tests.benchmarks.results import SCENES, WHERE, Entry, Table, publish


@dataclasses.dataclass(frozen=True)
class Arm:
    """`longer`: labelled scenes in the place of the composed ones, for equally many steps."""

    loss: str = "bce"
    composed: bool = False
    longer: bool = False


COMPOSED, SAME, LONGER, FOCAL = "composed", "labelled", "labelled_longer", "composed_focal"
ARMS = {COMPOSED: Arm(composed=True), SAME: Arm(), LONGER: Arm(longer=True), FOCAL: Arm("focal", composed=True)}
WORDS = {
    COMPOSED: "composed pages, then labelled ones, BCE",
    SAME: "labelled ones alone, BCE",
    LONGER: "labelled ones for as many steps as the first, BCE",
    FOCAL: "as the first, focal loss",
}
ENTRY = Entry(
    section="Sketches",
    title="The detector",
    command="make figures-sketch",
    data=SCENES,
    tables=(
        Table(
            ("trained on", "mAP50", "95% over the seeds", "mAP50-95"),
            tuple(
                (words, f"{{{arm}_map50:.3f}}", f"{{{arm}_low:.3f}} to {{{arm}_high:.3f}}", f"{{{arm}_map50_95:.3f}}")
                for arm, words in WORDS.items()
            ),
        ),
    ),
    notes=(
        "Composed pages add **{composed_gain:+.3f}** mAP50 (95% {composed_gain_low:+.3f} to {composed_gain_high:+.3f}) "
        "to the same fine-tuning. Against labelled pages for equally many steps the gain is {equal_steps_gain:+.3f} "
        "({equal_steps_gain_low:+.3f} to {equal_steps_gain_high:+.3f}).",
        "Focal loss instead of BCE: {focal_change:+.3f} ({focal_change_low:+.3f} to {focal_change_high:+.3f}); worse "
        "in {classes_worse_with_focal:.0f} of the {classes:.0f} classes, better in {classes_better_with_focal:.0f}. "
        "Classes that none of them finds at this size: {classes_never_found:.0f}.",
    ),
)

#: A class with a smaller mAP50 in every run is never found.
NEVER = 0.01


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True, help=SCENES + WHERE)
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
    report(results, arguments)


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


def report(results: dict[str, list[Detection]], arguments: argparse.Namespace) -> None:
    figures: dict[str, float] = {}
    print(f"\n| {'':24} | mAP50 (95% over seeds) | mAP50-95 | precision | recall |\n|---|---|---|---|---|")
    for name, each in results.items():
        mean, low, high = mean_interval([result.map50 for result in each])
        means = [np.mean([getattr(result, key) for result in each]) for key in ("map50_95", "precision", "recall")]
        print(f"| {name:24} | {mean:.3f} ({low:.3f} to {high:.3f}) | " + " | ".join(f"{m:.3f}" for m in means) + " |")
        figures |= {f"{name}_map50": mean, f"{name}_low": low, f"{name}_high": high, f"{name}_map50_95": means[0]}
    bce, focal = results[COMPOSED], results[FOCAL]
    rows: list[tuple[str, int, float, float]] = []
    for number, row in enumerate(bce[0].classes):
        ours, theirs = (float(np.nanmean([each.classes[number].map50 for each in arm])) for arm in (bce, focal))
        rows.append((row.key, int(np.mean([each.classes[number].objects for each in bce])), ours, theirs))
    print("\n| class, worst first | objects in test | mAP50 BCE | mAP50 focal | difference |\n|---|---|---|---|---|")
    for key, objects, first, second in sorted(rows, key=lambda each: each[2]):
        print(f"| {key} | {objects} | {first:.3f} | {second:.3f} | {second - first:+.3f} |")
    for key, one, other, words in (
        ("composed_gain", bce, results[SAME], "composed pre-training adds"),
        ("equal_steps_gain", bce, results[LONGER], "at equal steps it adds"),
        ("focal_change", focal, bce, "focal instead of BCE:"),
    ):
        gain, low, high = mean_interval([a.map50 - b.map50 for a, b in zip(one, other, strict=True)])
        print(f"{words} {gain:+.3f} mAP50 (95% over seeds {low:+.3f} to {high:+.3f})")
        figures |= {key: gain, f"{key}_low": low, f"{key}_high": high}
    figures |= {
        "classes": len(rows),
        "classes_worse_with_focal": sum(second < first for _, _, first, second in rows),
        "classes_better_with_focal": sum(second > first for _, _, first, second in rows),
        "classes_never_found": sum(
            all(result.classes[number].map50 < NEVER for each in results.values() for result in each)
            for number in range(len(rows))
        ),
    }
    runs = {name: [dataclasses.asdict(result) for result in each] for name, each in results.items()}
    setup = (
        f"{len(bce)} seeds, split by drawing; {arguments.composed:,} composed pages, {arguments.labelled} epochs on "
        f"labelled ones; pages of {arguments.side} pixels, small for a CPU"
    )
    publish("sketch_detection", ENTRY, figures, {"composed_gain": (">=", 0.05)}, setup, runs=runs)


if __name__ == "__main__":
    main()
