"""`make bench-analysis`: how long a report on 10,000 pictures takes once they are predicted, and what 50,000 cost.

    python -m tests.benchmarks.reports [--pictures 10000] [--most 50000]

The pictures are noise of two colours, each file different, under two class folders; the model is MobileNetV3 (small) at
112×112, trained for one epoch on procedural landscapes (scratch weights, so that there are no features from before
training to predict besides). Each size has a process of its own, which predicts first; what is timed is the report,
with everything that it predicts besides: altered pictures, heatmaps and their check; UMAP is compiled in each run, by a
process of its own. Memory is anonymous memory of the report's process (what is not a file's pages). What the page loads
at first sight are the bytes that a browser of 390×844 pixels asks for before anything is scrolled, uncompressed. Writes
`build/bench/reports.json` and exits 1 naming each target missed.
"""

from __future__ import annotations

import argparse
import json
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

import numpy as np
from PIL import Image
from playwright.sync_api import sync_playwright

from analysis import report
from analysis.predictions import evaluate_test
from model_training.datasets.prepare import prepare
from model_training.datasets.procedural import write_dataset
from model_training.packaging.bundle import make_bundle
from model_training.recipe import load_recipe
from model_training.runtime.card import Text
from model_training.training.classification import train
from model_training.training.loop import start_fabric
from tests.benchmarks.results import MADE_HERE, Entry, publish

FOLDER = Path("build/bench/reports")
CLASSES = ("china", "japan")
TARGETS = {"report_seconds": ("<=", 60.0), "most_peak_mib": ("<=", 2048.0), "first_sight_kb": ("<=", 300.0)}
#: Steps that take less are summed.
SHORTEST_STEP = 0.5
ENTRY = Entry(
    section="Reports",
    title="How long a report takes",
    command="make bench-analysis",
    data=MADE_HERE + ": noise of two colours",
    notes=(
        "The smaller folder is predicted in {prediction_seconds:.0f} s; its report takes {report_seconds:.0f} s more.",
        "Of these {sections_seconds:.0f} s are its sections and {writing_seconds:.0f} s its files.",
        "On a telephone its page loads {first_sight_kb:.0f} kB at first sight.",
        "The report on the larger folder holds {most_peak_gb:.1f} GB of memory at most.",
    ),
)
SETTINGS = ["network.backbone=mobilenetv3_small_100", "network.pretrained=false", "training.epochs=1"]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pictures", type=int, default=10_000)
    parser.add_argument("--most", type=int, default=50_000, help="pictures at which memory is looked at")
    parser.add_argument("--size", type=int, default=112, help="of the network's pictures, in pixels")
    parser.add_argument("--report-of", type=Path, help="internal: measure one folder")
    arguments = parser.parse_args()
    if arguments.report_of:
        print(json.dumps(measure(arguments.report_of)))
        return
    make_model(arguments.size)
    figures: dict[str, float] = {}
    for name, images in (("", arguments.pictures), ("most_", arguments.most)):
        found = measure_apart(images)
        figures |= {f"{name}{key}": value for key, value in found.items()}
        if not name:
            figures["first_sight_kb"] = weigh_first_sight(next((FOLDER / "reports" / "landscape").iterdir()))
        print("\n".join(f"{name}{key}: {value:.1f}" for key, value in found.items()), flush=True)
    figures["most_peak_gb"] = figures["most_peak_mib"] * 2**20 / 1e9
    setup = f"MobileNetV3 at {arguments.size} pixels, {arguments.pictures:,} and {arguments.most:,} pictures"
    publish("reports", ENTRY, figures, TARGETS, setup)


def make_model(size: int) -> None:
    shutil.rmtree(FOLDER, ignore_errors=True)
    sides = [f"preprocessing.height={size}", f"preprocessing.width={size}"]
    recipe = load_recipe("landscape", [*SETTINGS, *sides])
    write_dataset(FOLDER / "procedural", CLASSES, 20, 0)
    prepared = prepare(recipe, FOLDER / "procedural", FOLDER / "cache")
    make_bundle(recipe, prepared, train(recipe, prepared, FOLDER / "runs", start_fabric("cpu")), FOLDER / "bundles")


def measure_apart(images: int) -> dict[str, float]:
    folder = FOLDER / "pictures"
    fill(folder, images)
    command = [sys.executable, "-m", "tests.benchmarks.reports", "--report-of", str(folder)]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=False)
    if done.returncode:
        sys.exit(f"{images} pictures: the report ended with {done.returncode}")
    return {name: float(value) for name, value in json.loads(done.stdout.splitlines()[-1]).items()}


def fill(folder: Path, images: int) -> None:
    """Those of a smaller folder stay."""
    for number in range(images):
        path = folder / CLASSES[number % 2] / f"{number:06d}.jpg"
        if path.exists():
            continue
        path.parent.mkdir(parents=True, exist_ok=True)
        pixels = np.random.default_rng(number).integers(0, 200, (16, 16, 3), np.uint8)
        pixels[..., number % 2] += 50
        Image.fromarray(pixels).resize((64, 64), Image.Resampling.BICUBIC).save(path, quality=80)


def measure(folder: Path) -> dict[str, float]:
    """Seconds of the prediction and of the report after it, and the report's peak of anonymous memory in MiB."""
    bundle = FOLDER / "bundles" / "landscape"
    started = time.perf_counter()
    evaluate_test(bundle, folder, FOLDER)
    predicted = time.perf_counter()
    peak, ended = [0.0], threading.Event()

    def watch() -> None:
        while not ended.wait(0.1):
            lines = Path("/proc/self/status").read_text().splitlines()
            now = next(int(line.split()[1]) for line in lines if line.startswith("RssAnon")) / 1024
            peak[0] = max(peak[0], now)

    thread = threading.Thread(target=watch)
    thread.start()
    steps: dict[str, float] = {}
    make_sections, write_report = report.make_sections, report.write_report

    def timed(name: str, step: Callable[..., Any]) -> Callable[..., Any]:
        def take_time(*arguments: Any) -> Any:
            before = time.perf_counter()
            try:
                return step(*arguments)
            finally:
                steps[name] = time.perf_counter() - before

        return take_time

    def timed_sections(plan: Sequence[tuple[Text, report.Make]]) -> Any:
        return make_sections([(title, timed(title.en, make)) for title, make in plan])

    report.make_sections, report.write_report = timed_sections, timed("writing", write_report)
    try:
        _, failed = report.make_report(report.Sources(bundle, folder, test=folder), FOLDER / "reports", FOLDER, "cpu")
    finally:
        ended.set()
        thread.join()
    seconds = time.perf_counter() - predicted
    if failed:
        sys.exit(f"sections failed: {', '.join(failed)}")
    for name, taken in sorted(steps.items(), key=lambda step: -step[1]):
        if taken >= SHORTEST_STEP:
            print(f"{taken:6.1f} s  {name}", file=sys.stderr)
    return {
        "prediction_seconds": predicted - started,
        "report_seconds": seconds,
        "sections_seconds": sum(steps.values()) - steps["writing"],
        "writing_seconds": steps["writing"],
        "peak_mib": peak[0],
    }


def weigh_first_sight(folder: Path) -> float:
    """Kilobytes that a telephone's browser asks for before anything is scrolled."""
    loaded = {folder / "index.html"}
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"])
        page = browser.new_page(viewport={"width": 390, "height": 844}, device_scale_factor=3, is_mobile=True)
        page.on("request", lambda asked: loaded.add(folder / unquote(urlsplit(asked.url).path.split("1.0/")[-1])))
        page.goto((folder / "index.html").absolute().as_uri())
        page.wait_for_load_state("networkidle")
        browser.close()
    return sum(path.stat().st_size for path in loaded if path.is_file()) / 1000


if __name__ == "__main__":
    main()
