"""`make bench-training`: pictures a second when fine-tuning, against torchvision's own way; memory at 100,000 pictures.

    python -m tests.benchmarks.training --data FOLDER --weights FILE

The rival is what torchvision's documentation has one write: `ImageFolder`, `Resize`, `RandomHorizontalFlip`,
`ToImage`, `ToDtype`, `Normalize`, a `DataLoader` with a worker for each core, and the same network, loss, optimiser and
batch. Both are given one epoch to warm up; then epochs alternate and the medians are compared. Memory is the anonymous
memory (what is not a file's pages) of a process of its own that prepares a folder and trains on it for some steps.
"""

from __future__ import annotations

import argparse
import dataclasses
import os
import shutil
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import nn
from torch.utils.data import DataLoader
from torchvision.datasets import ImageFolder
from torchvision.transforms import v2 as transforms

from model_training.datasets.prepare import Prepared, prepare
from model_training.recipe import Recipe, load_recipe
from model_training.runtime.network import ClassificationNetwork
from model_training.training.classification import ClassificationTask
from model_training.training.inputs import PixelInputs
from model_training.training.loop import begin, run_epochs, start_fabric
from model_training.training.start import build_network
from tests.benchmarks.results import PAINTINGS, WHERE, Entry, Table, publish

FOLDER = Path("build/bench/training")
TARGETS = {"faster_than_torchvision": (">=", 1.5), "memory_growth": ("<=", 1.25)}
SIZES = (1_000, 10_000, 100_000)

ENTRY = Entry(
    section="Training",
    title="Speed and memory of training",
    command="make bench-training",
    data=PAINTINGS + "; for the memory, pictures of noise",
    tables=(
        Table(
            ("", "pictures a second"),
            (
                ("`hwapung train`", "**{hwapung_images_per_second:.1f}**"),
                ("torchvision's `ImageFolder` and `DataLoader`", "{torchvision_images_per_second:.1f}"),
            ),
        ),
        Table(
            ("pictures in the folder", "peak of memory, MiB"),
            tuple((f"{size:,}", f"{{peak_mib_at_{size}:.0f}}") for size in SIZES),
        ),
    ),
    notes=(
        "{faster_than_torchvision:.2f} times as fast; {faster_over_ten_epochs_with_the_scan:.2f} times where the first "
        "reading of the pictures is spread over ten epochs.",
    ),
)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, help=PAINTINGS + WHERE)
    parser.add_argument("--weights")
    parser.add_argument("--size", type=int, default=112, help="of the pictures, in pixels: the webtoon recipe's")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--largest", type=int, default=SIZES[-1], help="pictures in the folder that memory is taken at")
    parser.add_argument("--memory-of", type=Path, help="internal: measure one folder and print its peak in MiB")
    arguments = parser.parse_args()
    if arguments.memory_of:
        print(peak_of(arguments.memory_of))
        return
    figures = measure_speed(arguments) | measure_memory(arguments.largest)
    for name, value in figures.items():
        print(f"{name}: {value:.2f}")
    setup = f"MobileNetV2 at {arguments.size}×{arguments.size}, all layers trained, batches of 32, medians"
    publish("training", ENTRY, figures, TARGETS, setup)


def measure_speed(arguments: argparse.Namespace) -> dict[str, float]:
    """Pictures a second of both, epoch by epoch in turn."""
    values = [f"preprocessing.height={arguments.size}", f"preprocessing.width={arguments.size}"]
    values += ["network.backbone=mobilenetv2_100", f"network.pretrained={arguments.weights}", "data.too_few=drop"]
    recipe = load_recipe("landscape", [*values, f"training.epochs={arguments.rounds + 1}"])
    folder = only_class_folders(arguments.data)
    shutil.rmtree(FOLDER / "cache", ignore_errors=True)
    began = time.perf_counter()
    prepared = everything(prepare(recipe, folder, FOLDER / "cache"))
    scan = time.perf_counter() - began
    images = len(prepared.rows["train"])
    ours, theirs = our_epochs(recipe, prepared), their_epochs(recipe, folder, len(prepared.dataset.labels))
    next(ours), next(theirs)
    pairs = [(next(ours), next(theirs)) for _ in range(arguments.rounds)]
    own = statistics.median(images / one for one, _ in pairs)
    rival = statistics.median(images / other for _, other in pairs)
    ten = statistics.median((scan + 10 * one) / (10 * other) for one, other in pairs)
    return {
        "hwapung_images_per_second": own,
        "torchvision_images_per_second": rival,
        "faster_than_torchvision": statistics.median(other / one for one, other in pairs),
        "faster_over_ten_epochs_with_the_scan": 1 / ten,
    }


def only_class_folders(data: Path) -> Path:
    """The class folders without the manifest, so that both see the same pictures."""
    folder = FOLDER / "data"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    for each in sorted(data.iterdir()):
        if each.is_dir():
            (folder / each.name).symlink_to(each.resolve())
    return folder


def everything(prepared: Prepared) -> Prepared:
    """All pictures to train on, one to validate: the rival does not validate either."""
    rows = np.sort(np.concatenate(list(prepared.rows.values())))
    return dataclasses.replace(prepared, rows={**prepared.rows, "train": rows, "validation": rows[:1]})


def our_epochs(recipe: Recipe, prepared: Prepared) -> Iterator[float]:
    """Seconds of each epoch of the loop that `make train` runs."""
    fabric = start_fabric("cpu")
    plain = build_network(recipe, prepared).to(memory_format=torch.channels_last)
    inputs = PixelInputs(prepared, recipe.augmentation)
    state = begin(ClassificationTask(recipe, prepared, plain, plain, inputs), fabric)
    for _ in run_epochs(state, lambda *_: None):
        yield state.history[-1].seconds


def their_epochs(recipe: Recipe, folder: Path, classes: int) -> Iterator[float]:
    """Seconds of each epoch of torchvision's way."""
    preprocessing = recipe.preprocessing
    assert preprocessing.mean != "image"
    fitted = [
        transforms.Resize((preprocessing.height, preprocessing.width)),
        transforms.RandomHorizontalFlip(),
        transforms.ToImage(),
        transforms.ToDtype(torch.float32, scale=True),
        transforms.Normalize(preprocessing.mean, preprocessing.std),
    ]
    images = ImageFolder(str(folder), transforms.Compose(fitted))
    loader = DataLoader(
        images, recipe.training.batch_size, shuffle=True, num_workers=os.cpu_count() or 1, persistent_workers=True
    )
    network: nn.Module = ClassificationNetwork(recipe.network.backbone, classes, preprocessing).backbone
    optimizer = torch.optim.Adam(network.parameters(), lr=recipe.training.learning_rate)
    network.train()
    for _ in range(recipe.training.epochs):
        began = time.perf_counter()
        for batch, targets in loader:
            loss = nn.functional.cross_entropy(network(batch), targets)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        yield time.perf_counter() - began


def measure_memory(largest: int) -> dict[str, float]:
    """Peaks of folders that grow tenfold, of pictures of 32×32 pixels."""
    sizes = [size for size in SIZES if size < largest] + [largest]
    peaks: dict[int, float] = {}
    for size in sizes:
        folder = FOLDER / "many"
        fill(folder, size)
        command = [sys.executable, "-m", "tests.benchmarks.training", "--memory-of", str(folder)]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode:
            sys.exit(f"{size} pictures: {done.stderr.strip()[-300:]}")
        peaks[size] = float(done.stdout.split()[-1])
    shutil.rmtree(FOLDER / "many", ignore_errors=True)
    first, last = peaks[sizes[0]], peaks[sizes[-1]]
    growth = {"memory_growth": last / first, "bytes_per_image": (last - first) * 2**20 / (sizes[-1] - sizes[0])}
    return {f"peak_mib_at_{size}": peak for size, peak in peaks.items()} | growth


def fill(folder: Path, images: int) -> None:
    """Noise of two colours, each file different; those of a smaller folder stay."""
    for number in range(images):
        path = folder / ("even", "odd")[number % 2] / f"{number // 1000:03d}" / f"{number:06d}.jpg"
        if path.exists():
            continue
        path.parent.mkdir(parents=True, exist_ok=True)
        generator = np.random.default_rng(number)
        pixels = generator.integers(0, 200, (32, 32, 3), np.uint8)
        pixels[..., number % 2] += 50
        Image.fromarray(pixels).save(path, quality=80)


def peak_of(folder: Path) -> float:
    """MiB of anonymous memory at most, while a folder is prepared and trained on for fifty steps."""
    import threading

    peak = 0.0
    ended = threading.Event()

    def watch() -> None:
        nonlocal peak
        while not ended.wait(0.1):
            lines = Path("/proc/self/status").read_text().splitlines()
            peak = max(peak, next(int(line.split()[1]) for line in lines if line.startswith("RssAnon")) / 1024)

    thread = threading.Thread(target=watch)
    thread.start()
    values = ["network.pretrained=false", "network.backbone=mobilenetv3_small_050", "data.near_duplicate_distance=0"]
    recipe = load_recipe("landscape_demo", [*values, "preprocessing.height=32", "preprocessing.width=32"])
    prepared = prepare(recipe, folder, folder.parent / "many-cache")
    few = {name: np.random.default_rng(0).permutation(rows)[:800] for name, rows in prepared.rows.items()}
    next(our_epochs(recipe, dataclasses.replace(prepared, rows=few)))
    ended.set()
    thread.join()
    return peak


if __name__ == "__main__":
    main()
