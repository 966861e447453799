"""TorchServe and the front end on free ports of this machine's loopback address, without containers."""

from __future__ import annotations

import os
import shutil
import socket
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import NoReturn, Self

import requests

from model_training.progress import console
from model_training.runtime.errors import ServingError
from torchserve.process import STILL_CHECKS, ProcessGroup, heed_signals, phrase_end
from torchserve.server import TorchServe
from torchserve.settings import read_settings
from torchserve.supervision import Say, supervise

from .places import default_gallery, default_reports

#: The folder that our packages lie in, be it a checkout or an environment's: what we start must find them, too.
PACKAGES = Path(__file__).resolve().parents[1]
#: The front end's longest answer, and what gunicorn takes to end.
_DRAIN_S = 35.0
#: A front end answers `/healthz` by itself; so many silences in a row are a hung one, not a busy one.
_PING_TIMEOUT_S = 3.0
_SILENT_PINGS = 3
_BACKLOG = 2048
#: Of one that has just been launched, which has a minute.
_FIRST_PINGS = 15


@contextmanager
def serving(store: Path, port: int = 0) -> Iterator[str]:
    """TorchServe and the front end, both answering; yields the front end's address. Raises `ServingError`."""
    settings = read_settings(port=0, metrics_port=0, management_port=0)
    started = time.monotonic()
    with (
        TorchServe(store, settings) as server,
        FrontEnd(server.inference_url, list(server.models), port) as site,  # it starts while the models load
    ):
        with console.status("Loading the models …"):
            for name in server.models:
                server.wait_until_ready(name)
                seconds = time.monotonic() - started
                console.print(f"TorchServe: {server.inference_url}/predictions/{name} ({seconds:.0f} s)")
        site.wait_until_ready()
        with supervise(server, site, say=console.print):
            yield site.address


@contextmanager
def until_interrupted() -> Iterator[None]:
    """What serves ends by Ctrl-C, or by SIGTERM as a service manager says it: status 130, with all that it started and
    when that has answered what it was asked; a second signal ends it at once."""
    heed_signals(_interrupt)
    try:
        yield
    except KeyboardInterrupt:
        console.print("Ended.")
        raise SystemExit(130) from None


def keep_serving(address: str) -> None:
    """Say where, and wait to be interrupted."""
    console.print(f"\n  Open {address} in a browser. Ctrl-C ends everything.\n", style="bold")
    while True:
        time.sleep(3600)


class FrontEnd:
    """gunicorn before a TorchServe, as a context manager. `address`: where it answers once it is ready.

    The sockets that it listens at are ours: where gunicorn has died, its workers answer what they have taken, and who
    connects meanwhile waits for the next one.
    """

    name = "The front end"

    def __init__(self, model_server: str, models: list[str], port: int) -> None:
        self._listening = [_listen("127.0.0.1", port, 0)]
        self.address = f"http://127.0.0.1:{self._listening[0].getsockname()[1]}"
        if metrics := os.environ.get("HWAPUNG_METRICS_BIND"):
            host, _, number = metrics.rpartition(":")
            self._listening.append(_listen(host, int(number)))
        environment = os.environ | {
            "HWAPUNG_MODEL_SERVER_URL": model_server,
            "HWAPUNG_MODELS": ",".join(models),
            "HWAPUNG_BIND": ",".join(f"fd://{each.fileno()}" for each in self._listening),
            "HWAPUNG_REPORTS": os.environ.get("HWAPUNG_REPORTS", str(default_reports().absolute())),
            "HWAPUNG_GALLERY": os.environ.get("HWAPUNG_GALLERY", str(default_gallery() or "")),
            "PYTHONPATH": str(PACKAGES),
        }
        self._environment = environment
        self._group: ProcessGroup | None = None
        self._folder = Path()
        self._outlived: list[threading.Thread] = []
        self.launch()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        assert self._group is not None
        for each in self._listening:
            each.close()
        self._group.stop(_DRAIN_S)
        shutil.rmtree(self._folder, ignore_errors=True)
        for ending in self._outlived:
            ending.join()

    def launch(self) -> None:
        """Start gunicorn, once more where it has ended."""
        if self._group is not None:
            ending = threading.Thread(target=_outlive, args=[self._group, self._folder], daemon=True)
            ending.start()
            self._outlived = [each for each in (*self._outlived, ending) if each.is_alive()]
        self._folder = Path(tempfile.mkdtemp(prefix="hwapung-front-"))
        command = [sys.executable, "-m", "frontend"]
        files = [each.fileno() for each in self._listening]
        self._group = ProcessGroup(command, folder=self._folder, env=self._environment, echo=None, files=files)
        self._silent, self._still = -_FIRST_PINGS, 0

    def look_after(self, say: Say) -> str | None:
        """Why the front end is of no use any more; None where it is. Called once a second."""
        assert self._group is not None
        if (status := self._group.poll()) is not None:
            return phrase_end(status, self._group.lines())
        self._still = self._still + 1 if self._group.stands_still else 0
        if self._still >= STILL_CHECKS:
            return "stood still and was ended"
        self._silent = 0 if _answers(f"{self.address}/healthz", _PING_TIMEOUT_S) is not None else self._silent + 1
        if self._silent < _SILENT_PINGS:
            return None
        self._group.stop(0)
        return "answered nobody and was ended"

    def is_whole(self) -> bool:
        """Whether it answers; what the models do is TorchServe's."""
        return _answers(f"{self.address}/healthz", _PING_TIMEOUT_S) is True

    def wait_until_ready(self) -> None:
        """Return when it answers for every model; ask when these are ready, since it remembers an answer for seconds.

        Raises `ServingError`.
        """
        assert self._group is not None
        deadline = time.monotonic() + 60
        while not _answers(f"{self.address}/readyz", 5):
            if not self._group.running or time.monotonic() > deadline:
                said = next((line for line in reversed(self._group.lines()) if line.strip()), "no word")
                raise ServingError(f"The front end did not start: {said.strip()}.", "See frontend/README.md.")
            time.sleep(0.1)


@contextmanager
def front_end(model_server: str, models: list[str], port: int) -> Iterator[str]:
    """The front end before a TorchServe that is ready; yields its address once it answers. Raises `ServingError`."""
    with FrontEnd(model_server, models, port) as site:
        site.wait_until_ready()
        yield site.address


def _answers(url: str, timeout_s: float) -> bool | None:
    """Whether the answer is good; None where a connection is taken and nothing comes, as of a process that hangs."""
    try:
        return requests.get(url, timeout=timeout_s).ok
    except requests.Timeout:
        return None
    except requests.RequestException:
        return False


def _outlive(group: ProcessGroup, folder: Path) -> None:
    group.outlive(_DRAIN_S)
    shutil.rmtree(folder, ignore_errors=True)


def _listen(host: str, *ports: int) -> socket.socket:
    """At the first port that is free; 0 is any."""
    for port in ports:
        with suppress(OSError):
            return socket.create_server((host, port), backlog=_BACKLOG)
    raise ServingError(f"Nothing can listen at {host}:{ports[0]}.", "End what does, or choose another port.")


def _interrupt(number: int) -> NoReturn:
    raise KeyboardInterrupt
