"""What `bench-serving` asks, how it asks, and what that costs the machine."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import time
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import psutil
import requests

from model_training.runtime.model import Model
from tests.benchmarks.serving_material import FOLDER
from torchserve.archive import build_archive
from torchserve.server import TorchServe
from torchserve.settings import read_settings


@dataclass(frozen=True)
class Asked:
    """What a load found: answers a second, the latency of each in ms, and of each group of processes that was watched
    the milliseconds of a core that an answer took; `idle` is the share of all cores' time that nobody used."""

    rate: float
    latencies_ms: list[float]
    core_ms: Mapping[str, float]
    idle: float

    def percentile(self, percent: float) -> float:
        return float(np.percentile(self.latencies_ms, percent))


@contextmanager
def serving(bundles: Sequence[Path], **settings: int) -> Iterator[TorchServe]:
    """TorchServe with these bundles, all of them ready."""
    store = FOLDER / "model_store"
    for old in store.glob("*.mar"):
        old.unlink()
    for bundle in bundles:
        build_archive(bundle, store)
    with TorchServe(store, read_settings(port=0, metrics_port=0, management_port=0, **settings)) as server:
        for name in server.models:
            server.wait_until_ready(name)
        yield server


def list_processes(server: TorchServe) -> dict[str, list[psutil.Process]]:
    assert server._group is not None
    java = psutil.Process(server._group.pid)
    return {"java": [java], "worker": java.children(recursive=True)}


def count_memory(server: TorchServe) -> float:
    """MB that Java and the workers hold, what they share counted once."""
    return sum(each.memory_full_info().pss for group in list_processes(server).values() for each in group) / 2**20


@contextmanager
def rival(kind: str, bundle: Path) -> Iterator[str]:
    """One of `rivals` on a free port; yields the address that it predicts at."""
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


def load(
    url: str,
    connections: int,
    seconds: float,
    form: str,
    images: Sequence[Path],
    watched: Mapping[str, Sequence[psutil.Process]] | None = None,
) -> Asked:
    """Ask `url` over so many connections for so long. The load comes from a process of its own.

    `form`: as `tests.benchmarks.load` has it; `watched`: groups of processes whose time is counted.
    """
    command = [sys.executable, "-m", "tests.benchmarks.load", url, str(connections), str(seconds), form]
    before, idle_before, started = _count(watched), _idle_seconds(), time.perf_counter()
    done = subprocess.run([*command, *map(str, images)], capture_output=True, text=True, check=False)
    elapsed = time.perf_counter() - started
    if done.returncode:
        sys.exit(f"{url}: {done.stderr.strip().splitlines()[-1]}")
    result = json.loads(done.stdout)
    answers = result["answers"]
    used = {name: 1000 * (seconds - before[name]) / answers for name, seconds in _count(watched).items()}
    idle = (_idle_seconds() - idle_before) / elapsed / (psutil.cpu_count() or 1)
    return Asked(
        answers / result["seconds"],
        result["latencies_ms"],
        used | {"load": 1000 * result["cpu_seconds"] / answers},
        idle,
    )


def ask_in_process(model: Model, images: Sequence[Path], seconds: float) -> Asked:
    """The limit: all images as one batch, again and again, without HTTP. A latency is a batch's."""
    batch = [path.read_bytes() for path in images]
    model.answer(batch)
    latencies: list[float] = []
    idle, started = _idle_seconds(), time.perf_counter()
    while time.perf_counter() - started < seconds:
        before = time.perf_counter()
        model.answer(batch)
        latencies.append((time.perf_counter() - before) * 1000)
    elapsed = time.perf_counter() - started
    idle = (_idle_seconds() - idle) / elapsed / (psutil.cpu_count() or 1)
    return Asked(len(latencies) * len(batch) / elapsed, latencies, {}, idle)


def _count(watched: Mapping[str, Sequence[psutil.Process]] | None) -> dict[str, float]:
    """Seconds of a core that each group has used so far."""
    used: dict[str, float] = defaultdict(float)
    for name, processes in (watched or {}).items():
        for process in processes:
            times = process.cpu_times()
            used[name] += times.user + times.system
    return used


def _idle_seconds() -> float:
    return float(psutil.cpu_times().idle)
