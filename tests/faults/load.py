"""A mixed load on a site, and the count of what became of it."""

from __future__ import annotations

import random
import threading
import time
from collections import Counter
from dataclasses import dataclass, field

from tests.faults.answers import Answer, Fate
from tests.faults.polite import Known, Polite
from tests.faults.rude import Rude
from tests.faults.site import CONNECTIONS, Crowd, Site

RUDE_SHARE = 0.1
#: Seconds that a client waits who was told to come again, or found nobody.
PAUSE = 0.1
#: A connection that breaks is noticed so much later at most.
NOTICED = 2.0


@dataclass
class Window:
    """From a fault until all is whole again, by the monotonic clock; `breaks`: the front end itself was struck, so
    that connections that it held, or would have taken, break."""

    name: str
    began: float
    breaks: bool
    ended: float = float("inf")


@dataclass
class Tally:
    """What became of the requests. A connection that broke while the front end itself was down is `excused`."""

    counts: Counter[tuple[str, Fate]] = field(default_factory=Counter)
    windows: list[Window] = field(default_factory=list)
    _broken: list[Answer] = field(default_factory=list)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def add(self, answer: Answer) -> None:
        with self._lock:
            self.counts[answer.sort, answer.fate] += 1
            if answer.fate not in (Fate.RIGHT, Fate.TYPED, Fate.LEFT):
                self._broken.append(answer)

    def total(self, *fates: Fate) -> int:
        with self._lock:
            return sum(count for (_, fate), count in self.counts.items() if not fates or fate in fates)

    def list_faults(self, fate: str | None = None) -> list[Answer]:
        """The answers that must not be: `lost`, `untyped` or `wrong`; by default all."""
        faults = [each for each in list(self._broken) if not self._is_excused(each)]
        return [each for each in faults if fate is None or name_fault(each) == fate]

    def list_excused(self) -> list[Answer]:
        return [each for each in list(self._broken) if self._is_excused(each)]

    def find_window(self, answer: Answer) -> Window | None:
        """The fault that was there while a request was under way."""
        return next(
            (each for each in self.windows if each.began <= answer.ended and answer.began <= each.ended + NOTICED), None
        )

    def _is_excused(self, answer: Answer) -> bool:
        return answer.fate in (Fate.REFUSED, Fate.CUT) and any(
            each.breaks and each.began <= answer.ended and answer.began <= each.ended + NOTICED for each in self.windows
        )


def name_fault(answer: Answer) -> str:
    return "lost" if answer.fate in (Fate.REFUSED, Fate.CUT) else answer.fate.value


class Load(Crowd):
    """So many connections that ask without a pause, a tenth of it rude; a context manager. `most`: requests after which
    it ends by itself. The seed and the connection's number decide what each asks."""

    def __init__(
        self,
        site: Site,
        known: Known,
        seed: int,
        tally: Tally | None = None,
        connections: int = CONNECTIONS,
        most: int | None = None,
    ) -> None:
        self.tally = tally or Tally()
        super().__init__(connections)
        self._site, self._known, self._seed, self._left = site, known, seed, most
        self._lock = threading.Lock()

    def is_done(self) -> bool:
        return all(each.done() for each in self._asking)

    def _may_ask(self) -> bool:
        with self._lock:
            if self._left is None:
                return not self._stop.is_set()
            self._left -= 1
            return self._left >= 0 and not self._stop.is_set()

    def _ask(self, number: int) -> None:
        choice = random.Random(f"{self._seed} {number}")
        polite, rude = Polite(self._site, self._known), Rude(self._site, self._known)
        while self._may_ask():
            client = rude if choice.random() < RUDE_SHARE else polite
            began = time.monotonic()
            answer = client.ask(choice)
            answer.began, answer.ended = began, time.monotonic()
            self.tally.add(answer)
            if answer.fate not in (Fate.RIGHT, Fate.LEFT):
                self._stop.wait(PAUSE)
