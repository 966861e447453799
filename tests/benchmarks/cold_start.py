"""`make bench-start`: seconds from `hwapung serve` to the first answer through the front end, and memory, by models.

One, three and six ResNet-18 at 224×224 in one store, the disk's cache warm. Memory is the proportional share (PSS) of
all processes: what several map alike counts once. Then each model draws a heatmap, for which its worker loads torch.
Writes `build/bench/cold_start.json` and exits 1 naming each target missed.
"""

from __future__ import annotations

import argparse
import json
import re
import shutil
import signal
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil
import requests

from model_training.datasets.prepare import prepare
from model_training.datasets.procedural import write_dataset
from model_training.packaging.bundle import make_bundle
from model_training.progress import console
from model_training.recipe import load_recipe
from model_training.training.classification import train
from model_training.training.loop import start_fabric
from tests.benchmarks.results import MADE_HERE, Entry, Table, publish
from torchserve.archive import build_archive

FOLDER = Path("build/bench/cold_start")
COUNTS = (1, 3, 6)
TARGETS = {"first_answer_seconds_1": ("<=", 8.0)}

ENTRY = Entry(
    section="Serving",
    title="Cold start and several models",
    command="make bench-start",
    data=MADE_HERE,
    tables=(
        Table(
            (
                "ResNet-18 in one store",
                "first answer, s",
                "every model answers, s",
                "memory, MB",
                "after a heatmap of each, MB",
                "first heatmap, s",
            ),
            tuple(
                (
                    str(count),
                    f"{{first_answer_seconds_{count}:.1f}}",
                    f"{{all_answer_seconds_{count}:.1f}}",
                    f"{{megabytes_{count}:.0f}}",
                    f"{{explained_megabytes_{count}:.0f}}",
                    f"{{first_heatmap_seconds_{count}:.1f}}",
                )
                for count in COUNTS
            ),
        ),
    ),
    notes=(
        "From the command `hwapung serve` on, the disk's cache warm. Memory is the proportional share (PSS) of all "
        "processes, TorchServe's Java and the front end among them: libraries that several map count once.",
        "A worker on a processor answers by OpenVINO and loads torch with its first heatmap.",
    ),
)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--counts", type=int, nargs="+", default=COUNTS, help="of models")
    arguments = parser.parse_args()
    bundle = make_model()
    image = next((bundle / "examples").glob("*.jpg")).read_bytes()
    figures: dict[str, float] = {}
    for count in arguments.counts:
        store = make_store(bundle, count)
        measure(store, count, image)  # warms the disk's cache
        rounds = [measure(store, count, image) for _ in range(arguments.rounds)]
        for key in rounds[0]:
            figures[f"{key}_{count}"] = statistics.median(each[key] for each in rounds)
    for name, value in figures.items():
        console.print(f"{name:28} {value:10.2f}")
    publish("cold_start", ENTRY, figures, TARGETS, f"medians of {arguments.rounds} starts")


def make_model() -> Path:
    """ResNet-18 after one epoch: its weights do not matter here."""
    data = FOLDER / "data"
    write_dataset(data, ("china", "japan"), 10)
    recipe = load_recipe("landscape_demo", ["name=landscape", "network.pretrained=false", "training.epochs=1"])
    prepared = prepare(recipe, data, FOLDER / "cache")
    return make_bundle(
        recipe, prepared, train(recipe, prepared, FOLDER / "runs", start_fabric("cpu")), FOLDER / "bundles"
    )


def make_store(bundle: Path, count: int) -> Path:
    """A store with `count` archives of one bundle under several names."""
    store = FOLDER / f"store_{count}"
    shutil.rmtree(store, ignore_errors=True)
    for number in range(count):
        copy = shutil.copytree(bundle, FOLDER / "copies" / f"model_{number}", dirs_exist_ok=True)
        card = json.loads((bundle / "card.json").read_text("utf-8"))
        (copy / "card.json").write_text(json.dumps(card | {"name": f"model_{number}"}), "utf-8")
        build_archive(copy, store)
    return store


def measure(store: Path, count: int, image: bytes) -> dict[str, float]:
    started = time.perf_counter()
    with serve(store) as (process, address):
        paths = [f"{address}/api/v1/models/model_{number}" for number in range(count)]
        ask(f"{paths[0]}/predict", image)
        figures = {"first_answer_seconds": time.perf_counter() - started}
        for path in paths:
            ask(f"{path}/predict", image)
        figures["all_answer_seconds"] = time.perf_counter() - started
        figures["megabytes"] = memory(process)
        before = time.perf_counter()
        ask(f"{paths[0]}/explain", image)
        figures["first_heatmap_seconds"] = time.perf_counter() - before
        for path in paths[1:]:
            ask(f"{path}/explain", image)
        figures["explained_megabytes"] = memory(process)
    return figures


@contextmanager
def serve(store: Path) -> Iterator[tuple[psutil.Process, str]]:
    """`hwapung serve` as somebody types it; yields the process and the address that it says to open."""
    command = [sys.executable, "-u", "-m", "hwapung", "serve", "--store", str(store), "--port", "0"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    try:
        assert process.stdout is not None
        said = [""]
        for line in process.stdout:
            said.append(line)
            if found := re.search(r"Open (http://\S+)", line):
                yield psutil.Process(process.pid), found[1]
                break
        else:
            sys.exit(f"hwapung serve: {''.join(said[-5:])}")
    finally:
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=60)


def ask(url: str, image: bytes) -> None:
    response = requests.post(url, data=image, headers={"Content-Type": "image/jpeg"}, timeout=60)
    assert response.status_code == 200, response.text


def memory(process: psutil.Process) -> float:
    """The proportional share of a process and all its descendants, in MB."""
    family = [process, *process.children(recursive=True)]
    return float(sum(each.memory_full_info().pss for each in family)) / 1e6


if __name__ == "__main__":
    main()
