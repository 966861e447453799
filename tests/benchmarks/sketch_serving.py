"""`make bench-sketch`: how long TorchServe takes to answer a page with 5 objects.

    python -m tests.benchmarks.sketch_serving [--bundle FOLDER] [--requests 60]

Serves `build/bundles/sketch`, or, where there is none, networks of the recipes' sizes with random weights, whose scores
lie so close together that up to 24 objects may pass for five: then the time is an upper bound. Asks one request at a
time, as a drawing page does. Writes `build/bench/sketch_serving.json` and exits 1 where p50 misses its target.
"""

from __future__ import annotations

import argparse
import io
import tempfile
import time
from pathlib import Path

import numpy as np
import requests
from PIL import Image, ImageDraw

from model_training.detection.detector import detect, make_detector
from model_training.detection.recipe import load_detection_recipe
from model_training.packaging.detector import export_detector
from model_training.recipe import load_recipe
from model_training.runtime.card import ModelCard, read_card, write_card
from model_training.runtime.detector import letterbox
from model_training.runtime.export import export_openvino
from model_training.runtime.network import build_network, save_weights
from model_training.sketch.bundle import compose_sketch
from model_training.sketch.recipe import load_sketch_recipe
from tests.benchmarks.results import MADE_HERE, Entry, publish
from tests.cards import make_card
from tests.torchserve.tiny import make_tiny_bundle
from torchserve.archive import build_archive
from torchserve.server import TorchServe
from torchserve.settings import read_settings

OBJECTS = 5
#: Of the 250 ms from the end of a stroke to the guess, what the page may take: encoding, the front end, painting.
PAGE_MS = 60.0
TARGET_MS = 250.0 - PAGE_MS
ENTRY = Entry(
    section="Sketches",
    title="The model server's answer",
    command="make bench-sketch",
    data=MADE_HERE,
    notes=("TorchServe answers a page with {objects:.0f} objects in **{answer_p50_ms:.0f} ms** (median).",),
)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--bundle", type=Path, default=Path("build/bundles/sketch"))
    parser.add_argument("--requests", type=int, default=60)
    arguments = parser.parse_args()
    page = draw_page()
    with tempfile.TemporaryDirectory() as folder:
        trained = (arguments.bundle / "card.json").is_file()
        bundle = arguments.bundle if trained else make_random_bundle(Path(folder), page)
        store = Path(folder) / "store"
        build_archive(bundle, store)
        with TorchServe(store, read_settings(port=0, metrics_port=0, management_port=0)) as server:
            server.wait_until_ready("sketch")
            times, inside, objects = ask(f"{server.inference_url}/predictions/sketch", page, arguments.requests)
    p50, p99 = np.percentile(times, [50, 99])
    kind = str(bundle) if trained else "random weights"
    print(f"{len(times)} pages with {objects} objects ({kind}): p50 {p50:.0f} ms, p99 {p99:.0f} ms, "
          f"of it {np.median(inside):.0f} ms in the model")  # fmt: skip
    figures = {
        "answer_p50_ms": p50,
        "answer_p99_ms": p99,
        "model_p50_ms": float(np.median(inside)),
        "objects": objects,
    }
    publish("sketch_serving", ENTRY, figures, {"answer_p50_ms": ("<=", TARGET_MS)}, f"{len(times)} pages, {kind}")


def draw_page() -> bytes:
    """A canvas of 800×600 with five line drawings."""
    page = Image.new("RGB", (800, 600), "white")
    pen = ImageDraw.Draw(page)
    for number in range(OBJECTS):
        left, top = 40 + number % 3 * 260, 40 + number // 3 * 280
        pen.ellipse((left, top, left + 180, top + 120), outline="black", width=5)
        pen.line((left + 90, top + 120, left + 90, top + 220), fill="black", width=5)
        pen.arc((left + 30, top + 30, left + 150, top + 100), 20, 160, fill="black", width=5)
    buffer = io.BytesIO()
    page.save(buffer, "PNG")
    return buffer.getvalue()


def make_random_bundle(folder: Path, page: bytes) -> Path:
    """Detector and classifier of the recipes' sizes, untrained."""
    recipe = load_detection_recipe("sketch_detector")
    side = recipe.network.input
    network = make_detector(recipe, 1).eval()
    pixels, _ = letterbox(Image.open(io.BytesIO(page)).convert("RGB"), side)
    [(_, scores, _)] = detect(network, np.stack([pixels]), 0.0, 0.5)
    score = float((scores[OBJECTS - 1] + scores[OBJECTS]) / 2)
    detector = folder / "sketch_detector"
    detector.mkdir(parents=True)
    export_detector(network, side, detector / "detector.xml")
    part = {"file": "detector.xml", "side": side, "score": score, "iou": 0.5, "min_flatness": 0.3}
    write_card(make_card(name="sketch_detector", task="detection", detector=part), detector / "card.json")
    classifier = make_tiny_bundle(folder / "sketch_classifier", "sketch_classifier")
    card = read_card(classifier / "card.json").model_dump(mode="json")
    made = load_recipe("sketch_classifier")
    size = {"height": made.preprocessing.height, "width": made.preprocessing.width}
    card["preprocessing"] |= size
    card["network"] |= {"backbone": made.network.backbone, "head": made.network.head.model_dump()}
    parsed = ModelCard.model_validate(card)
    backbone = build_network(parsed.network, len(parsed.labels), parsed.preprocessing).eval()
    save_weights(backbone, classifier / "weights.safetensors")
    export_openvino(backbone, np.zeros((1, *size.values(), 3), np.uint8), classifier / "network.xml")
    write_card(parsed, classifier / "card.json")
    return compose_sketch(load_sketch_recipe(), folder)


def ask(url: str, page: bytes, count: int) -> tuple[list[float], list[float], int]:
    """Milliseconds of each answer, of them in the model, and how many objects it had."""
    times: list[float] = []
    inside: list[float] = []
    objects = 0
    with requests.Session() as session:
        for number in range(count + 5):
            started = time.perf_counter()
            response = session.post(url, data=page, timeout=30)
            elapsed = (time.perf_counter() - started) * 1000
            response.raise_for_status()
            answer = response.json()
            objects = len(answer["objects"])
            if number >= 5:  # the first ones warm up
                times.append(elapsed)
                inside.append(answer["processing_time_ms"])
    return times, inside, objects


if __name__ == "__main__":
    main()
