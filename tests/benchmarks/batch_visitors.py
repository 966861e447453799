"""The part of `bench-batch` that goes through the front end: how fast a batch is while nobody else is there, and what a
visitor with one picture at a time notices of it."""

from __future__ import annotations

import json
import statistics
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import requests

#: Pictures of one request, and those of which the batch behind a visitor has enough.
PICTURES = 320
#: A visitor asks, looks at the answer for so long, and asks again; and one who comes when nobody was there for a while.
LOOKS_SECONDS, AWAY_SECONDS = 0.7, 3.5
ASKS, FIRST_ASKS = 15, 5


def send(site: str, images: Sequence[Path]) -> requests.Response:
    """One batch, whose answers are still to be read."""
    files = [("data", (f"{n}.jpg", images[n % len(images)].read_bytes(), "image/jpeg")) for n in range(PICTURES)]
    return requests.post(f"{site}/api/v1/models/landscape/batch", files=files, stream=True, timeout=300)


def measure_rate(site: str, images: Sequence[Path]) -> float:
    """Pictures a second of one batch, from its first byte to its last answer."""
    started = time.perf_counter()
    with send(site, images) as response:
        last = [line for line in response.iter_lines() if line.startswith(b"data: ")][-1]
    summary = json.loads(last.removeprefix(b"data: "))
    assert summary["answered"] == PICTURES, summary
    return PICTURES / (time.perf_counter() - started)


@contextmanager
def batch_under_way(site: str, images: Sequence[Path]) -> Iterator[None]:
    """One batch after the other, until the end."""
    begun, stop = threading.Event(), threading.Event()

    def run() -> None:
        while not stop.is_set():
            with send(site, images) as response:
                for line in response.iter_lines():
                    if line == b"event: picture":
                        begun.set()
                    if stop.is_set():
                        break

    thread = threading.Thread(target=run)
    thread.start()
    begun.wait(60)
    try:
        yield
    finally:
        stop.set()
        thread.join()


def ask(site: str, image: bytes, asks: int, pause: float) -> list[float]:
    """Seconds of each answer to a visitor who asks, waits, and asks again."""
    found = []
    with requests.Session() as session:
        for _ in range(asks):
            time.sleep(pause)
            started = time.perf_counter()
            reply = session.post(
                f"{site}/api/v1/models/landscape/predict",
                data=image,
                headers={"Content-Type": "image/jpeg"},
                timeout=60,
            )
            assert reply.status_code == 200, reply.text
            found.append(time.perf_counter() - started)
    return found


def measure_visitors(site: str, images: Sequence[Path]) -> dict[str, float]:
    """Medians in milliseconds, of a visitor who is there, and of the first question of one who comes."""
    image = images[0].read_bytes()
    ask(site, image, 3, 0)
    alone = ask(site, image, ASKS, LOOKS_SECONDS)
    with batch_under_way(site, images):
        ask(site, image, 1, 0)
        behind = ask(site, image, ASKS, LOOKS_SECONDS)
        first = ask(site, image, FIRST_ASKS, AWAY_SECONDS)
    medians = {name: 1000 * statistics.median(each) for name, each in
               (("visitor_alone_ms", alone), ("visitor_ms", behind), ("first_question_ms", first))}  # fmt: skip
    return medians | {"visitor_over_alone": medians["visitor_ms"] / medians["visitor_alone_ms"]}
