"""Starts TorchServe on this Python environment, watches it, and leaves nothing behind.

with TorchServe(Path("torchserve/model_store")) as server:
    server.wait_until_ready("landscape")
    requests.post(f"{server.inference_url}/predictions/landscape", data=image)
"""

from __future__ import annotations

import io
import random
import re
import shutil
import socket
import time
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Self, TextIO

import requests
from PIL import Image

from model_training.runtime.errors import ServingError

from .heartbeat import Heartbeats
from .launch import HEARTBEATS, Ports, find_java, make_environment, make_folder, prepare_launch
from .process import STILL_CHECKS, ProcessGroup, phrase_end
from .settings import PREFIX, ServingSettings, read_settings
from .store import StoredModel, list_models
from .supervision import Say

_SILENCE_S = 3.0
#: TorchServe answers `/ping` within milliseconds, also while its workers are at work. So many in a row are a hung one.
_PING_TIMEOUT_S = 2.0
_SILENT_PINGS = 3


class TorchServe:
    """A running TorchServe that serves every archive of one model store or of several. A context manager.

    It gets a working folder of its own under the system's temporary folder (the path of its workers' sockets must stay
    short) and an environment without this repository, so that workers import only what their archive brings.
    """

    name = "TorchServe"

    def __init__(
        self, model_store: Path | Sequence[Path], settings: ServingSettings | None = None, log: TextIO | None = None
    ) -> None:
        """`log`: where the server and its workers write; by default only the last lines are kept, for errors."""
        self.model_stores = [model_store] if isinstance(model_store, Path) else list(model_store)
        self.settings = settings or read_settings()
        self.models: dict[str, StoredModel] = {}
        self._log = log
        self._group: ProcessGroup | None = None
        self._folder: Path | None = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def start(self) -> None:
        """Start and return when the inference API takes connections; models may still be loading.

        Raises `ServingError`: no archive or a broken one, no Java, a port that is taken, or what TorchServe said.
        """
        self.models = {model.name: model for model in list_models(self.model_stores)}
        self._ports = self._choose_ports()
        try:
            self.launch()
            self._wait_for_connections()
        except BaseException:
            self.stop()
            raise

    def launch(self) -> None:
        """Start TorchServe at the ports that were chosen, once more where it has ended. Raises `ServingError`."""
        self._clear_up()
        java = find_java()
        self._folder = make_folder()
        command = prepare_launch(self._folder, java, list(self.models.values()), self.settings, self._ports)
        environment = make_environment(java, self.settings, self._folder)
        self._group = ProcessGroup(command, folder=self._folder, env=environment, echo=self._log)
        self._heartbeats = Heartbeats(self._folder / HEARTBEATS, self._group.pid)
        self._silent = self._still = 0

    def look_after(self, say: Say) -> str | None:
        """Why TorchServe is of no use any more; None where it is. Called once a second, it also ends workers that stand
        still, which TorchServe then starts anew."""
        assert self._group is not None, "not started"
        if (status := self._group.poll()) is not None:
            return phrase_end(status, self._group.lines())
        for pid in self._heartbeats.check():
            say(f"The model's worker {pid} stood still and was ended; TorchServe starts it again.")
        self._still = self._still + 1 if self._group.stands_still else 0
        self._silent = 0 if self._still or self._pings() else self._silent + 1
        if self._still < STILL_CHECKS and self._silent < _SILENT_PINGS:
            return None
        self._group.stop(0)
        return "stood still and was ended" if self._still else "answered nobody and was ended"

    def is_whole(self) -> bool:
        """Whether every model answers a real prediction."""
        return all(try_prediction(self.inference_url, name) for name in self.models)

    def wait_until_ready(self, name: str, timeout_s: float | None = None) -> None:
        """Return when `name` has answered a real prediction. Raises `ServingError` when it can't or takes too long."""
        deadline = time.monotonic() + (timeout_s or self.settings.start_timeout_s)
        while time.monotonic() < deadline:
            self._check_alive()
            if name not in self.models:
                raise ServingError(f"There is no model {name!r}.", f"Choose one of: {', '.join(self.models)}.")
            if reason := self._load_failure(name):
                raise ServingError(
                    f"The model {name!r} can't be loaded: {reason}", "Make its archive again: hwapung archive."
                )
            if try_prediction(self.inference_url, name):
                return
            time.sleep(0.1)
        raise ServingError(
            f"The model {name!r} was not ready in time.",
            f"Give it longer ({PREFIX}START_TIMEOUT_S) or see the server's log.",
        )

    def stop(self) -> None:
        """End TorchServe and all its workers, when they have answered what they were asked. Safe to call again."""
        if self._group is not None:
            deadline = time.monotonic() + self.settings.stop_timeout_s
            if self._group.running:
                self._drain(deadline)
            self._group.stop(max(1.0, deadline - time.monotonic()))
        self._clear_up()

    def _clear_up(self) -> None:
        if self._group is not None:
            self._group.stop(0)
        if self._folder is not None:
            shutil.rmtree(self._folder, ignore_errors=True)

    def _pings(self) -> bool:
        """Whether Java takes a connection and answers; a server that has not come so far yet is not silent."""
        try:
            requests.get(f"{self.inference_url}/ping", timeout=_PING_TIMEOUT_S)
        except requests.Timeout:
            return False
        except requests.RequestException:
            return True
        return True

    @property
    def inference_url(self) -> str:
        return f"http://{_reachable(self.settings.host)}:{self._ports.inference}"

    @property
    def metrics_url(self) -> str:
        return f"http://{_reachable(self.settings.metrics_host)}:{self._ports.metrics}/metrics"

    @property
    def management_url(self) -> str:
        return f"http://127.0.0.1:{self._ports.management}"

    def _drain(self, deadline: float) -> None:
        """Wait until no request is under way, since TorchServe cuts their connections when it is told to end.

        It does not say how many are, but counts those that came in, and the handler those that it answered. Some are
        never answered (the queue was full, their worker died): when nothing changes any more they are given up.
        """
        state, changed = None, time.monotonic()
        while time.monotonic() < min(deadline, changed + _SILENCE_S):
            try:
                metrics = requests.get(self.metrics_url, timeout=1).text
            except requests.RequestException:
                return  # it has ended, or never got as far
            received, answered = (
                _total(metrics, name) for name in ("ts_inference_requests_total", "BatchRequests_sum")
            )
            if answered >= received:
                time.sleep(0.1)  # the last answers are on their way through the server
                return
            if state != (received, answered):
                state, changed = (received, answered), time.monotonic()
            time.sleep(0.05)

    def _choose_ports(self) -> Ports:
        wanted = {
            "port": (self.settings.host, self.settings.port),
            "metrics_port": (self.settings.metrics_host, self.settings.metrics_port),
            "management_port": ("127.0.0.1", self.settings.management_port),
        }
        held: list[socket.socket] = []  # all at once, so that none is chosen twice
        own = iter(_list_own_ports())
        try:
            for setting, (host, port) in wanted.items():
                held.append(_bind(host, port, setting) if port else _bind_any(host, setting, own))
            return Ports(*(taken.getsockname()[1] for taken in held))
        finally:
            for taken in held:
                taken.close()

    def _wait_for_connections(self) -> None:
        deadline = time.monotonic() + self.settings.start_timeout_s
        while time.monotonic() < deadline:
            self._check_alive()
            with socket.socket() as probe:
                if probe.connect_ex((_reachable(self.settings.host), self._ports.inference)) == 0:
                    return
            time.sleep(0.05)
        raise ServingError("TorchServe did not start in time.", "See its log, or give it longer.")

    def _check_alive(self) -> None:
        assert self._group is not None, "not started"
        if self._group.running:
            return
        self._group.stop(0)
        lines = self._group.lines()
        if any("Failed to bind to address" in line for line in lines):
            raise ServingError("One of TorchServe's ports was taken while it started.", "Start it again.")
        raise ServingError(f"TorchServe {phrase_end(self._group.wait(), lines)}.", "Mend that and start it again.")

    def _load_failure(self, name: str) -> str | None:
        """What the newest attempt to load `name` died of, by the worker's own words."""
        assert self._group is not None
        text = "\n".join(self._group.lines())
        found = re.findall(rf"Failed to load model {re.escape(name)}, exception (.*)", text)
        return found[-1] if found else None


def try_prediction(inference_url: str, name: str, timeout_s: float = 3) -> bool:
    """Whether `name` answers for a small image drawn in memory. The only readiness that means anything:
    TorchServe's own `/ping` is healthy while workers load or die."""
    try:
        response = requests.post(f"{inference_url}/predictions/{name}", data=_draw_image(), timeout=timeout_s)
        return response.status_code == 200 and response.json()["model"] == name
    except (requests.RequestException, ValueError, LookupError, TypeError):
        return False


def _total(metrics: str, name: str) -> float:
    """The sum of a metric over all its dimensions, in Prometheus's text format."""
    return sum(float(line.rsplit(" ", 1)[1]) for line in metrics.splitlines() if line.startswith(name + "{"))


def _draw_image() -> bytes:
    buffer = io.BytesIO()
    Image.linear_gradient("L").resize((64, 64)).convert("RGB").save(buffer, "PNG")
    return buffer.getvalue()


def _reachable(host: str) -> str:
    return "127.0.0.1" if host in ("0.0.0.0", "::") else host


def _list_own_ports() -> list[int]:
    """Some that the system gives to nobody who asks for any, as others do before Java has taken its own; by chance, so
    that two who choose at once choose others. None where it does not say which these are."""
    with suppress(OSError):
        lowest = int(Path("/proc/sys/net/ipv4/ip_local_port_range").read_text().split()[0])
        return random.SystemRandom().sample(range(10_000, lowest), 100) if lowest > 11_000 else []
    return []


def _bind_any(host: str, setting: str, ports: Iterator[int]) -> socket.socket:
    """At the next of `ports` that is free, else at any that is."""
    for port in ports:
        with suppress(ServingError):
            return _bind(host, port, setting)
    return _bind(host, 0, setting)


def _bind(host: str, port: int, setting: str) -> socket.socket:
    taken = socket.socket()
    taken.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        taken.bind((host, port))
    except OSError as error:
        taken.close()
        raise ServingError(
            f"The address {host}:{port} can't be used ({error.strerror}).",
            f"Stop what uses it or choose another: {PREFIX}{setting.upper()}=0 picks a free port.",
        ) from None
    return taken
