"""Keeps a server process running: sees that it has died or answers nobody, says so in a line, and starts it again."""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from types import FrameType
from typing import NoReturn, Protocol

from model_training.runtime.errors import ServingError

CHECK_SECONDS = 1.0
#: Deaths in a row before it was whole again, after which it is given up; the pauses between tries double.
MOST_DEATHS = 5
FIRST_PAUSE, LONGEST_PAUSE = 1.0, 30.0


Say = Callable[[str], None]


class Server(Protocol):
    """What is supervised. `name` is for people."""

    @property
    def name(self) -> str: ...

    def look_after(self, say: Say) -> str | None:
        """Why it is of no use any more, in a few words; None where it is. Called once a second; it can mend a part of
        itself meanwhile, and say so."""

    def launch(self) -> None:
        """Start it again at its old address, and return without waiting. Raises `ServingError`."""

    def is_whole(self) -> bool:
        """Whether everything that it serves answers."""


@contextmanager
def supervise(*servers: Server, say: Say) -> Iterator[None]:
    """Watch servers that are whole, from the main thread. `say` gets lines for people.

    Raises `ServingError`, in the middle of what the context's body does, when one of them dies again and again.
    """
    given_up: list[ServingError] = []

    def interrupt(number: int, frame: FrameType | None) -> NoReturn:
        raise given_up[0]

    def give_up(error: ServingError) -> None:
        given_up.append(error)
        signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGUSR1)

    before = signal.signal(signal.SIGUSR1, interrupt)
    ended = threading.Event()
    watchers = [threading.Thread(target=_Watch(each, say, give_up, ended).run, daemon=True) for each in servers]
    try:
        for watcher in watchers:
            watcher.start()
        yield
    finally:
        ended.set()
        for watcher in watchers:
            watcher.join()
        # Never back to the default, which ends the process: a last signal may still be on its way.
        signal.signal(signal.SIGUSR1, before if callable(before) else signal.SIG_IGN)


@dataclass(frozen=True)
class _Watch:
    server: Server
    say: Say
    give_up: Callable[[ServingError], None]
    ended: threading.Event

    def run(self) -> None:
        died_at, deaths = 0.0, 0
        while not self.ended.wait(CHECK_SECONDS):
            if fault := self.server.look_after(self.say):
                deaths += 1
                died_at = died_at or time.monotonic()
                if not self._revive(fault, deaths):
                    return
            elif deaths and self.server.is_whole():
                self.say(f"{self.server.name} answers again, after {time.monotonic() - died_at:.0f} s.")
                died_at, deaths = 0.0, 0

    def _revive(self, fault: str, deaths: int) -> bool:
        """Launch it, after a pause where it has just been launched in vain; False where it is given up."""
        if deaths > MOST_DEATHS:
            message = f"{self.server.name} {fault}, for the {deaths}th time in a row."
            self.give_up(ServingError(message, "Mend that and start it again."))
            return False
        pause = min(FIRST_PAUSE * 2 ** (deaths - 2), LONGEST_PAUSE) if deaths > 1 else 0.0
        when = f" in {pause:.0f} s" if pause else ""
        self.say(f"{self.server.name} {fault}. It is started again{when}.")
        if self.ended.wait(pause):
            return False
        try:
            self.server.launch()
        except ServingError as error:
            self.say(str(error))  # the next check finds that it does not run
        return True
