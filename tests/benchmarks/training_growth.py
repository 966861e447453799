"""`make bench-training`: what a folder of 1,000 to 1,000,000 pictures costs before and between the steps.

    python -m tests.benchmarks.training_growth [--part memory|growth] [--largest N]

`memory`: the anonymous memory (what is not a file's pages) of a process of its own that prepares a folder of real files
and trains on it for some steps. `growth`: seconds of each thing that is done for every picture without decoding it, on
rows that are made up: all share one file, and their hashes are drawn. The slope is that of time over pictures between
the two largest sizes, both in logarithms: 1 is in proportion, 2 is with the square.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import math
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from model_training.datasets import image_store
from model_training.datasets.duplicates import find_duplicates
from model_training.datasets.folders import Dataset, Entry
from model_training.datasets.image_store import ImageStore
from model_training.datasets.pixel_files import INDICES, NAMES
from model_training.datasets.prepare import number_labels, prepare
from model_training.datasets.splits import split
from model_training.recipe import Recipe, load_recipe
from model_training.training.sampling import draw_rows
from tests.benchmarks.results import MADE_HERE, Table, publish
from tests.benchmarks.results import Entry as Told
from tests.benchmarks.training import FOLDER, our_epochs

MEMORY_SIZES = (1_000, 10_000, 100_000)
SIZES = (1_000, 10_000, 100_000, 1_000_000)
SIDE = 32
#: What is measured, in the words of the table.
STAGES = {
    "key": "looking whether each file has changed",
    "index": "reading the cache's index",
    "duplicates": "finding duplicates",
    "split": "dividing",
    "epoch": "the order of an epoch",
}

MEMORY = Told(
    section="Training",
    title="Memory of training",
    command="make bench-training",
    data="pictures of noise that the benchmark makes itself",
    tables=(
        Table(
            ("pictures in the folder", "peak of memory, MiB"),
            tuple((f"{size:,}", f"{{peak_mib_at_{size}:.0f}}") for size in MEMORY_SIZES),
        ),
    ),
    notes=("{bytes_per_image:.0f} bytes a picture.",),
)
GROWTH = Told(
    section="Training",
    title="Growth with the number of pictures",
    command="make bench-training",
    data=MADE_HERE + ": rows that share one file",
    tables=(
        Table(
            ("", *(f"{size:,}" for size in SIZES), "slope"),
            (
                *(
                    (f"{words}, s", *(f"{{{stage}_at_{size}:.2f}}" for size in SIZES), f"{{{stage}_slope:.2f}}")
                    for stage, words in STAGES.items()
                ),
                ("peak of memory, MiB", *(f"{{mib_at_{size}:.0f}}" for size in SIZES), "{mib_slope:.2f}"),
            ),
        ),
    ),
    notes=("The slope is between the two largest sizes, in logarithms: 1 is in proportion to the pictures.",),
)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--part", choices=("memory", "growth"), help="one of the two; both by default")
    parser.add_argument("--largest", type=int, default=SIZES[-1])
    parser.add_argument("--peak-of", type=Path, help="internal: prepare a folder and train on it, print MiB")
    parser.add_argument("--rows", type=int, help="internal: the stages at so many rows, as JSON")
    arguments = parser.parse_args()
    if arguments.peak_of:
        print(peak_while(lambda: train_some(arguments.peak_of))[0])
    elif arguments.rows:
        peak, seconds = peak_while(lambda: time_stages(arguments.rows))
        print(json.dumps({**seconds, "mib": peak}))
    elif arguments.part == "memory":
        memory(arguments.largest)
    elif arguments.part == "growth":
        growth(arguments.largest)
    else:
        for part in ("memory", "growth"):
            _run("--part", part, "--largest", str(arguments.largest))


def memory(largest: int) -> None:
    """Peaks of folders that grow tenfold, of pictures of 32×32 pixels."""
    sizes = [size for size in MEMORY_SIZES if size <= largest]
    peaks: dict[int, float] = {}
    for size in sizes:
        fill(FOLDER / "many", size)
        peaks[size] = float(_run("--peak-of", str(FOLDER / "many")).split()[-1])
        print(f"{size} pictures: {peaks[size]:.0f} MiB", flush=True)
    shutil.rmtree(FOLDER / "many", ignore_errors=True)
    first, last = peaks[sizes[0]], peaks[sizes[-1]]
    figures = {f"peak_mib_at_{size}": peak for size, peak in peaks.items()}
    figures |= {"memory_growth": last / first, "bytes_per_image": (last - first) * 2**20 / (sizes[-1] - sizes[0])}
    setup = f"MobileNetV3 at {SIDE}×{SIDE}, prepared and trained for fifty steps"
    publish("training_memory", MEMORY, figures, {"memory_growth": ("<=", 1.25)}, setup)


def growth(largest: int) -> None:
    sizes = [size for size in SIZES if size <= largest]
    figures: dict[str, float] = {}
    for size in sizes:
        found = json.loads(_run("--rows", str(size)).splitlines()[-1])
        figures |= {f"{stage}_at_{size}": value for stage, value in found.items()}
        print(size, {stage: round(value, 2) for stage, value in found.items()}, flush=True)
    for stage in (*STAGES, "mib"):
        one, other = (figures[f"{stage}_at_{size}"] for size in sizes[-2:])
        figures[f"{stage}_slope"] = math.log(other / one) / math.log(sizes[-1] / sizes[-2])
    targets = {f"{stage}_slope": ("<=", 1.2) for stage in STAGES}
    publish("training_growth", GROWTH, figures, targets, f"pictures of {SIDE}×{SIDE}, two classes, each size once")


def _run(*words: str) -> str:
    done = subprocess.run(
        [sys.executable, "-m", "tests.benchmarks.training_growth", *words],
        stdout=subprocess.PIPE, text=True, check=False,
    )  # fmt: skip
    if done.returncode:
        sys.exit(done.returncode)
    return done.stdout


def fill(folder: Path, images: int) -> None:
    """Noise of two colours, each file different; those of a smaller folder stay."""
    for number in range(images):
        path = folder / ("even", "odd")[number % 2] / f"{number // 1000:03d}" / f"{number:06d}.jpg"
        if path.exists():
            continue
        path.parent.mkdir(parents=True, exist_ok=True)
        generator = np.random.default_rng(number)
        pixels = generator.integers(0, 200, (SIDE, SIDE, 3), np.uint8)
        pixels[..., number % 2] += 50
        Image.fromarray(pixels).save(path, quality=80)


def peak_while(act: Callable[[], Any]) -> tuple[float, Any]:
    """MiB of anonymous memory at most while it acts, and what it returns."""
    peak = 0.0
    ended = threading.Event()

    def watch() -> None:
        nonlocal peak
        while True:
            lines = Path("/proc/self/status").read_text().splitlines()
            peak = max(peak, next(int(line.split()[1]) for line in lines if line.startswith("RssAnon")) / 1024)
            if ended.wait(0.05):
                return

    thread = threading.Thread(target=watch)
    thread.start()
    try:
        found = act()
    finally:
        ended.set()
        thread.join()
    return peak, found


def small_recipe() -> Recipe:
    values = ["network.pretrained=false", "network.backbone=mobilenetv3_small_050", "data.near_duplicate_distance=0"]
    return load_recipe("landscape_demo", [*values, f"preprocessing.height={SIDE}", f"preprocessing.width={SIDE}"])


def train_some(folder: Path) -> None:
    """Prepare a folder, and train on it for fifty steps."""
    recipe = small_recipe()
    prepared = prepare(recipe, folder, folder.parent / "many-cache")
    few = {name: np.random.default_rng(0).permutation(rows)[:800] for name, rows in prepared.rows.items()}
    next(our_epochs(recipe, dataclasses.replace(prepared, rows=few)))


def time_stages(images: int) -> dict[str, float]:
    """Seconds of each of `STAGES` at so many rows."""
    recipe = small_recipe()
    place = FOLDER / "made-up"
    shutil.rmtree(place, ignore_errors=True)
    place.mkdir(parents=True)
    Image.new("RGB", (SIDE, SIDE)).save(place / "one.png")
    entries = tuple(Entry(place / "one.png", ("even", "odd")[number % 2], None) for number in range(images))
    dataset = Dataset(place, entries, ("even", "odd"), procedural=True)
    generator = np.random.default_rng(0)
    seconds: dict[str, float] = {}

    def clock(stage: str, act: Callable[[], Any]) -> Any:
        began = time.perf_counter()
        found = act()
        seconds[stage] = time.perf_counter() - began
        return found

    key = clock("key", lambda: image_store._key(dataset, recipe.preprocessing))
    folder, shape = place / key, (images, SIDE, SIDE, 3)
    write_cache(folder, images, generator)
    files = folder / NAMES["raw"], folder / INDICES["raw"]
    store: ImageStore = clock("index", lambda: image_store._open(*files, "raw", shape))
    rows = np.arange(images)
    distance = load_recipe("landscape").data.near_duplicate_distance
    copies = clock("duplicates", lambda: find_duplicates(store, rows, distance))
    splits = clock("split", lambda: split(dataset, rows, copies, recipe.data.split))
    train, targets = splits.rows["train"], number_labels(dataset)

    def draw() -> list[np.ndarray]:
        shown = np.random.default_rng(0).permutation(draw_rows(train, targets[train], recipe.training, 0))
        return np.array_split(shown, math.ceil(len(shown) / recipe.training.batch_size))

    clock("epoch", draw)
    shutil.rmtree(place)
    return seconds


def write_cache(folder: Path, images: int, generator: np.random.Generator) -> None:
    """A finished cache of black pictures with hashes by chance, in a file full of holes."""
    folder.mkdir(parents=True)
    np.lib.format.open_memmap(folder / NAMES["raw"], mode="w+", dtype=np.uint8, shape=(images, SIDE, SIDE, 3))
    hashes = generator.integers(0, 2**64, images, np.uint64)
    with (folder / INDICES["raw"]).open("w") as file:
        for number, value in enumerate(hashes):
            line = {"sha256": f"{number:064x}", "hash": f"{int(value):016x}", "error": "", "warnings": [], "end": 0}
            file.write(json.dumps(line) + "\n")


if __name__ == "__main__":
    main()
