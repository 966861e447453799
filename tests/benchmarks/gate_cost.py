"""What the gate costs: answers a second with it in parts of those without, by what it sees."""

from __future__ import annotations

import io
import shutil
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image

from model_training.datasets.prepare import prepare
from model_training.packaging.bundle import Product, pack, record_making
from model_training.recipe import load_recipe
from model_training.runtime.architecture import Network
from model_training.runtime.card import ModelCard, read_card
from model_training.runtime.classifier import Classifier
from model_training.runtime.export import export_openvino
from model_training.runtime.network import count_parameters, load_network
from model_training.training.start import build_network


def measure_throughput(bundle: Path, encoded: Sequence[bytes], rounds: int = 9) -> float:
    """Answers a second with the gate in parts of those of the same network packed without one, in turn on the same
    pictures; the median of the rounds."""
    card = read_card(bundle / "card.json", ModelCard)
    assert card.openvino_model is not None
    side = card.preprocessing
    with tempfile.TemporaryDirectory() as folder:
        plain = Path(shutil.copytree(bundle, Path(folder) / "plain"))
        example = np.zeros((2, side.height, side.width, 3), np.uint8)
        export_openvino(load_network(card, bundle), example, plain / card.openvino_model.file)
        whole = Classifier(card, bundle, "cpu")
        without = Classifier(card.model_copy(update={"ood": None}), plain, "cpu")

        def run(classifier: Classifier) -> float:
            started = time.perf_counter()
            for start in range(0, len(encoded), 8):
                classifier.answer(list(encoded[start : start + 8]))
            return time.perf_counter() - started

        for each in (whole, without):
            run(each)
        return float(np.median([run(without) / run(whole) for _ in range(rounds)]))


def encode(paths: Sequence[Path], side: int) -> list[bytes]:
    encoded = []
    for path in paths:
        buffer = io.BytesIO()
        Image.open(path).convert("RGB").resize((side, side)).save(buffer, "JPEG", quality=90)
        encoded.append(buffer.getvalue())
    return encoded


def measure_throughputs(data: Path, weights: Path, build: Path) -> dict[str, float]:
    """By what the gate sees: the network's own maps, a companion's, or, of small pictures, the network's own before the
    last stage. The bundles are those that `verdict` left in `build`."""
    paintings = encode(sorted((data / "landscape").glob("*/*.jpg"))[:64], 800)
    small = [path.read_bytes() for path in sorted((data / "ai_vs_real").glob("*/*"))[:256]]
    return {
        "throughput_own": measure_throughput(build / "bundles-landscape-0" / "landscape", paintings),
        "throughput_companion": measure_throughput(_pack_with_companion(data, weights, build), paintings),
        "throughput_small": measure_throughput(build / "bundles-ai-0" / "ai_vs_real_small", small),
    }


def _pack_with_companion(data: Path, weights: Path, build: Path) -> Path:
    """The landscapes' network as if it had been trained from its first layer on; what it answers does not matter."""
    bundle = build / "companion" / "landscape"
    if not bundle.is_dir():
        recipe = load_recipe("landscape", [f"network.pretrained={weights}", "network.backbone=mobilenetv2_100"])
        prepared = prepare(recipe, data / "landscape", build / "cache")
        network = build_network(recipe, prepared)
        architecture = Network(
            backbone=recipe.network.backbone, head=network.head, parameters=count_parameters(network)
        )
        made = Product(network, architecture, record_making(recipe, 0.0, "cpu"), None)
        pack(recipe, prepared, made, bundle.parent)
    return bundle
