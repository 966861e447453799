"""The front end in its container: ended where it hangs, and with the status with which it ended."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator

import psutil
import pytest
import urllib3

from tests.frontend.gunicorns import ROOT, free_port
from tests.frontend.model_server_stub import ModelServerStub

#: The module, more impatient than it is.
WATCH = "import sys; from frontend import watch; watch.PATIENCE, watch.PAUSE = 0.5, 0.2; sys.exit(watch.main())"
Start = Callable[[], subprocess.Popen[str]]


@pytest.fixture
def start() -> Iterator[Start]:
    stub = ModelServerStub()
    started: list[subprocess.Popen[str]] = []

    def begin() -> subprocess.Popen[str]:
        port = free_port()
        environment = {"HWAPUNG_MODEL_SERVER_URL": stub.address, "HWAPUNG_BIND": f"127.0.0.1:{port}"}
        process = subprocess.Popen(
            [sys.executable, "-c", WATCH], cwd=ROOT, env=os.environ | environment | {"HWAPUNG_WORKERS": "1"},
            stderr=subprocess.PIPE, text=True,
        )  # fmt: skip
        started.append(process)
        deadline = time.monotonic() + 30
        while True:
            try:
                urllib3.request("GET", f"http://127.0.0.1:{port}/healthz", retries=False, timeout=5)
                break
            except urllib3.exceptions.HTTPError:
                assert time.monotonic() < deadline
                time.sleep(0.1)
        time.sleep(0.5)  # it has heard the first answer, too
        return process

    yield begin
    for process in started:
        if process.poll() is None:
            process.terminate()
            process.wait(40)
    stub.close()


def test_a_front_end_that_hangs_is_ended(start: Start) -> None:
    process = start()
    family = psutil.Process(process.pid).children(recursive=True)
    assert len(family) == 2  # gunicorn's master, and its worker
    for each in family:
        each.suspend()
    assert process.wait(15) == 1
    assert process.stderr is not None
    assert "The front end answered nobody and was ended." in process.stderr.read()
    psutil.wait_procs(family, 5)
    assert not any(each.is_running() and each.status() != psutil.STATUS_ZOMBIE for each in family)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_is_passed_on(start: Start, number: signal.Signals) -> None:
    process = start()
    process.send_signal(number)
    assert process.wait(15) == 0
