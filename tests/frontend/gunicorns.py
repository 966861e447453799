"""The front end as it runs, under gunicorn before a stub of the model server."""

from __future__ import annotations

import os
import re
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import urllib3

from tests.frontend.model_server_stub import ModelServerStub
from tests.waiting import PATIENCE, free_port, wait_until

ROOT = Path(__file__).parents[2]
PREDICT = "/api/v1/models/landscape/predict"


#: port → the one of its metrics
METRICS: dict[int, int] = {}


def read_metrics(port: int) -> str:
    response = urllib3.request("GET", f"http://127.0.0.1:{METRICS[port]}/metrics", timeout=PATIENCE)
    assert response.status == 200
    return response.data.decode()


@contextmanager
def gunicorn(
    stub: ModelServerStub,
    *arguments: str,
    before: Callable[[], None] | None = None,
    command: Sequence[str] = (),
    log: Path | None = None,
    **settings: object,
) -> Iterator[int]:
    """Yields the port. `arguments` go to gunicorn, `settings` into the environment; `before`: called in the process.
    `command`: what runs it."""
    number, metrics = free_port(), free_port()
    METRICS[number] = metrics
    environment = {
        "HWAPUNG_MODEL_SERVER_URL": stub.address,
        "HWAPUNG_BIND": f"127.0.0.1:{number}",
        "HWAPUNG_METRICS_BIND": f"127.0.0.1:{metrics}",
    }
    environment |= {f"HWAPUNG_{name.upper()}": str(value) for name, value in settings.items()}
    with (log or Path(os.devnull)).open("wb") as output:
        process = subprocess.Popen(
            [*command, sys.executable, "-m", "frontend", *arguments],
            cwd=ROOT,
            env=os.environ | environment,
            preexec_fn=before,
            stderr=output if log else None,
        )
    try:
        wait_until(lambda: process.poll() is not None or answers(number))
        assert process.poll() is None, "the front end ended"
        yield number
    finally:
        process.terminate()
        assert process.wait(2 * PATIENCE) == 0  # what is still asked of a stub has half a minute


def answers(port: int) -> bool:
    """Whether anything does at this port."""
    url = f"http://127.0.0.1:{port}/healthz"
    try:
        urllib3.request("GET", url, headers={"Connection": "close"}, retries=False, timeout=PATIENCE)
    except urllib3.exceptions.HTTPError:
        return False
    return True


def receive(connection: socket.socket) -> bytes:
    """An answer with its body, as it comes off the wire."""
    connection.settimeout(PATIENCE)
    received = b""
    while piece := connection.recv(65536):
        received += piece
        if b"\r\n\r\n" in received:
            head, _, body = received.partition(b"\r\n\r\n")
            length = re.search(rb"(?i)content-length: (\d+)", head)
            if length and len(body) >= int(length[1]):
                break
    return received


def head(port: int, length: int | None, *further: str, path: str = PREDICT, method: str = "POST") -> bytes:
    """A request's head."""
    lines = [f"{method} {path} HTTP/1.1", f"Host: 127.0.0.1:{port}", "Content-Type: image/png", *further]
    if length is not None:
        lines.append(f"Content-Length: {length}")
    return ("\r\n".join(lines) + "\r\n\r\n").encode()
