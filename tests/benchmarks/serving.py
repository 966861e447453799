"""`make bench-serving`: predictions a second of TorchServe, our front end, FastAPI, LitServe and no server.

All run on this machine in one run, in turn, several rounds over; medians are reported. Two kinds of picture are sent:
as found on the web (800 pixels) and as a telephone takes them (12 megapixels). Writes `build/bench/serving.json` and
prints a table; exits 1 naming each target missed.
"""

from __future__ import annotations

import argparse
import json
import os
import socket
import statistics
import subprocess
import sys
import time
from collections import defaultdict
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import numpy as np
import requests
from PIL import Image

from hwapung.local import front_end
from model_training.datasets.prepare import prepare
from model_training.datasets.procedural import draw, write_dataset
from model_training.packaging.bundle import make_bundle
from model_training.progress import follow
from model_training.recipe import load_recipe
from model_training.runtime.classifier import Classifier
from model_training.training.classification import train
from model_training.training.loop import start_fabric
from tests.benchmarks.results import MADE_HERE, Entry, Table, publish
from torchserve.archive import build_archive
from torchserve.server import TorchServe
from torchserve.settings import read_settings

FOLDER = Path("build/bench/serving")
CONCURRENCY = (1, 4, 16)
KINDS = ("web", "photograph")
TARGETS = {
    f"{kind}_{name}_at_16": (">=", target)
    for kind in KINDS
    for name, target in (
        ("torchserve_over_fastapi", 5.9),
        ("torchserve_over_litserve", 3.4),
        ("front_end_over_torchserve", 0.7),
    )
}
RATIOS = (
    ("torchserve", "fastapi"),
    ("torchserve", "litserve"),
    ("front_end", "torchserve"),
    ("torchserve", "in_process"),
    ("in_process", "fastapi"),
)
SERVERS = {
    "torchserve": "TorchServe",
    "front_end": "through the front end",
    "fastapi": "FastAPI, torch",
    "litserve": "LitServe, torch",
    "in_process": "in process, without HTTP",
}


def make_table(kind: str, caption: str) -> Table:
    """Predictions a second at each concurrency, and latency at the largest."""
    rows = (
        (
            words,
            *(f"{{{kind}_{server}_at_{count}:.1f}}" for count in CONCURRENCY),
            latency(f"{kind}_{server}_at_16")
            if server != "in_process"
            else "–",  # there a batch has one, not a picture
        )
        for server, words in SERVERS.items()
    )
    columns = ("", *(f"concurrency {count}" for count in CONCURRENCY), "p50 / p99 at 16, ms")
    return Table(columns, tuple(rows), caption)


def latency(key: str) -> str:
    return f"{{{key}_p50_ms:.0f}} / {{{key}_p99_ms:.0f}}"


def phrase_ratios(kind: str, words: str) -> str:
    return (
        f"{words}, at a concurrency of 16: TorchServe answers {{{kind}_torchserve_over_fastapi_at_16:.1f}} times as "
        f"often as FastAPI and {{{kind}_torchserve_over_litserve_at_16:.1f}} times as often as LitServe; the front end "
        f"passes on {{{kind}_front_end_over_torchserve_at_16:.0%}} of that. Without any server the same cores answer "
        f"{{{kind}_in_process_over_fastapi_at_16:.1f}} times as often as FastAPI."
    )


ENTRY = Entry(
    section="Serving",
    title="Predictions a second",
    command="make bench-serving",
    data=MADE_HERE,
    tables=(make_table("web", "JPEGs of 800 pixels"), make_table("photograph", "Photographs of 12 megapixels")),
    notes=(
        phrase_ratios("web", "JPEGs of 800 pixels"),
        phrase_ratios("photograph", "Photographs"),
        "FastAPI and LitServe run the same weights in torch as their documentation has one write it: one request at a "
        "time, and batches of up to 16.",
    ),
)
#: (kind of image, server, concurrency) → of each round the answers a second and the latencies in ms
Measured = dict[tuple[str, str, int], list[tuple[float, list[float]]]]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=5, help="of each measurement")
    parser.add_argument("--rounds", type=int, default=3)
    arguments = parser.parse_args()
    bundle, images = make_bundle_and_images()
    measured: Measured = defaultdict(list)
    with ExitStack() as stack:
        store = FOLDER / "model_store"
        build_archive(bundle, store)
        server = stack.enter_context(TorchServe(store, read_settings(port=0, metrics_port=0, management_port=0)))
        server.wait_until_ready("landscape")
        front = stack.enter_context(front_end(server.inference_url, ["landscape"], 0))
        addresses = {
            "torchserve": (f"{server.inference_url}/predictions/landscape", "raw"),
            "front_end": (f"{front}/api/v1/models/landscape/predict", "raw"),
            "fastapi": (stack.enter_context(rival("fastapi", bundle)), "file"),
            "litserve": (stack.enter_context(rival("litserve", bundle)), "request"),
        }
        for url, form in addresses.values():
            load(url, 16, 3, form, images["web"])  # warm up
        with follow("Measuring") as step:
            plan = [(kind, count) for _ in range(arguments.rounds) for kind in KINDS for count in CONCURRENCY]
            for done, (kind, concurrency) in enumerate(plan):
                step.update(done, len(plan), f"{kind} at {concurrency}")
                for name, (url, form) in addresses.items():
                    result = load(url, concurrency, arguments.seconds, form, images[kind])
                    measured[kind, name, concurrency].append(result)
                if concurrency == max(CONCURRENCY):
                    result = in_process(bundle, images[kind], arguments.seconds)
                    measured[kind, "in_process", concurrency].append(result)
    report(measured, arguments)


def make_bundle_and_images() -> tuple[Path, dict[str, list[Path]]]:
    """ResNet-18 at 224×224 after one epoch (its weights do not matter here), and 16 JPEGs of each kind to send."""
    data = FOLDER / "data"
    write_dataset(data, ("china", "japan"), 10)
    images: dict[str, list[Path]] = {kind: [] for kind in KINDS}
    for number in range(16):
        image = draw("china" if number % 2 else "japan", 1000 + number, 800)
        for kind in KINDS:
            path = FOLDER / f"{kind}-{number:02d}.jpg"
            images[kind].append(path)
            if not path.exists():
                (image if kind == "web" else photograph(image, number)).save(path, quality=90)
    recipe = load_recipe("landscape_demo", ["name=landscape", "training.epochs=1", "serving.agreement=100"])
    prepared = prepare(recipe, data, FOLDER / "cache")
    trained = train(recipe, prepared, FOLDER / "runs", start_fabric("cpu"))
    return make_bundle(recipe, prepared, trained, FOLDER / "bundles"), images


def photograph(image: Image.Image, seed: int) -> Image.Image:
    """12 megapixels with a sensor's grain, which is what fills a photograph's file."""
    scale = (12e6 / (image.width * image.height)) ** 0.5
    large = image.resize((round(image.width * scale), round(image.height * scale)), Image.Resampling.BICUBIC)
    grain = np.random.default_rng(seed).normal(0, 4, (large.height, large.width, 1))
    return Image.fromarray(np.clip(np.asarray(large) + grain, 0, 255).astype(np.uint8))


@contextmanager
def rival(kind: str, bundle: Path) -> Iterator[str]:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [sys.executable, "-m", "tests.benchmarks.rivals", kind, str(bundle), str(port)]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, start_new_session=True)
    try:
        deadline = time.monotonic() + 120
        while True:
            assert process.poll() is None, f"{kind} did not start"
            assert time.monotonic() < deadline, f"{kind} did not start in time"
            try:
                requests.get(f"http://127.0.0.1:{port}/docs", timeout=2)
                break
            except requests.RequestException:
                time.sleep(0.3)
        yield f"http://127.0.0.1:{port}/predict"
    finally:
        os.killpg(process.pid, 15)
        process.wait(20)


def load(url: str, concurrency: int, seconds: float, form: str, images: list[Path]) -> tuple[float, list[float]]:
    """Answers a second, and every answer's latency in ms. The load comes from a process of its own."""
    command = [sys.executable, "-m", "tests.benchmarks.load", url, str(concurrency), str(seconds), form]
    done = subprocess.run([*command, *map(str, images)], capture_output=True, text=True, check=False)
    if done.returncode:
        sys.exit(f"{url}: {done.stderr.strip().splitlines()[-1]}")
    result = json.loads(done.stdout)
    return result["answers"] / result["seconds"], result["latencies_ms"]


def in_process(bundle: Path, images: list[Path], seconds: float) -> tuple[float, list[float]]:
    """The limit: decode, transform and network on all cores in batches of 16, without HTTP."""
    classifier = Classifier.load(bundle)
    batch = [path.read_bytes() for path in images]
    classifier.answer(batch)
    latencies: list[float] = []
    started = time.perf_counter()
    while time.perf_counter() - started < seconds:
        before = time.perf_counter()
        classifier.answer(batch)
        latencies.append((time.perf_counter() - before) * 1000)
    return len(latencies) * len(batch) / (time.perf_counter() - started), latencies


def report(measured: Measured, arguments: argparse.Namespace) -> None:
    figures: dict[str, float] = {}
    for (kind, name, concurrency), rounds in measured.items():
        key = f"{kind}_{name}_at_{concurrency}"
        figures[key] = round(statistics.median(rate for rate, _ in rounds), 2)
        for percent in (50, 99):
            values = [float(np.percentile(latencies, percent)) for _, latencies in rounds]
            figures[f"{key}_p{percent}_ms"] = round(statistics.median(values), 1)
    for kind in KINDS:
        for one, other in RATIOS:
            pairs = zip(measured[kind, one, 16], measured[kind, other, 16], strict=True)
            ratio = statistics.median(ours / theirs for (ours, _), (theirs, _) in pairs)
            figures[f"{kind}_{one}_over_{other}_at_16"] = round(ratio, 3)
        print_table(kind, figures)
    for name in TARGETS:
        print(f"{name}: {figures[name]:.2f}")
    setup = f"ResNet-18 at 224×224; {arguments.rounds} rounds of {arguments.seconds:g} s, medians"
    publish("serving", ENTRY, figures, TARGETS, setup)


def print_table(kind: str, figures: dict[str, float]) -> None:
    widths = {"": 9, "_p50_ms": 9, "_p99_ms": 9}
    print(f"\n{kind:<12}" + "".join(f"{f'{c} at once':>27}" for c in CONCURRENCY))
    print(f"{'':<12}" + f"{'per s':>9}{'p50 ms':>9}{'p99 ms':>9}" * len(CONCURRENCY))
    for name in ("torchserve", "front_end", "fastapi", "litserve", "in_process"):
        keys = [(f"{kind}_{name}_at_{c}{suffix}", width) for c in CONCURRENCY for suffix, width in widths.items()]
        cells = [f"{figures[key]:>{width}.1f}" if key in figures else f"{'–':>{width}}" for key, width in keys]
        print(f"{name:<12}" + "".join(cells))


if __name__ == "__main__":
    main()
