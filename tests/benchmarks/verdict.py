"""`make figures-verdict`: are the products right, sure only where they may be, and never sure of a stranger?

    python -m tests.benchmarks.verdict --data FOLDER --weights FILE [--only landscape …]

Each product is trained by its own recipe on several splits and packed; every figure is of the packed bundle's answers
to the files themselves. FOLDER holds the folders of docs/data.md: `landscape`, `painting_styles`, `sketches`,
`ai_vs_real`. Results are kept as they come: the same command goes on. Writes `build/bench/verdict.json` and exits 1
where a target is missed.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from scipy.stats import binomtest
from sklearn.metrics import f1_score

from model_training.datasets.prepare import Prepared, prepare
from model_training.packaging.bundle import make_bundle
from model_training.recipe import Recipe, load_recipe
from model_training.runtime.card import ModelCard, read_card
from model_training.runtime.classifier import Classifier
from model_training.runtime.files import write_text
from model_training.training.classification import train
from model_training.training.loop import Trained, start_fabric
from tests.benchmarks.gate_cost import measure_throughputs
from tests.benchmarks.results import CIFAKE, LANDSCAPES, PAINTINGS, WHERE, Entry, Table, publish

BUILD = Path("build/verdict")
_AT_ONCE = 32


@dataclass(frozen=True)
class Product:
    """`folder` of its pictures; `overrides`: what the pictures and the weights at hand ask of its recipe; `strangers`:
    name → folder and pattern of the pictures that it must not know, every so many-th of them; `after_icons`: whether
    its network learned icons first."""

    recipe: str
    folder: str
    splits: int
    overrides: tuple[str, ...] = ()
    strangers: Mapping[str, tuple[str, str, int]] = field(default_factory=dict)
    after_icons: bool = False


DRAWINGS = ("sketches", "*/*.png", 2)
BY_PHOTOGRAPH = ("data.label=object", "data.group=photo")
PRODUCTS = {
    "landscape": Product(
        "landscape",
        "landscape",
        5,
        ("network.backbone=mobilenetv2_100",),
        {
            "drawings": DRAWINGS,
            "photographs": ("ai_vs_real", "real/*", 4),
            "styles": ("painting_styles", "[!u]*/*.jpg", 1),
        },
    ),
    "styles": Product(
        "webtoon",
        "painting_styles",
        5,
        (
            "data.label=style",
            "data.group=artist",
            "data.too_few=drop",
            "network.backbone=mobilenetv2_100",
            "preprocessing.fit=stretch",
            "preprocessing.height=224",
            "preprocessing.width=224",
            "preprocessing.mean=[0.485, 0.456, 0.406]",
        ),
    ),
    "sketches": Product("sketch_classifier", "sketches", 3, BY_PHOTOGRAPH),
    "after_icons": Product("sketch_classifier", "sketches", 3, BY_PHOTOGRAPH, after_icons=True),
    "ai": Product(
        "ai_vs_real_small",
        "ai_vs_real",
        3,
        ("resistance=false",),
        {
            "paintings": ("painting_styles", "*/*.jpg", 3),
            "drawings": DRAWINGS,
            "larger": ("landscape", "*/*.jpg", 2),
        },
    ),
}

TARGETS: dict[str, tuple[str, float]] = {
    "landscape_accuracy": (">=", 0.992),
    "landscape_worst_lead": (">=", 0.0),
    "styles_macro_f1": (">=", 0.70),
    "sketches_accuracy": (">=", 0.70),
    "ai_accuracy": (">=", 0.955),
    "ai_sure_error": ("<=", 0.015),
    "ai_inconclusive": ("<=", 0.30),
    "landscape_caught_drawings": (">=", 0.97),
    "landscape_caught_photographs": (">=", 0.97),
    "landscape_caught_styles": (">=", 0.60),
    "ai_caught_paintings": (">=", 0.95),
    "ai_caught_drawings": (">=", 0.95),
    "ai_caught_larger": (">=", 0.95),
    "landscape_false_alarms": ("<=", 0.06),
    "throughput_own": (">=", 0.90),
    "throughput_companion": (">=", 0.90),
    "throughput_small": (">=", 0.90),
}


def make_entry() -> Entry:
    """A table of the products, and one of the strangers."""
    right = tuple(
        (
            words,
            f"{{{name}_accuracy:.3f}}",
            f"{{{name}_macro_f1:.3f}}",
            f"{{{name}_probe:.3f}}",
            f"{{{name}_kept_probe:.0f}} of {product.splits}",
            f"{{{name}_sure_error:.1%}}",
            f"{{{name}_inconclusive:.0%}}",
            f"{{{name}_false_alarms:.1%}} ({{{name}_false_alarms_low:.1%}} to {{{name}_false_alarms_high:.1%}})",
        )
        for name, product, words in (
            ("landscape", PRODUCTS["landscape"], "landscapes"),
            ("styles", PRODUCTS["styles"], "styles of painting, by artist"),
            ("sketches", PRODUCTS["sketches"], "sketches, by photograph"),
            ("after_icons", PRODUCTS["after_icons"], "the same, from a network that learned icons first"),
            ("ai", PRODUCTS["ai"], "AI or real, 32×32"),
        )
    )
    caught = tuple(
        (model, words, f"{{{key}:.1%}}")
        for model, words, key in (
            ("landscapes", "drawings", "landscape_caught_drawings"),
            ("landscapes", "photographs of 32×32", "landscape_caught_photographs"),
            ("landscapes", "other styles of painting", "landscape_caught_styles"),
            ("AI or real", "paintings", "ai_caught_paintings"),
            ("AI or real", "drawings", "ai_caught_drawings"),
            ("AI or real", "larger pictures (landscapes)", "ai_caught_larger"),
        )
    )
    return Entry(
        section="The verdict",
        title="Right, sure and unknown",
        command="make figures-verdict",
        data=f"{LANDSCAPES}; {PAINTINGS}; 453 drawings of 24 kinds of object; {CIFAKE}",
        tables=(
            Table(
                (
                    "product", "test accuracy", "macro-F1", "accuracy of the probe", "splits that kept the probe",
                    "wrong among the sure", "not sure or unknown", "test pictures called unknown",
                ),
                right,
                "Each by its own recipe, mean over the splits",
            ),
            Table(("model of", "strangers", "called unknown"), caught, "Strangers, mean over the splits"),
        ),
        notes=(
            "On each split the landscapes' model is ahead of the probe by {landscape_worst_lead:+.3f} or more.",
            "With the gate a model answers {throughput_own:.2f} times as often as the same packed without (in "
            "process, JPEGs of 800 pixels), {throughput_companion:.2f} times where a companion looks (none of these "
            "has one); the model of 32×32 pictures {throughput_small:.2f} times.",
            "Each country's landscapes come from one collection, so part of this may be the scanner instead of the "
            "brush. The AI pictures are by one generator, and small: for others the figures promise nothing.",
        ),
    )  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True, help="the folder of all pictures" + WHERE)
    parser.add_argument("--weights", type=Path, required=True, help="ImageNet's MobileNetV2 in timm's names")
    parser.add_argument("--only", action="append", choices=PRODUCTS, help="of the products; repeatable")
    arguments = parser.parse_args()
    figures: dict[str, float] = {}
    for name in arguments.only or PRODUCTS:
        product = PRODUCTS[name]
        splits = [
            measure_once(name, product, seed, arguments.data, arguments.weights) for seed in range(product.splits)
        ]
        figures |= {f"{name}_{key}": value for key, value in sum_up(splits).items()}
        print({key: round(value, 4) for key, value in figures.items() if key.startswith(name)}, flush=True)
    figures |= measure_throughputs(arguments.data, arguments.weights, BUILD)
    print({key: round(value, 3) for key, value in figures.items() if key.startswith("throughput")}, flush=True)
    setup = "MobileNetV2 with ImageNet weights; " + ", ".join(
        f"{name} {PRODUCTS[name].splits} splits" for name in PRODUCTS
    )
    publish("verdict", make_entry(), figures, TARGETS, setup)


def measure_once(name: str, product: Product, seed: int, data: Path, weights: Path) -> dict[str, Any]:
    """One split's figures, from the file of an earlier run where there is one."""
    kept = BUILD / f"{name}-{seed}.json"
    if not kept.exists():
        write_text(kept, json.dumps(_measure(name, product, seed, data, weights)) + "\n")
    found: dict[str, Any] = json.loads(kept.read_text("utf-8"))
    print(f"{name}, split {seed}: { ({key: found[key] for key in found if key != 'counts'}) }", flush=True)
    return found


def train_split(name: str, seed: int, data: Path, weights: Path) -> tuple[Recipe, Prepared, Trained, Path]:
    """One split of a product with its network and bundle; a training that is finished is only read."""
    product = PRODUCTS[name]
    if product.after_icons:
        weights = _learn_icons(weights)
    given = [f"network.pretrained={weights}", f"data.split.seed={seed}", *product.overrides]
    recipe = load_recipe(product.recipe, given)
    prepared = prepare(recipe, data / product.folder, BUILD / "cache")
    trained = train(recipe, prepared, BUILD / "runs", start_fabric("cpu"))
    return recipe, prepared, trained, make_bundle(recipe, prepared, trained, BUILD / f"bundles-{name}-{seed}")


def _measure(name: str, product: Product, seed: int, data: Path, weights: Path) -> dict[str, Any]:
    _, prepared, _, bundle = train_split(name, seed, data, weights)
    card = read_card(bundle / "card.json", ModelCard)
    classifier = Classifier.load(bundle)
    found = judge_test(classifier, prepared)
    assert card.probe is not None
    found |= {
        "probe": card.probe.probe.test_accuracy,
        "kept_probe": float(card.probe.kept == "probe"),
        "lead": round(found["accuracy"] - card.probe.probe.test_accuracy, 3),
    }
    for kind, (folder, pattern, step) in product.strangers.items():
        verdicts = [each["verdict"] for each in ask(classifier, sorted((data / folder).glob(pattern))[::step])]
        found[f"caught_{kind}"] = float(np.mean([each == "unknown" for each in verdicts]))
    return found


def _learn_icons(weights: Path) -> Path:
    """The weights of a network that tells the icons of `hwapung data fetch icons` apart, drawn as a hand would."""
    build = BUILD / "icons"
    bundle, pictures = build / "bundles" / "sketch_icons", build / "pictures"
    if not bundle.is_dir():
        if not pictures.is_dir():
            command = Path(sys.executable).with_name("hwapung")
            subprocess.run([command, "data", "fetch", "icons", "--out", pictures, "--each", "12"], check=True)
        recipe = load_recipe("sketch_icons", [f"network.pretrained={weights}"])
        prepared = prepare(recipe, pictures, build / "cache")
        make_bundle(recipe, prepared, train(recipe, prepared, build / "runs", start_fabric("cpu")), bundle.parent)
    return bundle / "weights.safetensors"


def judge_test(classifier: Classifier, prepared: Prepared) -> dict[str, Any]:
    """Of the answers to the test pictures' files. What is unknown counts for accuracy by its nearest class."""
    rows = prepared.rows["test"]
    answers = ask(classifier, [prepared.dataset.entries[row].path for row in rows])
    labels = prepared.dataset.labels
    said = np.array([labels.index(each["class"]) for each in answers])
    targets, verdicts = prepared.targets[rows], np.array([each["verdict"] for each in answers])
    sure, unknown = verdicts == "sure", verdicts == "unknown"
    macro = f1_score(targets, said, labels=np.arange(len(labels)), average="macro", zero_division=0)
    return {
        "accuracy": float((said == targets).mean()),
        "macro_f1": float(macro),
        "counts": [int((sure & (said != targets)).sum()), int(sure.sum()), int(unknown.sum()), len(rows)],
    }


def ask(classifier: Classifier, paths: Sequence[Path]) -> list[dict[str, Any]]:
    answers: list[dict[str, Any]] = []
    for start in range(0, len(paths), _AT_ONCE):
        for each in classifier.answer([path.read_bytes() for path in paths[start : start + _AT_ONCE]]):
            assert isinstance(each, dict)
            answers.append(each)
    return answers


def sum_up(splits: Sequence[Mapping[str, Any]]) -> dict[str, float]:
    """Means over the splits; shares of sure and unknown answers over all answers together. The interval of false alarms
    is Wilson's for the pictures of one split: those of several overlap."""
    wrong, sure, unknown, images = np.sum([each["counts"] for each in splits], axis=0)
    one = images / len(splits)
    interval = binomtest(round(unknown / len(splits)), round(one)).proportion_ci(0.95, method="wilson")
    figures = {
        key: float(np.mean([each[key] for each in splits])) for key in splits[0] if key not in ("counts", "lead")
    }
    return figures | {
        "worst_lead": float(min(each["lead"] for each in splits)),
        "kept_probe": float(sum(each["kept_probe"] for each in splits)),
        "sure_error": float(wrong / sure) if sure else 1.0,
        "inconclusive": float(1 - sure / images),
        "false_alarms": float(unknown / images),
        "false_alarms_low": float(interval.low),
        "false_alarms_high": float(interval.high),
        "answers": float(images),
    }


if __name__ == "__main__":
    main()
