"""The front end as it runs: under gunicorn, with clients that misbehave on the wire."""

from __future__ import annotations

import http.client
import json
import os
import re
import resource
import runpy
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Any

import pytest
import urllib3

from tests.frontend.gunicorns import METRICS, PREDICT, gunicorn, head, read_metrics, receive
from tests.frontend.model_server_stub import ModelServerStub, Reply, answer, image
from tests.waiting import PATIENCE, come_to_rest

LIMIT = 2 * 2**20


@pytest.fixture(scope="module")
def port(stub: ModelServerStub) -> Iterator[int]:
    with gunicorn(stub, workers=2, threads=2, max_upload_bytes=LIMIT) as number:
        yield number


@pytest.fixture
def hasty(stub: ModelServerStub) -> Iterator[int]:
    """One that waits two seconds for the rest of a request."""
    with gunicorn(stub, workers=2, threads=2, upload_timeout=2) as number:
        yield number


def test_a_body_over_the_limit_is_refused_before_it_is_sent(port: int) -> None:
    with socket.create_connection(("127.0.0.1", port)) as connection:
        connection.sendall(head(port, 30 * 2**20))
        answer = receive(connection)
    assert answer.startswith(b"HTTP/1.1 413")
    assert b'"picture_too_large"' in answer


def test_a_client_that_sends_all_of_30_mb_still_reads_why_it_was_refused(port: int) -> None:
    """http.client, like a browser, gives up where the connection is cut while it is sending."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=PATIENCE)
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


def test_clients_that_stall_are_cut_off_and_others_served(hasty: int) -> None:
    """Eight clients on four threads: half stall in the headers, half in the body, one sends a byte now and then."""
    with ExitStack() as stack:
        stalled = [stack.enter_context(socket.create_connection(("127.0.0.1", hasty))) for _ in range(8)]
        for number, connection in enumerate(stalled):
            whole = head(hasty, 1000)
            connection.sendall(whole[:40] if number % 2 else whole + b"some")
        for _ in range(8):
            time.sleep(0.4)
            with suppress(OSError):  # cut off already
                stalled[0].send(b"x")
        url = f"http://127.0.0.1:{hasty}{PREDICT}"
        headers = {"Content-Type": "image/png"}
        response = urllib3.request("POST", url, body=image(), headers=headers, timeout=PATIENCE)
        assert response.status == 200
        assert b'"broken_upload"' in receive(stalled[0])


def test_a_large_form_is_read(port: int, stub: ModelServerStub) -> None:
    large = b"\x89PNG" + b"x" * (LIMIT - 4)
    stub.seen.clear()
    response = urllib3.request("POST", f"http://127.0.0.1:{port}{PREDICT}", fields={"data": ("a.png", large)})
    assert response.status == 200
    assert stub.seen[0][2] == large


def test_nobody_is_asked_about_a_batch_whose_client_has_left(
    port: int, stub: ModelServerStub, monkeypatch: pytest.MonkeyPatch
) -> None:
    def reply(request: object, body: bytes) -> Reply:
        time.sleep(0.02)
        return 200, json.dumps(answer()).encode()

    monkeypatch.setattr(stub, "reply", reply)
    part = b'--x\r\nContent-Disposition: form-data; name="data"; filename="a.png"\r\n\r\n' + image() + b"\r\n"
    body = 300 * part + b"--x--\r\n"
    request = head(port, len(body), path=PREDICT.replace("predict", "batch"))
    stub.seen.clear()
    with socket.create_connection(("127.0.0.1", port), PATIENCE) as connection:
        connection.sendall(request.replace(b"image/png", b"multipart/form-data; boundary=x") + body)
        received = b""
        while received.count(b"event: picture") < 3:
            piece = connection.recv(65536)
            assert piece, received[-500:]
            received += piece
    # Writing, and so noticing, happens four times a second at least; not noticed, it would go on to the 300th.
    assert come_to_rest(lambda: len(stub.seen)) < 200


def test_metrics_add_up_over_the_processes(port: int) -> None:
    def total() -> float:
        text = read_metrics(port)
        found = re.search(r'^hwapung_requests_total\{endpoint="health.healthz".*\} (\S+)$', text, re.MULTILINE)
        assert found
        return float(found[1])

    before = total()
    for _ in range(20):  # each on a connection of its own, so that both processes take some
        with urllib3.HTTPConnectionPool("127.0.0.1", port) as pool:
            assert pool.request("GET", "/healthz").status == 200
    assert total() == before + 20


def test_invented_methods_and_paths_make_no_metrics(port: int) -> None:
    with urllib3.HTTPConnectionPool("127.0.0.1", port, maxsize=1) as pool:
        before = len(read_metrics(port))
        for number in range(300):
            letters = "".join(chr(ord("A") + int(digit)) for digit in f"{number:03}")
            assert pool.request(f"X{letters}", f"/x{letters}").status in (404, 405)
        text = read_metrics(port)
    assert len(text) < before + 1000
    assert re.search(r'^hwapung_requests_total\{endpoint="none",method="other",status="40."\} 300', text, re.MULTILINE)


SMALL = 'mount -t tmpfs -o size=1m none /dev/shm && exec "$@"'


def test_a_full_shared_memory_costs_metrics_and_not_the_service(stub: ModelServerStub) -> None:
    """Shared memory of a mebibyte, as in a container; filled up while the front end runs."""
    unshare = ["unshare", "--mount", "sh", "-c"]
    if subprocess.run([*unshare, SMALL, "sh", "true"], check=False, capture_output=True).returncode:
        pytest.skip("a file system can't be mounted here")
    fill = "head -c 1m /dev/zero > /dev/shm/full; "
    with gunicorn(stub, command=[*unshare, SMALL.replace("exec", fill + "exec"), "sh"]) as port:
        for _ in range(20):
            assert urllib3.request("POST", f"http://127.0.0.1:{port}{PREDICT}", body=image()).status == 200
        assert "hwapung_" in read_metrics(port)


def test_where_there_is_no_room_for_metrics_at_all_a_worker_goes_without(stub: ModelServerStub, tmp_path: Path) -> None:
    def forbid() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (2**19, 2**19))

    with gunicorn(stub, before=forbid, log=tmp_path / "log") as port:
        url = f"http://127.0.0.1:{port}{PREDICT}"
        for _ in range(20):
            assert urllib3.request("POST", url, body=image(), headers={"Content-Type": "image/png"}).status == 200
        assert "hwapung_" in read_metrics(port)
    assert "There is no room for metrics" in (tmp_path / "log").read_text("utf-8")


def test_metrics_answer_on_their_own_port_alone(port: int) -> None:
    assert urllib3.request("GET", f"http://127.0.0.1:{port}/metrics").status == 404
    for path in ("/", "/healthz", "/static/hwapung.css"):
        assert urllib3.request("GET", f"http://127.0.0.1:{METRICS[port]}{path}").status == 404
    assert "hwapung_requests_total" in read_metrics(port)


def test_a_limit_counts_over_the_processes(stub: ModelServerStub) -> None:
    settings: dict[str, Any] = {"rate_limit": "5/hour", "trusted_proxies": 1, "workers": 3}
    with gunicorn(stub, **settings) as port:
        headers = {"Content-Type": "image/png", "X-Forwarded-For": "192.0.2.1"}
        url = f"http://127.0.0.1:{port}{PREDICT}"
        statuses = []
        for _ in range(20):  # each on a connection of its own, so that all processes take some
            with urllib3.PoolManager() as pool:
                statuses.append(pool.request("POST", url, body=image(), headers=headers).status)
        assert statuses == [200] * 5 + [429] * 15


def test_glibc_gives_uploads_back_unless_told_otherwise(monkeypatch: pytest.MonkeyPatch) -> None:
    started: list[tuple[str, list[str]]] = []
    monkeypatch.setattr(os, "execv", lambda path, arguments: started.append((path, arguments)))
    monkeypatch.setattr(os, "environ", {"MALLOC_ARENA_MAX": "7"})
    runpy.run_module("frontend", run_name="__main__")
    assert os.environ == {
        "MALLOC_ARENA_MAX": "7",
        "MALLOC_MMAP_THRESHOLD_": "1048576",
        "MALLOC_TRIM_THRESHOLD_": "2097152",
    }
    [(path, arguments)] = started
    assert path == sys.executable
    assert arguments[1:3] == ["-m", "gunicorn"]
