"""What a server does of an overload: five times as many requests as it can answer, sent at even times by as many
connections as it takes, whether or not the earlier ones were answered."""

from __future__ import annotations

import re
import selectors
import socket
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


LENGTH = re.compile(rb"\r\nContent-Length: (\d+)", re.IGNORECASE)


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


class Visitor:
    """A connection without a thread of its own, on which one request is under way at most. What a request takes of the
    processor is next to nothing: what is measured is the server's."""

    def __init__(self, url: str) -> None:
        parts = urlsplit(url)
        self.socket = socket.create_connection((parts.hostname or "", parts.port or 80))
        self.socket.setblocking(False)
        self._left = memoryview(b"")
        self._received = b""
        self.began = 0.0

    def begin(self, request: bytes) -> None:
        self._left, self._received, self.began = memoryview(request), b"", time.monotonic()

    @property
    def sends(self) -> bool:
        return bool(self._left)

    def go_on(self) -> Answered | None:
        """Send or receive what can be; the answer once it is whole."""
        try:
            if self._left:
                self._left = self._left[self.socket.send(self._left) :]
                return None
            data = self.socket.recv(2**16)
        except BlockingIOError:
            return None
        except OSError:
            data = b""
        self._received += data
        head, blank, body = self._received.partition(b"\r\n\r\n")
        length = LENGTH.search(head)
        if data and not (blank and length and len(body) >= int(length[1])):
            return None
        status = int(head.split(b" ", 2)[1]) if data else 0
        return Answered(status, time.monotonic(), time.monotonic() - self.began)


def ask_at_a_rate(url: str, images: list[bytes], rate: float, seconds: float) -> list[Answered]:
    """`rate` requests a second at even times, each on a connection that is free, else on a new one, however long the
    answers take."""
    parts = urlsplit(url)
    head = (
        f"POST {parts.path} HTTP/1.1\r\nHost: {parts.netloc}\r\nContent-Type: image/jpeg\r\nContent-Length: %d\r\n\r\n"
    )
    requests = [(head % len(image)).encode() + image for image in images]
    answers: list[Answered] = []
    free: list[Visitor] = []
    began, sent, wanted = time.monotonic(), 0, int(rate * seconds)
    with selectors.DefaultSelector() as selector:
        while len(answers) < wanted:
            now = time.monotonic()
            while sent < wanted and began + sent / rate <= now:
                visitor = free.pop() if free else Visitor(url)
                visitor.begin(requests[sent % len(requests)])
                selector.register(visitor.socket, selectors.EVENT_WRITE, visitor)
                sent += 1
            pause = began + sent / rate - now if sent < wanted else 1.0
            for key, _ in selector.select(max(pause, 0.0)):
                visitor = key.data
                answer = visitor.go_on()
                if answer:
                    answers.append(answer)
                    selector.unregister(visitor.socket)
                    if answer.status:
                        free.append(visitor)
                    else:
                        visitor.socket.close()
                elif not visitor.sends and key.events == selectors.EVENT_WRITE:
                    selector.modify(visitor.socket, selectors.EVENT_READ, visitor)
    for visitor in free:
        visitor.socket.close()
    return answers


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
