"""TorchServe and the front end on free ports of this machine's loopback address, without containers."""

from __future__ import annotations

import os
import signal
import socket
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import NoReturn, Self

import requests

from model_training.progress import console
from model_training.runtime.errors import ServingError
from torchserve.process import ProcessGroup
from torchserve.server import TorchServe
from torchserve.settings import read_settings

from .places import default_gallery, default_reports

#: The folder that our packages lie in, be it a checkout or an environment's: what we start must find them, too.
PACKAGES = Path(__file__).resolve().parents[1]


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
        yield site.address


@contextmanager
def until_interrupted() -> Iterator[None]:
    """What serves ends by Ctrl-C, or by SIGTERM as a service manager says it: with all that it started, status 130."""
    signal.signal(signal.SIGTERM, _interrupt)
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
    """gunicorn before a TorchServe, as a context manager. `address`: where it answers once it is ready."""

    def __init__(self, model_server: str, models: list[str], port: int) -> None:
        listening = f"127.0.0.1:{_free_port(port)}"
        self.address = f"http://{listening}"
        environment = os.environ | {
            "HWAPUNG_MODEL_SERVER_URL": model_server,
            "HWAPUNG_MODELS": ",".join(models),
            "HWAPUNG_BIND": listening,
            "HWAPUNG_REPORTS": os.environ.get("HWAPUNG_REPORTS", str(default_reports().absolute())),
            "HWAPUNG_GALLERY": os.environ.get("HWAPUNG_GALLERY", str(default_gallery() or "")),
            "PYTHONPATH": str(PACKAGES),
        }
        self._folder = Path(tempfile.mkdtemp(prefix="hwapung-front-"))
        command = [sys.executable, "-m", "frontend"]
        self._group = ProcessGroup(command, folder=self._folder, env=environment, echo=None)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self._group.stop(5)
        self._folder.rmdir()

    def wait_until_ready(self) -> None:
        """Return when it answers for every model; ask when these are ready, since it remembers an answer for seconds.

        Raises `ServingError`.
        """
        deadline = time.monotonic() + 60
        while not _answers(f"{self.address}/readyz"):
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


def _answers(url: str) -> bool:
    try:
        return requests.get(url, timeout=5).ok
    except requests.RequestException:
        return False


def _free_port(wanted: int) -> int:
    for port in (wanted, 0):
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return int(probe.getsockname()[1])
    raise ServingError("There is no free port.", "End some programs.")


def _interrupt(number: int, frame: FrameType | None) -> NoReturn:
    raise KeyboardInterrupt
