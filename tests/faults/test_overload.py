"""Five times as many requests as a model can answer, and one client beside a greedy one; under gunicorn."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from pathlib import Path

import requests

from tests.benchmarks.overload import measure_overload

ROOT = Path(__file__).resolve().parents[2]


def test_what_cannot_be_answered_in_time_is_refused_and_the_rest_is_as_quick_as_ever() -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    model = subprocess.Popen([sys.executable, "-m", "tests.faults.slow_model"], cwd=ROOT, stdout=subprocess.PIPE)
    assert model.stdout is not None
    site = f"http://127.0.0.1:{port}"
    environment = os.environ | {
        "HWAPUNG_MODEL_SERVER_URL": f"http://127.0.0.1:{int(model.stdout.readline())}",
        "HWAPUNG_BIND": f"127.0.0.1:{port}",
    }
    front = subprocess.Popen([sys.executable, "-m", "frontend"], cwd=ROOT, env=environment)
    try:
        deadline = time.monotonic() + 30
        while True:
            try:
                requests.get(f"{site}/healthz", timeout=2)
                break
            except requests.RequestException:
                assert time.monotonic() < deadline
                time.sleep(0.1)
        found = measure_overload(f"{site}/api/v1/models/landscape/predict", [os.urandom(50_000)], 8)
    finally:
        front.terminate()
        front.wait(40)
        model.kill()
        model.wait()
    assert found["failed"] == 0
    assert found["goodput"] >= 0.9 * found["peak"], found
    assert found["overload_p99_s"] <= 3 * found["full_batch_p50_s"], found
    assert found["other_client_p50_s"] <= 2 * found["full_batch_p50_s"], found
    assert found["refused_p99_s"] < 0.5, found
