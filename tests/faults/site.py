"""`hwapung serve` in a process of its own, before a model that needs no training; and visitors who ask and ask."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import threading
import time
from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import psutil
import requests

from tests.torchserve.tiny import draw_image, make_tiny_bundle
from torchserve.archive import build_archive

ROOT = Path(__file__).resolve().parents[2]
CONNECTIONS = 16
#: Words in the command lines of what serves.
WORKER, JAVA, GUNICORN = "model_service_worker", "org.pytorch.serve.ModelServer", "gunicorn"
DECODER, FILM_DECODER = "model_training.runtime.confined", "multiprocessing.forkserver"


@dataclass
class Site:
    """What is served, and by which processes."""

    process: subprocess.Popen[str]
    log: Path
    address: str = ""

    @property
    def port(self) -> int:
        return int(self.address.rpartition(":")[2])

    def find(self, words: str) -> list[psutil.Process]:
        """The descendants whose command line has these words, oldest first."""
        family = psutil.Process(self.process.pid).children(recursive=True)
        found = []
        for each in family:
            try:
                if words in " ".join(each.cmdline()) and each.status() != psutil.STATUS_ZOMBIE:
                    found.append(each)
            except psutil.NoSuchProcess:
                continue
        return sorted(found, key=lambda each: each.create_time())

    def ask(self, path: str = "predict", session: Any = requests, **more: Any) -> requests.Response:
        url = f"{self.address}/api/v1/models/landscape/{path}"
        return session.post(url, data=draw_image(), headers={"Content-Type": "image/jpeg"}, timeout=60, **more)


class Crowd(ABC):
    """So many connections, each of which does `_ask(number)` in a thread of its own until `_stop` is set; a context
    manager."""

    def __init__(self, connections: int) -> None:
        self._connections = connections
        self._stop = threading.Event()
        self._pool = ThreadPoolExecutor(connections)

    def __enter__(self) -> Self:
        self._asking = [self._pool.submit(self._ask, number) for number in range(self._connections)]
        return self

    def __exit__(self, *error: object) -> None:
        self._stop.set()
        self._pool.shutdown()
        for each in self._asking:
            each.result()

    @abstractmethod
    def _ask(self, number: int) -> None: ...


class Visitors(Crowd):
    """So many connections that ask for one prediction after the other. `statuses` counts the answers, and under 0 the
    questions that got none; `finished` is when each good answer came, by the monotonic clock."""

    def __init__(self, site: Site, connections: int = CONNECTIONS, path: str = "predict") -> None:
        self.statuses: Counter[int] = Counter()
        self.finished: list[float] = []
        self.slowest = 0.0
        super().__init__(connections)
        self._site, self._path = site, path

    def stop(self) -> None:
        self._stop.set()

    def _ask(self, number: int) -> None:
        with requests.Session() as session:
            while not self._stop.is_set():
                began = time.monotonic()
                try:
                    status = self._site.ask(self._path, session).status_code
                except requests.RequestException:
                    status = 0
                self.statuses[status] += 1
                self.slowest = max(self.slowest, time.monotonic() - began)
                if status == 200:
                    self.finished.append(time.monotonic())
                else:
                    time.sleep(0.1)

    def wait_for_answer(self, since: float, limit: float) -> float:
        """Seconds from `since` until a good answer came; fails after `limit`."""
        while True:
            for at in list(self.finished):
                if at > since:
                    return at - since
            assert time.monotonic() - since < limit, f"no answer in {limit} s"
            time.sleep(0.05)


def make_store(folder: Path) -> Path:
    """A model store with the tiny model alone, under the name landscape."""
    bundle = make_tiny_bundle(folder / "bundles" / "landscape", name="landscape")
    store = folder / "store"
    store.mkdir()
    build_archive(bundle, store)
    return store


@contextmanager
def serve(store: Path, folder: Path, settings: Mapping[str, str] | None = None) -> Iterator[Site]:
    """`hwapung serve` in a folder, where its log lies, too; `settings`: environment variables."""
    log = folder / "log"
    command = [sys.executable, "-m", "hwapung", "serve", "--store", str(store), "--port", "0"]
    environment = os.environ | {"PYTHONPATH": str(ROOT), "COLUMNS": "200"} | dict(settings or {})
    with log.open("w") as out:
        # A session of its own: Ctrl-C is for whoever asks, who then ends it.
        process = subprocess.Popen(
            command, cwd=folder, stdout=out, stderr=out, env=environment, text=True, start_new_session=True
        )
    site = Site(process, log)
    try:
        deadline = time.monotonic() + 120
        while not (found := re.search(r"Open (http://127\.0\.0\.1:\d+)", log.read_text())):
            assert process.poll() is None, log.read_text()
            assert time.monotonic() < deadline, log.read_text()
            time.sleep(0.1)
        site.address = found[1]
        yield site
    finally:
        if process.poll() is None:
            process.send_signal(signal.SIGTERM)
            try:
                process.wait(60)
            except subprocess.TimeoutExpired:
                process.kill()
                raise
