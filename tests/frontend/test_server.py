"""The front end as it runs: under gunicorn, with clients that misbehave on the wire."""

from __future__ import annotations

import http.client
import json
import os
import re
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from pathlib import Path

import pytest
import urllib3

from tests.frontend.model_server_stub import ModelServerStub, image

ROOT = Path(__file__).parents[2]
PREDICT = "/api/v1/models/landscape/predict"
LIMIT = 2 * 2**20


@pytest.fixture(scope="module")
def stub() -> Iterator[ModelServerStub]:
    server = ModelServerStub()
    yield server
    server.close()


@pytest.fixture(scope="module")
def port(stub: ModelServerStub) -> Iterator[int]:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        number = int(free.getsockname()[1])
    settings = {
        "HWAPUNG_MODEL_SERVER_URL": stub.address,
        "HWAPUNG_BIND": f"127.0.0.1:{number}",
        "HWAPUNG_WORKERS": "2",
        "HWAPUNG_THREADS": "2",
        "HWAPUNG_MAX_UPLOAD_BYTES": str(LIMIT),
        "HWAPUNG_UPLOAD_TIMEOUT": "2",
    }
    process = subprocess.Popen([sys.executable, "-m", "frontend"], cwd=ROOT, env=os.environ | settings)
    try:
        deadline = time.monotonic() + 30
        while True:
            try:
                urllib3.request("GET", f"http://127.0.0.1:{number}/healthz", retries=False)
                break
            except urllib3.exceptions.HTTPError:
                assert process.poll() is None, "the front end ended"
                assert time.monotonic() < deadline, "the front end did not start"
                time.sleep(0.1)
        yield number
    finally:
        process.terminate()
        assert process.wait(20) == 0


def receive(connection: socket.socket) -> bytes:
    connection.settimeout(20)
    received = b""
    while piece := connection.recv(65536):
        received += piece
        if b"\r\n\r\n" in received:
            head, _, body = received.partition(b"\r\n\r\n")
            length = re.search(rb"(?i)content-length: (\d+)", head)
            if length and len(body) >= int(length[1]):
                break
    return received


def head(port: int, length: int | None, *further: str) -> bytes:
    lines = [f"POST {PREDICT} HTTP/1.1", f"Host: 127.0.0.1:{port}", "Content-Type: image/png", *further]
    if length is not None:
        lines.append(f"Content-Length: {length}")
    return ("\r\n".join(lines) + "\r\n\r\n").encode()


def test_a_body_over_the_limit_is_refused_before_it_is_sent(port: int) -> None:
    with socket.create_connection(("127.0.0.1", port)) as connection:
        connection.sendall(head(port, 30 * 2**20))
        answer = receive(connection)
    assert answer.startswith(b"HTTP/1.1 413")
    assert b'"picture_too_large"' in answer


def test_a_client_that_sends_all_of_30_mb_still_reads_why_it_was_refused(port: int) -> None:
    """http.client, like a browser, gives up where the connection is cut while it is sending."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
    connection.request("POST", PREDICT, body=b"x" * 30 * 2**20, headers={"Content-Type": "image/png"})
    response = connection.getresponse()
    assert response.status == 413
    assert json.load(response)["error"]["code"] == "picture_too_large"
    connection.close()


def test_a_chunked_body_is_limited_too(port: int, stub: ModelServerStub) -> None:
    url = f"http://127.0.0.1:{port}{PREDICT}"
    headers = {"Content-Type": "image/png", "Transfer-Encoding": "chunked"}
    stub.seen.clear()
    pieces = (b"x" * 65536 for _ in range(100))
    assert urllib3.request("POST", url, body=pieces, headers=headers).status == 413
    assert stub.seen == []
    assert urllib3.request("POST", url, body=iter([image()]), headers=headers).status == 200
    assert stub.seen[0][2] == image()


@pytest.mark.parametrize("media_type", ["image/png", "multipart/form-data; boundary=cut"])
def test_a_body_that_ends_early_is_a_broken_upload(port: int, media_type: str) -> None:
    body = b'--cut\r\nContent-Disposition: form-data; name="data"; filename="a.png"\r\n\r\nonly this'
    with socket.create_connection(("127.0.0.1", port)) as connection:
        connection.sendall(head(port, 1000).replace(b"image/png", media_type.encode()) + body)
        connection.shutdown(socket.SHUT_WR)
        answer = receive(connection)
    assert answer.startswith(b"HTTP/1.1 400")
    assert b'"broken_upload"' in answer


def test_clients_that_stall_are_cut_off_and_others_served(port: int) -> None:
    """Eight clients on four threads: half stall in the headers, half in the body, one sends a byte now and then."""
    with ExitStack() as stack:
        stalled = [stack.enter_context(socket.create_connection(("127.0.0.1", port))) for _ in range(8)]
        for number, connection in enumerate(stalled):
            whole = head(port, 1000)
            connection.sendall(whole[:40] if number % 2 else whole + b"some")
        for _ in range(8):
            time.sleep(0.4)
            with suppress(OSError):  # cut off already
                stalled[0].send(b"x")
        url = f"http://127.0.0.1:{port}{PREDICT}"
        response = urllib3.request("POST", url, body=image(), headers={"Content-Type": "image/png"}, timeout=30)
        assert response.status == 200
        assert b'"broken_upload"' in receive(stalled[0])


def test_a_large_form_is_read(port: int, stub: ModelServerStub) -> None:
    large = b"\x89PNG" + b"x" * (LIMIT - 4)
    stub.seen.clear()
    response = urllib3.request("POST", f"http://127.0.0.1:{port}{PREDICT}", fields={"data": ("a.png", large)})
    assert response.status == 200
    assert stub.seen[0][2] == large


def test_metrics_add_up_over_the_processes(port: int) -> None:
    def total() -> float:
        text = urllib3.request("GET", f"http://127.0.0.1:{port}/metrics").data.decode()
        found = re.search(r'^hwapung_requests_total\{endpoint="health.healthz".*\} (\S+)$', text, re.MULTILINE)
        assert found
        return float(found[1])

    before = total()
    for _ in range(20):  # each on a connection of its own, so that both processes take some
        with urllib3.HTTPConnectionPool("127.0.0.1", port) as pool:
            assert pool.request("GET", "/healthz").status == 200
    assert total() == before + 20
