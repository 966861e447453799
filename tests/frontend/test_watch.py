"""The front end in its container: ended where it hangs, and with the status with which it ended."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator

import psutil
import pytest

from tests.frontend.gunicorns import METRICS, ROOT, answers, read_metrics
from tests.frontend.model_server_stub import ModelServerStub
from tests.waiting import PATIENCE, free_port, wait_until

#: The module, with another patience than it has, and pauses that are shorter.
WATCH = "import sys; from frontend import watch; watch.PATIENCE, watch.PAUSE = {}, 0.2; sys.exit(watch.main())"
Start = Callable[[float], subprocess.Popen[str]]


@pytest.fixture
def start() -> Iterator[Start]:
    stub = ModelServerStub()
    started: list[subprocess.Popen[str]] = []

    def begin(patience: float) -> subprocess.Popen[str]:
        port, METRICS[port] = free_port(), free_port()
        environment = os.environ | {
            "HWAPUNG_MODEL_SERVER_URL": stub.address,
            "HWAPUNG_BIND": f"127.0.0.1:{port}",
            "HWAPUNG_METRICS_BIND": f"127.0.0.1:{METRICS[port]}",
            "HWAPUNG_WORKERS": "1",
        }
        process = subprocess.Popen(
            [sys.executable, "-c", WATCH.format(patience)], cwd=ROOT, env=environment,
            stderr=subprocess.PIPE, text=True,
        )  # fmt: skip
        started.append(process)
        wait_until(lambda: answers(port))
        before = asked(port)
        wait_until(lambda: asked(port) >= before + 2)  # who asks again has heard the first answer
        return process

    yield begin
    for process in started:
        if process.poll() is None:
            process.terminate()
            process.wait(2 * PATIENCE)
    stub.close()


def asked(port: int) -> float:
    """How often it was asked for its health."""
    found = re.search(r'^hwapung_requests_total{endpoint="health.healthz".*} (\S+)$', read_metrics(port), re.MULTILINE)
    return float(found[1]) if found else 0.0


def test_a_front_end_that_hangs_is_ended(start: Start) -> None:
    process = start(0.5)
    family = psutil.Process(process.pid).children(recursive=True)
    assert len(family) == 2  # gunicorn's master, and its worker
    for each in family:
        each.suspend()
    assert process.wait(PATIENCE) == 1
    assert process.stderr is not None
    assert "The front end answered nobody and was ended." in process.stderr.read()
    psutil.wait_procs(family, PATIENCE)
    assert not any(each.is_running() and each.status() != psutil.STATUS_ZOMBIE for each in family)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_is_passed_on(start: Start, number: signal.Signals) -> None:
    process = start(PATIENCE)
    process.send_signal(number)
    assert process.wait(PATIENCE) == 0
