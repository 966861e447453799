"""Of `bench-reliability`: crowds and slow connections before a network of a usual size."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from urllib.parse import urlsplit

import requests

from hwapung.local import serving
from tests.benchmarks.overload import BATCH, ask_steadily, measure_overload
from tests.benchmarks.serving_material import FOLDER, make_images, make_served_bundle
from tests.faults.strikes import slow_senders
from torchserve.archive import build_archive

SLOW = 500
#: Of the good ones' rate with slow connections and without, one after the other.
ROUNDS = 3


@cache
def make_store() -> Path:
    store = FOLDER / "reliability_store"
    for old in store.glob("*.mar"):
        old.unlink()
    build_archive(make_served_bundle(), store)
    return store


@contextmanager
def served() -> Iterator[str]:
    with serving(make_store()) as address:
        yield f"{address}/api/v1/models/landscape/predict"


def measure_crowd(seconds: float) -> dict[str, float]:
    images = [path.read_bytes() for path in make_images()["web"]]
    with served() as url, asking_health(url) as health:
        figures = measure_overload(url, images, seconds)
    batch = figures["full_batch_p50_s"]
    return figures | {
        "overload_health_s": max(health),
        "goodput_over_peak": figures["goodput"] / figures["peak"],
        "overload_p99_over_full_batch": figures["overload_p99_s"] / batch,
        "other_client_p50_over_full_batch": figures["other_client_p50_s"] / batch,
    }


@contextmanager
def asking_health(url: str) -> Iterator[list[float]]:
    """Yields the seconds that `/healthz` took, ten times a second; 60 where it did not answer."""
    took: list[float] = []
    stop = threading.Event()
    address = "{0.scheme}://{0.netloc}/healthz".format(urlsplit(url))

    def ask() -> None:
        while not stop.wait(0.1):
            began = time.monotonic()
            try:
                answers = requests.get(address, timeout=60).ok
            except requests.RequestException:
                answers = False
            took.append(time.monotonic() - began if answers else 60.0)

    thread = threading.Thread(target=ask)
    thread.start()
    try:
        yield took
    finally:
        stop.set()
        thread.join()


def measure_slow(seconds: float) -> dict[str, float]:
    images = [path.read_bytes() for path in make_images()["web"]]

    def count(url: str) -> int:
        return sum(each.status == 200 for each in ask_steadily(url, images, BATCH, seconds))

    without = beside = 0
    with served() as url:
        count(url)
        port = urlsplit(url).port or 80
        for _ in range(ROUNDS):
            without += count(url)
            with slow_senders(port, SLOW) as connections:
                beside += count(url)
                held = len(connections)
    return {
        "slow_connections": held,
        "good_alone": without / (ROUNDS * seconds),
        "good_beside": beside / (ROUNDS * seconds),
        "good_beside_slow": beside / without,
    }
