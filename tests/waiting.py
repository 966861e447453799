"""Waiting for what becomes true: as long as the slowest machine may take, and no longer than it does take."""

from __future__ import annotations

import random
import socket
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import TypeVar

T = TypeVar("T")

#: Seconds. Nothing that is waited for takes a hundredth of it, unless the machine stands still.
PATIENCE = 60.0


def wait_until(condition: Callable[[], object], seconds: float = PATIENCE) -> None:
    """Raises `AssertionError` where it has not become true after so many seconds."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, f"it is not so after {seconds:g} s"
        time.sleep(0.02)


def come_to_rest(measure: Callable[[], T], quiet: float = 0.5) -> T:
    """What is measured, once it has not changed for `quiet` seconds."""
    before, since = measure(), time.monotonic()
    deadline = since + PATIENCE
    while (now := time.monotonic()) < since + quiet:
        assert now < deadline, f"it still changes after {PATIENCE:g} s"
        time.sleep(0.02)
        if (found := measure()) != before:
            before, since = found, time.monotonic()
    return before


class Clock:
    """Time that a test moves, in place of a module's `time`."""

    def __init__(self) -> None:
        self.now = 1000.0

    def monotonic(self) -> float:
        return self.now

    time = monotonic

    def sleep(self, seconds: float) -> None:
        self.now += seconds


def free_port() -> int:
    """A port for a process that is still to be started. Of those that the system gives to nobody who asks for any, and
    by chance: so nobody else takes it meanwhile."""
    lowest = int(Path("/proc/sys/net/ipv4/ip_local_port_range").read_text().split()[0])
    choice = random.SystemRandom()
    for _ in range(1000):
        with suppress(OSError), socket.socket() as free:
            free.bind(("127.0.0.1", choice.randrange(10_000, lowest)))
            return int(free.getsockname()[1])
    raise OSError("no port is free")
