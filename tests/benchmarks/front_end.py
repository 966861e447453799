"""`python -m tests.benchmarks.front_end`: the processor time that the front end takes for a prediction.

Before a model server that costs nothing: it answers at once, or one request after the other as a TorchServe would that
answers some 150 a second. What is counted is the user and system time of gunicorn's processes, so that the load and the
model server have no part in it. Writes `build/bench/front_end.json` and exits 1 naming each target missed.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import socket
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil
import requests

from model_training.datasets.procedural import draw
from tests.benchmarks.results import MADE_HERE, Entry, publish
from tests.benchmarks.serving_servers import load

FOLDER = Path("build/bench/front_end")
#: name → (connections, seconds that the model server takes for each answer, one after the other)
LOADS = {"busy": (1, 0.0), "paced": (16, 0.0055)}
TARGETS = {"busy_ms": ("<=", 0.8), "paced_ms": ("<=", 0.8)}
ENTRY = Entry(
    section="Serving",
    title="What the front end takes",
    command="python -m tests.benchmarks.front_end",
    data=MADE_HERE,
    notes=(
        "A JPEG of 800 pixels costs the front end {busy_ms:.2f} ms of processor time where one client sends them as "
        "fast as it can ({busy_rate:.0f} a second), and {paced_ms:.2f} ms at 16 connections before a model server that "
        "answers {paced_rate:.0f} a second: then each request wakes a thread that has slept.",
    ),
)
ANSWER = json.dumps(
    {"class": "china", "confidence": 0.97, "probabilities": {"china": 0.97, "japan": 0.03}, "verdict": "sure"}
).encode()


class ModelServer(asyncio.Protocol):
    """Reads whole requests and puts whoever waits for an answer into a queue."""

    def __init__(self, waiting: asyncio.Queue[asyncio.Transport]) -> None:
        self._waiting = waiting
        self._head = b""
        self._missing = 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        if self._missing:
            self._missing -= len(data)
        else:
            self._head += data
            head, end, body = self._head.partition(b"\r\n\r\n")
            if not end:
                return
            self._head = b""
            self._missing = int(head.lower().partition(b"content-length:")[2].partition(b"\r\n")[0]) - len(body)
        if not self._missing:
            self._waiting.put_nowait(self._transport)


async def serve(port: int, seconds: float) -> None:
    waiting: asyncio.Queue[asyncio.Transport] = asyncio.Queue()
    await asyncio.get_running_loop().create_server(lambda: ModelServer(waiting), "127.0.0.1", port)
    while True:
        client = await waiting.get()
        if seconds:
            await asyncio.sleep(seconds)
        client.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(ANSWER) + ANSWER)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=4, help="of each measurement")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--serve", nargs=2, type=float, help="internal: port and seconds of the model server")
    arguments = parser.parse_args()
    if arguments.serve:
        asyncio.run(serve(int(arguments.serve[0]), arguments.serve[1]))
    FOLDER.mkdir(parents=True, exist_ok=True)
    picture = FOLDER / "web.jpg"
    draw("china", 1001, 800).save(picture, quality=90)
    figures: dict[str, float] = {}
    for name, (connections, seconds) in LOADS.items():
        with started(seconds) as (address, process):
            load(address, connections, 1, "raw", [picture])
            taken = [
                measure(address, process, connections, arguments.seconds, picture) for _ in range(arguments.rounds)
            ]
        for key, values in zip(("ms", "rate"), zip(*taken, strict=True), strict=True):
            figures[f"{name}_{key}"] = round(statistics.median(values), 3)
    print("\n".join(f"{name}: {value:.2f}" for name, value in figures.items()))
    publish("front_end", ENTRY, figures, TARGETS, f"{arguments.rounds} rounds of {arguments.seconds:g} s, medians")


def measure(
    address: str, process: psutil.Process, connections: int, seconds: float, picture: Path
) -> tuple[float, float]:
    """Milliseconds of processor time an answer, and answers a second."""
    before = processor_seconds(process)
    asked = load(address, connections, seconds, "raw", [picture])
    return (processor_seconds(process) - before) / len(asked.latencies_ms) * 1000, asked.rate


def processor_seconds(process: psutil.Process) -> float:
    times = [each.cpu_times() for each in (process, *process.children(recursive=True))]
    return sum(each.user + each.system for each in times)


@contextmanager
def started(seconds: float) -> Iterator[tuple[str, psutil.Process]]:
    """The front end before a model server that takes so long; yields the address to ask and the first process."""
    behind, port = free_port(), free_port()
    settings = {
        "HWAPUNG_MODEL_SERVER_URL": f"http://127.0.0.1:{behind}",
        "HWAPUNG_BIND": f"127.0.0.1:{port}",
        "HWAPUNG_LOG_LEVEL": "warning",
    }
    command = [sys.executable, "-m", "tests.benchmarks.front_end", "--serve", str(behind), str(seconds)]
    front_end = [sys.executable, "-m", "frontend"]
    with subprocess.Popen(command) as server, subprocess.Popen(front_end, env=os.environ | settings) as front:
        try:
            deadline = time.monotonic() + 60
            while not answers(f"http://127.0.0.1:{port}/readyz"):
                assert time.monotonic() < deadline, "the front end did not start"
                time.sleep(0.1)
            yield f"http://127.0.0.1:{port}/api/v1/models/landscape/predict", psutil.Process(front.pid)
        finally:
            front.terminate()
            server.terminate()


def answers(url: str) -> bool:
    try:
        return requests.get(url, timeout=5).ok
    except requests.RequestException:
        return False


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


if __name__ == "__main__":
    main()
