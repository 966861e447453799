"""`make bench-training`: pictures a second when fine-tuning, against torchvision's own way.

    python -m tests.benchmarks.training --data FOLDER --weights FILE

The rival is what torchvision's documentation has one write: `ImageFolder`, `Resize`, `RandomHorizontalFlip`,
`ToImage`, `ToDtype`, `Normalize`, a `DataLoader` with a worker for each core, and the same network, loss, optimiser and
batch, in float32. Ours trains in float32, and in bfloat16 where the processor has it. Each has a process of its own and
one epoch to warm up; then epochs take turns and the medians of the ratios are compared.
"""

from __future__ import annotations

import argparse
import dataclasses
import multiprocessing
import os
import shutil
import statistics
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn
from torch.utils.data import DataLoader
from torchvision.datasets import ImageFolder
from torchvision.transforms import v2 as transforms

from model_training.datasets.prepare import Prepared, prepare
from model_training.models.linear_probe import LinearProbe
from model_training.recipe import Recipe, load_recipe, override
from model_training.runtime.network import ClassificationNetwork
from model_training.training.classification import ClassificationTask
from model_training.training.inputs import PixelInputs
from model_training.training.loop import begin, run_epochs, start_fabric
from model_training.training.memory import keeping_memory
from model_training.training.precision import has_bfloat16
from model_training.training.start import build_network, fit_on_features
from tests.benchmarks.results import PAINTINGS, WHERE, Entry, Table, publish

FOLDER = Path("build/bench/training")
#: What both do: every layer is trained by plain Adam, nothing is averaged.
SAME = [
    *("network.backbone=mobilenetv2_100", "network.head.stages=null", "network.unfreeze=all", "training.average=none"),
    *("training.optimizer=adam", "training.layer_decay=1", "training.weight_decay=0", "training.warmup_epochs=0"),
    *("training.schedule=constant", "training.patience=null", "augmentation.policy=none"),
]
TARGETS = {"faster_in_float32": (">=", 1.6), "faster_in_bfloat16": (">=", 2.5)}


def make_entry(bfloat16: bool) -> Entry:
    """`bfloat16`: whether it was measured, too."""
    rows = [("`hwapung train` in float32", "{float32_images_per_second:.1f}", "**{faster_in_float32:.2f}**")]
    if bfloat16:
        rows.append(("`hwapung train` in bfloat16", "{bfloat16_images_per_second:.1f}", "**{faster_in_bfloat16:.2f}**"))
    rows.append(("torchvision's `ImageFolder` and `DataLoader`", "{torchvision_images_per_second:.1f}", "1"))
    notes = [
        "{faster_over_ten_epochs_with_the_scan:.2f} times in float32 where the first reading of the pictures is spread "
        "over ten epochs."
    ]
    if not bfloat16:
        notes.append("This processor has no bfloat16.")
    return Entry(
        section="Training",
        title="Speed of training",
        command="make bench-training",
        data=PAINTINGS,
        tables=(Table(("", "pictures a second", "times as fast"), tuple(rows)),),
        notes=tuple(notes),
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True, help=PAINTINGS + WHERE)
    parser.add_argument("--weights", required=True)
    parser.add_argument("--size", type=int, default=112, help="of the pictures, in pixels: the webtoon recipe's")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--every", type=int, default=1, help="take each such picture only, for a first look")
    arguments = parser.parse_args()
    figures = measure_speed(arguments)
    for name, value in figures.items():
        print(f"{name}: {value:.2f}")
    setup = (
        f"MobileNetV2 at {arguments.size}×{arguments.size}, {figures['images']:.0f} pictures, all layers trained, "
        f"batches of 32, medians of {arguments.rounds} epochs in turn"
    )
    publish("training", make_entry("faster_in_bfloat16" in figures), figures, TARGETS, setup)


def measure_speed(arguments: argparse.Namespace) -> dict[str, float]:
    """Pictures a second of all, epoch by epoch in turn."""
    values = [f"preprocessing.height={arguments.size}", f"preprocessing.width={arguments.size}", "data.too_few=drop"]
    values += [f"network.pretrained={arguments.weights}", f"training.epochs={arguments.rounds + 1}"]
    recipe = load_recipe("landscape", [*SAME, *values])
    folder = only_class_folders(arguments.data, arguments.every)
    shutil.rmtree(FOLDER / "cache", ignore_errors=True)
    began = time.perf_counter()
    prepared = everything(prepare(recipe, folder, FOLDER / "cache"))
    scan = time.perf_counter() - began
    images = len(prepared.rows["train"])
    probe = fit_on_features(recipe, prepared, torch.device("cpu"))
    with ExitStack() as stack:
        runs = {"torchvision": stack.enter_context(apart(their_epochs, recipe, folder, len(prepared.dataset.labels)))}
        for precision in ("float32", "bfloat16") if has_bfloat16() else ("float32",):
            chosen = override(recipe, {"training.precision": precision})
            runs[precision] = stack.enter_context(apart(prepared_epochs, chosen, folder, probe))
        for next_epoch in runs.values():
            next_epoch()
        rounds = [{name: next_epoch() for name, next_epoch in runs.items()} for _ in range(arguments.rounds)]
    figures = {f"{name}_images_per_second": statistics.median(images / each[name] for each in rounds) for name in runs}
    figures |= {
        f"faster_in_{name}": statistics.median(each["torchvision"] / each[name] for each in rounds)
        for name in runs
        if name != "torchvision"
    }
    ten = statistics.median(10 * each["torchvision"] / (scan + 10 * each["float32"]) for each in rounds)
    return figures | {"faster_over_ten_epochs_with_the_scan": ten, "images": images}


@contextmanager
def apart(epochs: Callable[..., Iterator[float]], *arguments: Any) -> Iterator[Callable[[], float]]:
    """A process of its own for `epochs(*arguments)`; the function gives the next one's seconds. What one loop asks of
    the C library's allocator, or leaves in it, is nothing to the others."""
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    process = context.Process(target=_answer, args=(theirs, epochs, arguments))
    process.start()
    theirs.close()

    def next_epoch() -> float:
        ours.send(None)
        seconds: float = ours.recv()
        return seconds

    try:
        yield next_epoch
    finally:
        ours.close()
        process.join()


def _answer(asked: Connection, epochs: Callable[..., Iterator[float]], arguments: tuple[Any, ...]) -> None:
    running = epochs(*arguments)
    with suppress(EOFError):
        while True:
            asked.recv()
            asked.send(next(running))


def prepared_epochs(recipe: Recipe, folder: Path, probe: LinearProbe) -> Iterator[float]:
    """`our_epochs` on a folder's pictures, which the cache has."""
    return our_epochs(recipe, everything(prepare(recipe, folder, FOLDER / "cache", quiet=True)), probe)


def only_class_folders(data: Path, every: int = 1) -> Path:
    """The class folders without the manifest, so that both see the same pictures; of large ones each `every`-th."""
    folder = FOLDER / "data"
    shutil.rmtree(folder, ignore_errors=True)
    for each in sorted(data.iterdir()):
        if each.is_dir():
            (folder / each.name).mkdir(parents=True)
            paths = sorted(each.iterdir())
            for path in paths[:: every if len(paths) >= 10 * every else 1]:
                (folder / each.name / path.name).symlink_to(path.resolve())
    return folder


def everything(prepared: Prepared) -> Prepared:
    """All pictures to train on, one to validate: the rival does not validate either."""
    rows = np.sort(np.concatenate(list(prepared.rows.values())))
    return dataclasses.replace(prepared, rows={**prepared.rows, "train": rows, "validation": rows[:1]})


def our_epochs(recipe: Recipe, prepared: Prepared, probe: LinearProbe | None = None) -> Iterator[float]:
    """Seconds of each epoch of the loop that `hwapung train` runs. `probe`: to start the head from."""
    fabric = start_fabric("cpu")
    plain = build_network(recipe, prepared, probe).to(memory_format=torch.channels_last)
    inputs = PixelInputs(prepared, recipe.augmentation)
    state = begin(ClassificationTask(recipe, prepared, plain, plain, inputs), fabric)
    with keeping_memory():
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


if __name__ == "__main__":
    main()
