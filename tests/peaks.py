"""How much more is measured than at first, at most."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager


class Peak:
    """`bytes`: the most that `measure` has given so far while it was watched, beyond what it gave at first."""

    def __init__(self, measure: Callable[[], int], every: float) -> None:
        """`every`: seconds between two looks."""
        self._measure, self._every = measure, every
        self._before = measure()
        self.bytes = 0

    @contextmanager
    def watch(self) -> Iterator[None]:
        stop = threading.Event()

        def look() -> None:
            while not stop.wait(self._every):
                self.bytes = max(self.bytes, self._measure() - self._before)

        thread = threading.Thread(target=look)
        thread.start()
        try:
            yield
        finally:
            stop.set()
            thread.join()
