"""What can happen to a site: a process dies or stands still, a folder is full, crowds come."""

from __future__ import annotations

import os
import random
import signal
import socket
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass

import psutil
import urllib3

from tests.alike import are_alike
from tests.faults.answers import Answer, Fate
from tests.faults.load import Window
from tests.faults.polite import MODEL, Known, Polite
from tests.faults.rude import SORTS, Request, Rude, compose
from tests.faults.site import DECODER, FILM_DECODER, GUNICORN, JAVA, WORKER, Site
from tests.faults.stage import Stage
from tests.frontend.video.films import make_film
from tests.hostile import make_runs

#: Seconds in which all is whole again.
RECOVERY = 15.0
#: So long it is waited for: longer, so that it can be said how long it took.
LONGEST = 90.0
LOOK_SECONDS = 0.2

#: Does harm; what it chooses at random it chooses by this.
Act = Callable[[Stage, random.Random], None]


@dataclass(frozen=True)
class Strike:
    """`act` returns when the harm is done, or over. `breaks`: the front end's own processes are struck, so that the
    connections in their hands break. `lasts`: `act` takes as long as the harm, which recovery is counted from."""

    act: Act
    breaks: bool = False
    lasts: bool = False

    def run(self, name: str, stage: Stage, choice: random.Random) -> float:
        """Seconds until all was whole again; infinite where it was not within `LONGEST`."""
        window = Window(name, time.monotonic(), self.breaks)
        stage.tally.windows.append(window)
        self.act(stage, choice)
        took = wait_until_whole(stage.site, stage.known, time.monotonic() if self.lasts else window.began)
        window.ended = time.monotonic()
        return took


def _signal(find: Callable[[Site], list[psutil.Process]], number: signal.Signals) -> Act:
    def act(stage: Stage, choice: random.Random) -> None:
        found = find(stage.site)
        if found:
            with suppress(psutil.NoSuchProcess):
                choice.choice(found).send_signal(number)

    return act


def find_masters(site: Site) -> list[psutil.Process]:
    """gunicorn's first process: the last one without a parent of its kind, since workers outlive theirs."""
    parents = _find_parents(site.find(GUNICORN))
    pids = {each.pid for each in parents}
    return [each for each, parent in parents.items() if parent not in pids][-1:]


def find_front_workers(site: Site) -> list[psutil.Process]:
    masters = {each.pid for each in find_masters(site)}
    return [each for each, parent in _find_parents(site.find(GUNICORN)).items() if parent in masters]


def _find_parents(processes: list[psutil.Process]) -> dict[psutil.Process, int]:
    """Each process's parent; of those that have ended meanwhile nothing."""
    parents = {}
    for each in processes:
        with suppress(psutil.NoSuchProcess):
            parents[each] = each.ppid()
    return parents


def _kill_decoder(stage: Stage, choice: random.Random) -> None:
    """In the middle of a picture that is dear to decode."""
    request = Request(compose(make_runs(2000, 1500)))
    _kill_meanwhile(stage, lambda: Rude(stage.site, stage.known).send("dear picture", request), DECODER)


def _kill_film_decoder(stage: Stage, choice: random.Random) -> None:
    """In the middle of a film, or the process that it is forked from: the youngest of either."""
    film = make_film(seconds=20, size=(320, 240))
    polite = Polite(stage.site, stage.known)
    _kill_meanwhile(stage, lambda: polite.ask_about_film(film), FILM_DECODER)


def _kill_meanwhile(stage: Stage, ask: Callable[[], Answer], words: str) -> None:
    with ThreadPoolExecutor(1) as pool:
        began = time.monotonic()
        asked = pool.submit(ask)
        time.sleep(0.2)
        while not asked.done():
            if found := stage.site.find(words):
                with suppress(psutil.NoSuchProcess):
                    found[-1].kill()
                break
        answer = asked.result()
        answer.began, answer.ended = began, time.monotonic()
        stage.tally.add(answer)


def _fill(stage: Stage, choice: random.Random) -> None:
    """No byte more goes into the temporary folder for five seconds."""
    assert stage.scratch
    filler = stage.scratch / "filler"
    try:
        with suppress(OSError), filler.open("wb", buffering=0) as file:
            while file.write(bytes(2**20)):
                pass
        time.sleep(5)
    finally:
        filler.unlink()


def _flood_methods(stage: Stage, choice: random.Random) -> None:
    """2,000 requests with methods that nobody knows."""
    rude = Rude(stage.site, stage.known)
    seeds = [choice.random() for _ in range(8)]

    def send(seed: float) -> None:
        own = random.Random(seed)
        for _ in range(250):
            began = time.monotonic()
            answer = rude.send("invented method", SORTS["invented method"](own, stage.known))
            answer.began = began
            stage.tally.add(answer)

    with ThreadPoolExecutor(len(seeds)) as pool:
        list(pool.map(send, seeds))


@contextmanager
def slow_senders(port: int, count: int) -> Iterator[list[socket.socket]]:
    """So many connections that send a byte each second, of a head or of a body."""
    connections: list[socket.socket] = []
    line = f"POST {MODEL}/predict HTTP/1.1\r\nHost: localhost\r\n".encode()
    heads = (line + b"X: ", line + b"Content-Length: 1000000\r\n\r\n")
    for number in range(count):
        with suppress(OSError):
            connection = socket.create_connection(("127.0.0.1", port), 10)
            connection.sendall(heads[number % 2])
            connections.append(connection)
    stop = False

    def drip() -> None:
        while not stop:
            for connection in connections:
                with suppress(OSError):
                    connection.send(b"x", socket.MSG_DONTWAIT)
                if stop:
                    return
            time.sleep(1)

    with ThreadPoolExecutor(1) as pool:
        pool.submit(drip)
        try:
            yield connections
        finally:
            stop = True
            for connection in connections:
                connection.close()


def _flood_slowly(stage: Stage, choice: random.Random) -> None:
    with slow_senders(stage.site.port, 300):
        time.sleep(6)


def _crowd(stage: Stage, choice: random.Random) -> None:
    """64 connections more ask for six seconds."""
    until = time.monotonic() + 6
    seeds = [choice.random() for _ in range(64)]

    def ask(seed: float) -> None:
        own, polite = random.Random(seed), Polite(stage.site, stage.known)
        while time.monotonic() < until:
            began = time.monotonic()
            answer = polite.predict(own)
            answer.began = began
            stage.tally.add(answer)
            if answer.fate is not Fate.RIGHT:
                time.sleep(0.1)

    with ThreadPoolExecutor(len(seeds)) as pool:
        list(pool.map(ask, seeds))


def _of(words: str) -> Callable[[Site], list[psutil.Process]]:
    return lambda site: site.find(words)


STRIKES: dict[str, Strike] = {
    "model's worker killed": Strike(_signal(_of(WORKER), signal.SIGKILL)),
    "model's worker stopped": Strike(_signal(_of(WORKER), signal.SIGSTOP)),
    "decoder killed": Strike(_kill_decoder, lasts=True),
    "film's decoder killed": Strike(_kill_film_decoder, lasts=True),
    "TorchServe killed": Strike(_signal(_of(JAVA), signal.SIGKILL)),
    "TorchServe stopped": Strike(_signal(_of(JAVA), signal.SIGSTOP)),
    "front end's worker killed": Strike(_signal(find_front_workers, signal.SIGKILL), breaks=True),
    "front end's worker stopped": Strike(_signal(find_front_workers, signal.SIGSTOP), breaks=True),
    "front end killed": Strike(_signal(find_masters, signal.SIGKILL), breaks=True),
    "front end stopped": Strike(_signal(find_masters, signal.SIGSTOP), breaks=True),
    "temporary folder full": Strike(_fill, lasts=True),
    "flood of invented methods": Strike(_flood_methods, lasts=True),
    "flood of slow senders": Strike(_flood_slowly, lasts=True),
    "crowd": Strike(_crowd, lasts=True),
}
#: It takes a small file system of its own, which only root can make.
NEEDS_SCRATCH = frozenset(("temporary folder full",))


def choose_strikes(stage: Stage) -> list[str]:
    """Those that can be had here."""
    return [name for name in STRIKES if stage.scratch or name not in NEEDS_SCRATCH]


def wait_until_whole(site: Site, known: Known, since: float) -> float:
    """Seconds from `since` until every process is there and runs, and a prediction is right."""
    pool = urllib3.HTTPConnectionPool("127.0.0.1", site.port, retries=False, timeout=3)
    while time.monotonic() - since < LONGEST:
        if all_run(site) and _answers(pool, known):
            return time.monotonic() - since
        time.sleep(LOOK_SECONDS)
    return float("inf")


def all_run(site: Site) -> bool:
    expected = int(os.environ.get("HWAPUNG_WORKERS", "2"))
    kinds = (site.find(JAVA), site.find(WORKER), find_masters(site), find_front_workers(site))
    if [len(each) for each in kinds] != [1, 1, 1, expected]:
        return False
    with suppress(psutil.NoSuchProcess):
        return all(each.status() != psutil.STATUS_STOPPED for kind in kinds for each in kind)
    return False


def _answers(pool: urllib3.HTTPConnectionPool, known: Known) -> bool:
    try:
        answer = pool.urlopen("POST", f"{MODEL}/predict", known.pictures[0], {"Content-Type": "image/x"})
    except (urllib3.exceptions.HTTPError, OSError):
        return False
    wanted = known.answers["predict", 0]["probabilities"]
    return answer.status == 200 and are_alike(answer.json()["probabilities"], wanted)
