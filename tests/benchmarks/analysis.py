"""`make figures-analysis`: what the reports promise, on real landscapes, over five different splits.

    python -m tests.benchmarks.analysis --data FOLDER [--splits 5]

FOLDER holds `landscape`, `sketches` and `ai_vs_real`. The five networks are those of `make figures-verdict`, trained
here where they are missing. Writes `build/bench/analysis.json` and exits 1 naming each target missed.
"""

from __future__ import annotations

import argparse
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image
from sklearn.metrics import roc_auc_score

from analysis.alterations import SHORTCUTS
from analysis.audits import find_label_errors, find_leaks, probe_shortcut
from analysis.calibration import coverage_interval
from analysis.predictions import evaluate, read_images
from model_training.datasets.duplicates import find_duplicates
from model_training.datasets.image_store import open_store
from model_training.datasets.prepare import Prepared
from model_training.evaluation.calibration import fit_temperature
from model_training.evaluation.conformal import conformal_sets, expected_calibration_error, fit_conformal
from model_training.evaluation.predict import batches, predict
from model_training.models.factory import make_network
from model_training.progress import follow
from model_training.recipe import Recipe
from model_training.runtime.classifier import Classifier, softmax
from model_training.runtime.execution import TorchExecution
from tests.benchmarks.results import LANDSCAPES, WHERE, Entry, Table, Targets, publish
from tests.benchmarks.verdict import train_split

BUILD = Path("build/analysis")
RESAMPLES = 20
UNLIKE = 200
PLANTED = 0.05
REVIEWED = 0.10
COPIES = 5
TARGETS: Targets = {
    "ece_after": ("<=", 0.03),
    "conformal_inside": (">=", 0.85),  # of 20 draws 19 are expected inside; 16 or fewer once in a hundred
    "ood_auroc_sketches": (">=", 0.95),
    "ood_auroc_photographs": (">=", 0.95),
    "label_errors_found": (">=", 0.70),
    "leaks_named": (">=", 1.0),
}
#: The keys of `SHORTCUTS` in its order.
SHORTCUT_KEYS = ("border", "centre", "grey", "patches", "jpeg")
ENTRY = Entry(
    section="Reports",
    title="What a report finds, on real landscapes",
    command="make figures-analysis",
    data=LANDSCAPES + f"; as strange pictures {UNLIKE} sketches and {UNLIKE} photographs of CIFAKE",
    tables=(
        Table(
            ("the classes told apart by", "test pictures that are right"),
            (
                ("the border alone", "{shortcut_border:.0%}"),
                ("8×8 patches of colour", "{shortcut_patches:.0%}"),
                ("shades of grey", "{shortcut_grey:.0%}"),
                ("guessing", "{shortcut_chance:.0%}"),
            ),
            "Shortcuts, of one split",
        ),
        Table(
            ("strange pictures", "area under the ROC curve", "get the verdict `unknown`"),
            (
                ("sketches", "{ood_auroc_sketches:.3f}", "{ood_caught_sketches:.0%}"),
                ("photographs", "{ood_auroc_photographs:.3f}", "{ood_caught_photographs:.0%}"),
            ),
            "Pictures unlike those of the training",
        ),
    ),
    notes=(
        "Calibration: the expected calibration error of {ece_images:.0f} test answers is {ece_before:.3f} as trained "
        "and **{ece_after:.3f}** after scaling.",
        f"Conformal sets for 90%: in {RESAMPLES} draws they hold the true class in {{conformal_coverage_mean:.1%}} on "
        "average; {conformal_inside:.0%} of the draws lie in the interval to be expected.",
        "Label errors: of 5% planted ones **{label_errors_found:.0%}** are in the first tenth of the list "
        "({label_errors_found_lowest:.0%} in the worst draw).",
        f"Leaks: of {COPIES} planted copies across the splits {{leaks_named:.0%}} are named.",
        "Shortcuts: the two classes come from two collections, so that paper, scanner and mount can stand for the "
        "country. The accuracy says that the model tells the collections apart, not that it knows brushwork.",
        "The verdict `unknown`: at the bound that is served {ood_refused_test:.1%} of the test pictures get it "
        "by their features.",
    ),
)


@dataclass(frozen=True)
class Split:
    """One split's network, its bundle, and what it says: split → logits and features."""

    recipe: Recipe
    prepared: Prepared
    bundle: Path
    seen: dict[str, tuple[np.ndarray, np.ndarray]]
    temperature: float

    def probabilities(self, name: str) -> np.ndarray:
        return softmax(self.seen[name][0], self.temperature)

    def targets(self, name: str) -> np.ndarray:
        return self.prepared.targets[self.prepared.rows[name]]  # type: ignore[index]


def load_split(seed: int, data: Path, weights: Path) -> Split:
    recipe, prepared, trained, bundle = train_split("landscape", seed, data, weights)
    run = TorchExecution(trained.network, "cpu")
    seen: dict[str, Any] = {name: predict(run, prepared.pixels, rows) for name, rows in prepared.rows.items()}
    calibration = fit_temperature(seen["validation"][0], prepared.targets[prepared.rows["validation"]])
    return Split(recipe, prepared, bundle, seen, calibration.temperature)


def measure_calibration(splits: list[Split]) -> dict[str, float]:
    """Over the test answers of all splits, each scaled by its own validation pictures."""
    targets = np.concatenate([each.targets("test") for each in splits])
    before = np.concatenate([softmax(each.seen["test"][0]) for each in splits])
    after = np.concatenate([each.probabilities("test") for each in splits])
    return {
        "ece_before": expected_calibration_error(before, targets),
        "ece_after": expected_calibration_error(after, targets),
        "ece_images": len(targets),
    }


def measure_conformal(splits: list[Split]) -> dict[str, float]:
    """Validation and test pictures of a split are shuffled and halved anew: one half gives the bound, one is judged."""
    generator = np.random.default_rng(0)
    shares, inside = [], []
    for number in range(RESAMPLES):
        each = splits[number % len(splits)]
        probabilities = np.concatenate([each.probabilities("validation"), each.probabilities("test")])
        targets = np.concatenate([each.targets("validation"), each.targets("test")])
        order = generator.permutation(len(targets))
        fitting, judging = np.array_split(order, 2)
        sets = conformal_sets(probabilities[judging], fit_conformal(probabilities[fitting], targets[fitting]))
        shares.append(float(sets[np.arange(len(judging)), targets[judging]].mean()))
        low, high = coverage_interval(len(fitting), len(judging))
        inside.append(low <= shares[-1] <= high)
    return {"conformal_coverage_mean": float(np.mean(shares)), "conformal_inside": float(np.mean(inside))}


def measure_ood(splits: list[Split], folders: dict[str, Path]) -> dict[str, float]:
    """By the distance and the bound that each split's bundle serves, test pictures against unlike ones; the mean over
    the splits."""
    found: dict[str, list[float]] = {}
    for each in splits:
        classifier = Classifier.load(each.bundle)
        served = classifier.card.ood
        assert served is not None
        assert served.threshold is not None
        known = _measure_distances(classifier, each.prepared.pixels, each.prepared.rows["test"])
        found.setdefault("ood_refused_test", []).append(float((known > served.threshold).mean()))
        for name, folder in folders.items():
            strange = _measure_distances(classifier, *_sample(folder, each.recipe))
            truth = np.arange(len(known) + len(strange)) >= len(known)
            auroc = float(roc_auc_score(truth, np.concatenate([known, strange])))
            found.setdefault(f"ood_auroc_{name}", []).append(auroc)
            found.setdefault(f"ood_caught_{name}", []).append(float((strange > served.threshold).mean()))
    return {name: float(np.mean(values)) for name, values in found.items()}


def _measure_distances(classifier: Classifier, pixels: np.ndarray, rows: np.ndarray) -> np.ndarray:
    return np.concatenate([classifier.observe(pixels[batch]).distances for batch in batches(rows)])


def _sample(folder: Path, recipe: Recipe) -> tuple[np.ndarray, np.ndarray]:
    """Pixels of all pictures of the folder, and the rows of 200 drawn by seed."""
    dataset = read_images(folder)
    with follow("Reading pictures") as step:
        store = open_store(dataset, recipe.preprocessing, BUILD / "cache", step.update)
    rows = np.array([row for row in range(len(dataset.entries)) if row not in store.errors])
    return store.pixels, np.random.default_rng(0).choice(rows, min(UNLIKE, len(rows)), replace=False)


def measure_label_errors(split: Split, seeds: int = 10) -> dict[str, float]:
    """5% of all labels are changed; how many of them are in the first 10% of the list. Features are the pretrained
    network's, which has seen no label; all labels are judged out of fold."""
    prepared = split.prepared
    rows = np.concatenate(list(prepared.rows.values()))
    network = make_network(split.recipe, len(prepared.dataset.labels)).eval()
    _, features = predict(TorchExecution(network, "cpu"), prepared.pixels, rows)
    right, classes = prepared.targets[rows], len(prepared.dataset.labels)
    shares = []
    for seed in range(seeds):
        generator = np.random.default_rng(seed)
        planted = generator.choice(len(rows), round(PLANTED * len(rows)), replace=False)
        targets = right.copy()
        targets[planted] = (targets[planted] + generator.integers(1, classes, len(planted))) % classes
        found = find_label_errors(features, targets, np.arange(len(rows)))
        first = found.rows[: round(REVIEWED * len(found.rows))]
        shares.append(float(np.isin(planted, first).mean()))
    return {"label_errors_found": float(np.mean(shares)), "label_errors_found_lowest": min(shares)}


def measure_leaks(split: Split) -> dict[str, float]:
    """Five test pictures, shrunk to 90% and encoded anew, are planted among the training pictures of a copy of the
    folder, which is divided as the split was."""
    root = BUILD / "planted"
    shutil.rmtree(root, ignore_errors=True)
    dataset = split.prepared.dataset
    for name, rows in split.prepared.rows.items():
        for row in rows:
            entry = dataset.entries[row]
            place = root / name / entry.label / entry.path.name
            place.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(entry.path, place)
    planted = []
    for row in np.random.default_rng(0).choice(split.prepared.rows["test"], COPIES, replace=False):
        entry = dataset.entries[row]
        image = Image.open(entry.path).convert("RGB")
        smaller = image.resize((round(image.width * 0.9), round(image.height * 0.9)))
        place = root / "train" / entry.label / f"planted-{entry.path.stem}.jpg"
        smaller.save(place, quality=70)
        planted.append(place.relative_to(root).as_posix())
    copied = read_images(root)
    with follow("Reading pictures") as step:
        store = open_store(copied, split.recipe.preprocessing, BUILD / "cache", step.update)
    rows = np.arange(len(copied.entries))
    places = tuple(copied.place(entry) for entry in copied.entries)
    copies = find_duplicates(store, rows, split.recipe.data.near_duplicate_distance).group.astype(np.int64)
    leaks = find_leaks(places, np.array([place.split("/")[0] for place in places]), copies)
    named = {place for leak in leaks for place in (leak.first, leak.second)}
    return {"leaks_named": float(np.mean([place in named for place in planted])), "leaks_all": len(leaks)}


def measure_shortcuts(split: Split, data: Path) -> dict[str, float]:
    found = evaluate(split.bundle, data, BUILD)
    train_images, test = found.predictions.of("train"), found.predictions.of("test")
    chance = float(np.bincount(test.targets).max() / len(test))
    figures: dict[str, float] = {"shortcut_chance": chance}
    for key, (name, alter) in zip(SHORTCUT_KEYS, SHORTCUTS, strict=True):
        figures[f"shortcut_{key}"] = probe_shortcut(found, train_images, test, name, alter).probe.value
    return figures


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--data", type=Path, required=True, help="folder with landscape, sketches and ai_vs_real" + WHERE
    )
    parser.add_argument("--weights", type=Path, required=True)
    parser.add_argument("--splits", type=int, default=5)
    arguments = parser.parse_args()
    landscapes = arguments.data / "landscape"
    splits = [load_split(seed, arguments.data, arguments.weights) for seed in range(arguments.splits)]
    unlike = {"sketches": arguments.data / "sketches", "photographs": arguments.data / "ai_vs_real" / "real"}
    figures: dict[str, float] = {}
    for part in (
        lambda: measure_label_errors(splits[0]),
        lambda: measure_leaks(splits[0]),
        lambda: measure_calibration(splits),
        lambda: measure_conformal(splits),
        lambda: measure_ood(splits, unlike),
        lambda: measure_shortcuts(splits[0], landscapes),
    ):
        found = part()
        figures |= found
        print("\n".join(f"{name:42} {value:.4f}" for name, value in found.items()), flush=True)
    setup = f"MobileNetV2, the {len(splits)} splits of `make figures-verdict`"
    publish("analysis", ENTRY, figures, TARGETS, setup)


if __name__ == "__main__":
    main()
