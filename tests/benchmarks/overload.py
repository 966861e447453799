"""What a server does of an overload: five times as many requests as it can answer, sent at even times by as many
connections as it takes, whether or not the earlier ones were answered."""

from __future__ import annotations

import statistics
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from http.client import HTTPConnection, HTTPException
from typing import NamedTuple
from urllib.parse import urlsplit

import numpy as np

#: Connections whose questions fill a batch.
BATCH = 16
#: Of what can be answered: so much is asked for.
OVERLOAD = 5


class Answered(NamedTuple):
    status: int
    came: float
    seconds: float


class Asker:
    """A connection that is kept, from an address of this machine: a client's. By the standard library, since what
    requests does around one takes more of the processor than a refusal does."""

    def __init__(self, url: str, address: str = "127.0.0.1") -> None:
        self._parts = urlsplit(url)
        self._connection = HTTPConnection(self._parts.netloc, timeout=60, source_address=(address, 0))

    def ask(self, image: bytes) -> Answered:
        began = time.monotonic()
        try:
            self._connection.request("POST", self._parts.path, image, {"Content-Type": "image/jpeg"})
            response = self._connection.getresponse()
            response.read()
            status = response.status
        except (OSError, HTTPException):
            self._connection.close()
            status = 0
        return Answered(status, time.monotonic(), time.monotonic() - began)


def ask_steadily(
    url: str, images: list[bytes], connections: int, seconds: float, address: str = "127.0.0.1"
) -> list[Answered]:
    """Each connection asks again as soon as it has its answer."""
    until = time.monotonic() + seconds

    def ask(first: int) -> list[Answered]:
        answers, number = [], first
        asker = Asker(url, address)
        while time.monotonic() < until:
            answers.append(asker.ask(images[number % len(images)]))
            number += 1
        return answers

    with ThreadPoolExecutor(connections) as pool:
        return [each for answers in pool.map(ask, range(connections)) for each in answers]


def ask_at_a_rate(url: str, images: list[bytes], rate: float, seconds: float) -> list[Answered]:
    """`rate` requests a second, however long the answers take."""
    local = threading.local()

    def ask(number: int) -> Answered:
        if not hasattr(local, "asker"):
            local.asker = Asker(url)
        asker: Asker = local.asker
        return asker.ask(images[number % len(images)])

    began = time.monotonic()
    asked = []
    with ThreadPoolExecutor(128) as pool:
        for number in range(int(rate * seconds)):
            time.sleep(max(0.0, began + number / rate - time.monotonic()))
            asked.append(pool.submit(ask, number))
        return [each.result() for each in asked]


def measure_overload(url: str, images: list[bytes], seconds: float) -> dict[str, float]:
    ask_steadily(url, images, BATCH, 3)
    full = [each for each in ask_steadily(url, images, BATCH, seconds) if each.status == 200]
    peak, batch = len(full) / seconds, statistics.median(each.seconds for each in full)
    answers = ask_at_a_rate(url, images, OVERLOAD * peak, seconds)
    good = [each for each in answers if each.status == 200]
    refused = [each.seconds for each in answers if each.status == 503]
    greedy = threading.Thread(target=ask_steadily, args=(url, images, 2 * BATCH, seconds))
    greedy.start()
    time.sleep(1)
    other = [each for each in ask_steadily(url, images, 1, seconds - 2, "127.0.0.2") if each.status == 200]
    greedy.join()
    return {
        "peak": peak,
        "full_batch_p50_s": batch,
        "goodput": len(good) / (max(each.came for each in good) - min(each.came - each.seconds for each in good)),
        "overload_p50_s": statistics.median(each.seconds for each in good),
        "overload_p99_s": float(np.percentile([each.seconds for each in good], 99)),
        "refused_share": len(refused) / len(answers),
        "refused_p99_s": float(np.percentile(refused, 99)) if refused else 0.0,
        "failed": float(len(answers) - len(good) - len(refused)),
        "other_client_p50_s": statistics.median(each.seconds for each in other),
    }
