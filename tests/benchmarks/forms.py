"""`make bench-forms`: how fast each form of a network is on this processor, and what it answers otherwise.

    python -m tests.benchmarks.forms --data FOLDER --weights FILE

Rates of ResNet-18 (its weights do not matter) and of the landscapes' MobileNetV2, in turn on the same pictures: of the
network alone, one picture and sixteen at a time, and of whole answers to JPEGs of 800 pixels. Decisions are of bundles
over all pictures of their data, trained as `make figures-verdict` does on its first split. Writes
`build/bench/forms.json`.
"""

from __future__ import annotations

import argparse
import time
from collections import defaultdict
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
from scipy.stats import binomtest

from model_training.datasets.reopen import open_bundle
from model_training.runtime.card import read_card
from model_training.runtime.classifier import Classifier
from model_training.runtime.forms import able_forms
from model_training.runtime.measures import Precision, Served
from model_training.runtime.ood import find_unknown
from tests.benchmarks.companion import measure_companions
from tests.benchmarks.results import CIFAKE, LANDSCAPES, PAINTINGS, WHERE, Entry, Table, publish
from tests.benchmarks.serving_material import make_images, make_served_bundle
from tests.benchmarks.verdict import train_split

BUILD = Path("build/bench/forms")
PRODUCTS = {
    "landscape": ("landscape", "landscapes"),
    "styles": ("painting_styles", "styles of painting"),
    "ai": ("ai_vs_real", "AI or real, 32×32"),
}
NETWORKS = {"resnet18": "ResNet-18", "mobilenetv2": "MobileNetV2"}
FORMS: tuple[Precision, ...] = ("float32", "bf16", "int8")
TARGETS = {
    "landscape_int8_worse": ("<=", 0.005),
    "landscape_bf16_worse": ("<=", 0.005),
}


def make_entry(figures: dict[str, float]) -> Entry:
    """Rows of the forms that were measured: a processor without bfloat16 has none of it."""
    rates = tuple(
        (words, form, *(f"{{{name}_{form}_{what}:.0f}}" for what in ("one", "batch", "answer")))
        for name, words in NETWORKS.items()
        for form in FORMS
        if f"{name}_{form}_one" in figures
    )
    changed = tuple(
        (
            words,
            form,
            f"{{{name}_{form}_changed:.2%}} ({{{name}_{form}_low:.2%}} to {{{name}_{form}_high:.2%}})",
            f"{{{name}_{form}_worse:+.2%}}",
            f"{{{name}_{form}_verdicts:.2%}}",
            f"{{{name}_images:.0f}}",
        )
        for name, (_, words) in PRODUCTS.items()
        for form in FORMS
        if f"{name}_{form}_changed" in figures
    )
    return Entry(
        section="Serving",
        title="Forms of a network",
        command="make bench-forms",
        data=f"{LANDSCAPES}; {PAINTINGS}; {CIFAKE}",
        tables=(
            Table(
                ("network", "form", "one picture at a time", "sixteen", "whole answers"),
                rates,
                "Pictures a second at 224×224, in process; whole answers decode JPEGs of 800 pixels, 16 at a time",
            ),
            Table(
                ("product", "form", "other class than in float32 (95%)", "accuracy lost", "other verdict", "pictures"),
                changed,
                "Over all pictures of the data, each form with its own calibration, thresholds and gate",
            ),
            Table(
                ("called unknown by a gate with a companion", "float32", "8-bit integers"),
                tuple(
                    (words, *(f"{{companion_{form}_{name}:.1%}}" for form in ("float32", "int8")))
                    for name, words in (
                        ("landscapes", "landscapes that it was not fitted to"),
                        ("drawings", "drawings"),
                        ("photographs", "photographs of 32×32"),
                        ("styles", "other styles of painting"),
                    )
                ),
                "What a companion of ResNet-18 sees, fitted to landscapes; mean of five splits",
            ),
        ),
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True, help="the folder of all pictures" + WHERE)
    parser.add_argument("--weights", type=Path, required=True, help="ImageNet's MobileNetV2 in timm's names")
    parser.add_argument("--rounds", type=int, default=7)
    arguments = parser.parse_args()
    packed = {name: train_split(name, 0, arguments.data, arguments.weights)[3] for name in PRODUCTS}
    figures = measure_companions(arguments.data, BUILD / "companion")
    print({key: round(value, 4) for key, value in figures.items()}, flush=True)
    for name, bundle in packed.items():
        figures |= {f"{name}_{key}": value for key, value in compare_decisions(bundle, arguments.data, name).items()}
        print({key: round(value, 4) for key, value in figures.items() if key.startswith(name)}, flush=True)
    resnet, images = make_served_bundle("float32"), make_images()
    encoded = [path.read_bytes() for path in images["web"]]
    for name, bundle in (("resnet18", resnet), ("mobilenetv2", packed["landscape"])):
        figures |= {f"{name}_{key}": value for key, value in measure_rates(bundle, encoded, arguments.rounds).items()}
        print({key: round(value, 1) for key, value in figures.items() if key.startswith(name)}, flush=True)
    setup = f"medians of {arguments.rounds} rounds; decisions of one split of each product"
    publish("forms", make_entry(figures), figures, TARGETS, setup)


def load_forms(bundle: Path) -> dict[Precision, Classifier]:
    """A model that answers in each form that this processor can compute."""
    card = read_card(bundle / "card.json")
    return {
        each.precision: Classifier(card.as_served(Served(precision=each.precision, why="set")), bundle, "cpu")
        for each in able_forms(card)
    }


def compare_decisions(bundle: Path, data: Path, name: str) -> dict[str, float]:
    """Shares of all pictures: those of another class than in float32 with Clopper and Pearson's interval, what of the
    accuracy is lost, and those with another verdict."""
    prepared = open_bundle(bundle, data / PRODUCTS[name][0], BUILD / "cache").prepared
    rows = np.sort(np.concatenate(list(prepared.rows.values())))
    targets = prepared.targets[rows]
    said: dict[Precision, tuple[np.ndarray, np.ndarray]] = {}
    for form, model in load_forms(bundle).items():
        classes, verdicts = [], []
        for start in range(0, len(rows), 64):
            pixels = np.ascontiguousarray(prepared.pixels[rows[start : start + 64]])
            observed = model.observe(pixels)
            probabilities = model.calibrate(observed.logits)
            reasons = find_unknown(model.card.ood, [None] * len(pixels), observed.distances)
            classes += probabilities.argmax(1).tolist()
            verdicts += [reason or model.judge(each)[1] for each, reason in zip(probabilities, reasons, strict=True)]
        said[form] = np.array(classes), np.array(verdicts)
    figures = {"images": float(len(rows))}
    own, own_verdicts = said.pop("float32")
    for form, (classes_of, verdicts_of) in said.items():
        changed = int((classes_of != own).sum())
        interval = binomtest(changed, len(rows)).proportion_ci(0.95)
        figures |= {
            f"{form}_changed": changed / len(rows),
            f"{form}_low": float(interval.low),
            f"{form}_high": float(interval.high),
            f"{form}_worse": float((own == targets).mean() - (classes_of == targets).mean()),
            f"{form}_verdicts": float((verdicts_of != own_verdicts).mean()),
        }
    return figures


def measure_rates(bundle: Path, encoded: Sequence[bytes], rounds: int) -> dict[str, float]:
    """Pictures a second of each form, in turn."""
    models = load_forms(bundle)
    side = next(iter(models.values())).card.preprocessing
    pixels = np.random.default_rng(0).integers(0, 256, (16, side.height, side.width, 3), dtype=np.uint8)
    images = [bytes(each) for each in encoded[:16]]
    calls: dict[str, tuple[int, Callable[[], object]]] = {}
    for form, model in models.items():
        calls[f"{form}_one"] = (1, lambda model=model: model.execute(pixels[:1]))  # type: ignore[misc]
        calls[f"{form}_batch"] = (16, lambda model=model: model.execute(pixels))  # type: ignore[misc]
        calls[f"{form}_answer"] = (16, lambda model=model: model.answer(images))  # type: ignore[misc]
    times: dict[str, list[float]] = defaultdict(list)
    for number in range(rounds + 1):
        for key, (count, call) in calls.items():
            repeats = 8 if count == 1 else 1
            started = time.perf_counter()
            for _ in range(repeats):
                call()
            if number:  # the first is a warm-up
                times[key].append((time.perf_counter() - started) / repeats / count)
    return {key: 1 / float(np.median(each)) for key, each in times.items()}


if __name__ == "__main__":
    main()
