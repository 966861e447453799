"""`make bench-video`: a film of 60 s, 1280×720, at two frames a second through the front end, upload included.

Two models: ResNet-18 at 224×224, and the small network at 32×32. Then the same film twenty times over, as one of 20
minutes, to see whether the front end's memory grows. Writes `build/bench/video.json`, prints a table, exits 1 naming
each target missed.
"""

from __future__ import annotations

import argparse
import json
import statistics
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import psutil
import requests

from hwapung.local import front_end
from model_training.datasets.prepare import prepare
from model_training.datasets.procedural import draw, write_dataset
from model_training.packaging.bundle import make_bundle
from model_training.progress import console
from model_training.recipe import load_recipe
from model_training.training.classification import train
from model_training.training.loop import start_fabric
from tests.benchmarks.results import MADE_HERE, Entry, Table, describe_machine, publish
from torchserve.archive import build_archive
from torchserve.server import TorchServe
from torchserve.settings import read_settings

FOLDER = Path("build/bench/video")
SECONDS, RATE, SIZE, SHOWN_PER_SECOND = 60, 2, (1280, 720), 30
TIMES_OVER = 20
MODELS = {
    "resnet18": ["network.pretrained=false", "training.epochs=1"],
    "small": [
        "network.backbone=mobilenetv3_small_050",
        "network.pretrained=false",
        "preprocessing.height=32",
        "preprocessing.width=32",
        "training.epochs=1",
    ],
}
TARGETS = {
    "resnet18_times_real_time": (">=", 12 if "no VNNI" in describe_machine() else 20),
    "small_times_real_time": (">=", 10),
    "memory_long_over_short": ("<=", 1.15),
}

ENTRY = Entry(
    section="Video",
    title="A film through the front end",
    command="make bench-video",
    data=MADE_HERE + f": {SIZE[0]}×{SIZE[1]} H.264 with B frames and a key frame every 8 s",
    tables=(
        Table(
            ("network", "times as fast as the film plays"),
            (
                ("ResNet-18 at 224×224", "{resnet18_times_real_time:.1f}"),
                ("a small network at 32×32, as `ai_vs_real_small` may have", "{small_times_real_time:.0f}"),
            ),
        ),
    ),
    notes=(
        f"The front end's processes hold {{memory_long_megabytes:.0f}} MB for a film {TIMES_OVER} times as long, "
        "{memory_short_megabytes:.0f} MB for the short one.",
    ),
)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=int, default=SECONDS, help="of the short film")
    arguments = parser.parse_args()
    FOLDER.mkdir(parents=True, exist_ok=True)
    film, long = make_films(arguments.seconds)
    figures: dict[str, float] = {
        "film_megabytes": film.stat().st_size / 1e6,
        "long_megabytes": long.stat().st_size / 1e6,
    }
    for name, overrides in MODELS.items():
        with serving(name, overrides) as address:
            took(address, film)  # warm up
            figures[f"{name}_times_real_time"] = arguments.seconds / statistics.median(
                took(address, film) for _ in range(arguments.rounds)
            )
            if name == "small":
                with memory() as short:
                    took(address, film)
                with memory() as whole:
                    seconds = took(address, long)
                figures |= {
                    "memory_short_megabytes": short[0] / 1e6,
                    "memory_long_megabytes": whole[0] / 1e6,
                    "memory_long_over_short": whole[0] / short[0],
                    "long_times_real_time": arguments.seconds * TIMES_OVER / seconds,
                }
    report(figures)


def make_films(seconds: int) -> tuple[Path, Path]:
    """H.264 as a telephone writes it, with P and B frames and a key frame every 8 s: a camera that wanders over drawn
    landscapes, a new one every 5 s. The long one repeats its packets."""
    film, long = FOLDER / f"film-{seconds}.mp4", FOLDER / f"film-{seconds}-{TIMES_OVER}.mp4"
    if not long.exists():
        _draw_film(film, seconds)
        _repeat(film, long, seconds)
    return film, long


def _draw_film(path: Path, seconds: int) -> None:
    grain = np.random.default_rng(0).integers(-6, 7, (4, SIZE[1], SIZE[0], 1), np.int16)
    with av.open(path, "w") as container:
        stream = container.add_stream("libx264", rate=SHOWN_PER_SECOND)
        stream.width, stream.height = SIZE
        stream.pix_fmt = "yuv420p"
        stream.options = {"preset": "veryfast", "crf": "23", "g": "240", "bf": "2"}
        for number in range(seconds * SHOWN_PER_SECOND):
            scene, step = divmod(number, 5 * SHOWN_PER_SECOND)
            if step == 0:
                kind = "china" if scene % 2 else "japan"
                landscape = np.asarray(draw(kind, scene, 1600).resize((1600, 900))).astype(np.int16)
            left, top = step * 2, step
            view = landscape[top : top + SIZE[1], left : left + SIZE[0]] + grain[number % 4]
            frame = av.VideoFrame.from_ndarray(view.clip(0, 255).astype(np.uint8), "rgb24")
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))


def _repeat(path: Path, long: Path, seconds: int) -> None:
    with av.open(long, "w") as output:
        stream = None
        for turn in range(TIMES_OVER):
            with av.open(path) as film:
                source = film.streams.video[0]
                stream = stream or output.add_stream_from_template(source)
                shift = int(turn * seconds / Fraction(source.time_base or 1))
                for packet in film.demux(source):
                    if packet.dts is None or packet.pts is None:
                        continue
                    packet.pts, packet.dts = packet.pts + shift, packet.dts + shift
                    packet.stream = stream
                    output.mux(packet)


@contextmanager
def serving(name: str, overrides: list[str]) -> Iterator[str]:
    """The front end before a TorchServe with one model after one epoch: its weights do not matter here."""
    data = FOLDER / "data"
    write_dataset(data, ("china", "japan"), 10)
    recipe = load_recipe("landscape_demo", ["name=landscape", *overrides])
    prepared = prepare(recipe, data, FOLDER / "cache")
    trained = train(recipe, prepared, FOLDER / "runs", start_fabric("cpu"))
    store = FOLDER / name
    build_archive(make_bundle(recipe, prepared, trained, FOLDER / f"bundles-{name}"), store)
    with ExitStack() as stack:
        server = stack.enter_context(TorchServe(store, read_settings(port=0, metrics_port=0, management_port=0)))
        server.wait_until_ready("landscape")
        yield stack.enter_context(front_end(server.inference_url, ["landscape"], 0))


def took(address: str, film: Path) -> float:
    """Seconds from the first byte of the upload to the result."""
    began = time.perf_counter()
    headers = {"Content-Type": "video/mp4"}
    with film.open("rb") as body, requests.post(
        f"{address}/api/v1/models/landscape/video", params={"rate": RATE}, data=body, headers=headers, stream=True,
        timeout=60,
    ) as response:  # fmt: skip
        assert response.status_code == 200, response.text
        last = [line for line in response.iter_lines() if line.startswith(b"data: ")][-1]
    assert json.loads(last.removeprefix(b"data: "))["complete"], last
    return time.perf_counter() - began


@contextmanager
def memory() -> Iterator[list[float]]:
    """The most memory, in bytes, that the front end's processes together had of their own meanwhile."""
    most, done = [0.0], threading.Event()
    processes = [
        process for process in psutil.Process().children(recursive=True) if "gunicorn" in " ".join(process.cmdline())
    ]
    assert processes, "there is no gunicorn to measure"

    def watch() -> None:
        while not done.wait(0.1):
            most[0] = max(most[0], float(sum(process.memory_full_info().uss for process in processes)))

    watcher = threading.Thread(target=watch)
    watcher.start()
    try:
        yield most
    finally:
        done.set()
        watcher.join()


def report(figures: dict[str, float]) -> None:
    for name, value in figures.items():
        console.print(f"{name:28} {value:10.2f}")
    setup = f"a film of {SECONDS} s at {RATE} frames a second, upload included, medians; one {TIMES_OVER} times as long"
    publish("video", ENTRY, figures, TARGETS, setup)


if __name__ == "__main__":
    main()
