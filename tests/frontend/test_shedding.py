"""What a model has no room for is refused by its head, with the words of the application."""

from __future__ import annotations

import json
import re
import select
import socket
import threading
import time
from contextlib import ExitStack
from http.server import BaseHTTPRequestHandler
from typing import Any

import pytest

from frontend.admission import Admission, _Question
from frontend.settings import Settings
from frontend.shedding import Shedder
from frontend.worker import REST_SECONDS
from tests.frontend.gunicorns import PREDICT, gunicorn, head, read_metrics, receive
from tests.frontend.model_server_stub import ModelServerStub, image
from tests.waiting import PATIENCE

PEER = "192.0.2.1"
PLAIN = f"POST {PREDICT} HTTP/1.1\r\nHost: a\r\nContent-Type: image/png\r\nContent-Length: 5\r\n\r\n".encode()


@pytest.fixture
def full() -> Admission:
    """There is no room for predictions, from nobody, and some for explanations."""
    admission = Admission(Settings(threads=400, queue_seconds=1), None)
    lane = admission._lanes["landscape", False]
    for number in range(40):  # a newcomer's room is 32 and a quarter
        lane.enter(_Question("predict", str(number)))
    return admission


def test_the_head_is_enough(full: Admission) -> None:
    answer = Shedder(full, Settings()).refuse(PLAIN, PEER)
    assert answer
    lines, _, body = answer.partition(b"\r\n\r\n")
    assert lines.startswith(b"HTTP/1.1 503 Service Unavailable\r\n")
    assert f"Content-Length: {len(body)}".encode() in lines
    assert b"Retry-After: 2" in lines  # forty at a 32nd of a second
    assert b"Connection: keep-alive" in lines
    assert json.loads(body)["error"]["code"] == "model_busy"


@pytest.mark.parametrize(
    "other",
    [
        PLAIN.replace(b"POST", b"GET"),
        PLAIN.replace(b"landscape", b"nobody"),
        PLAIN.replace(b"/predict", b"/explain"),
        PLAIN.replace(b"/predict", b"/video"),
        PLAIN.replace(b"HTTP/1.1", b"HTTP/1.0"),
        PLAIN.replace(b"Host: a", b"Connection: Close"),
        PLAIN.replace(b"Host: a", b"Content-Length: 6"),
        PLAIN.replace(b"Host: a", b"Content-Length : 6"),
        PLAIN.replace(b"Host: a", b"Transfer-Encoding: chunked"),
        PLAIN.replace(b"Host: a", b"X: a\nContent-Length: 6"),
        PLAIN.replace(b"Host: a", b"X: a\rContent-Length: 6"),
        b"",
    ],
)
def test_what_leaves_anything_open_is_the_applications(full: Admission, other: bytes) -> None:
    assert Shedder(full, Settings()).refuse(other, PEER) is None


def test_nobody_is_refused_while_there_is_room() -> None:
    assert Shedder(Admission(Settings(), None), Settings()).refuse(PLAIN, PEER) is None


@pytest.mark.parametrize(
    ("hops", "header", "client"),
    [
        (0, b"X-Forwarded-For: 203.0.113.9", PEER),
        (1, b"X-Forwarded-For: 203.0.113.9", "203.0.113.9"),
        (1, b"x-forwarded-for: 10.0.0.1, 203.0.113.9", "203.0.113.9"),
        (2, b"X-Forwarded-For: 10.0.0.1\r\nX-Forwarded-For: 203.0.113.9", "10.0.0.1"),
        (2, b"X-Forwarded-For: 203.0.113.9", PEER),
    ],
)
def test_the_client_is_whom_the_trusted_proxies_name(hops: int, header: bytes, client: str) -> None:
    shedder = Shedder(Admission(Settings(), None), Settings(trusted_proxies=hops))
    assert shedder._find_client(PLAIN.replace(b"Host: a", header), PEER) == client


@pytest.mark.parametrize("limit", ["", "1/hour"])
def test_who_does_not_listen_is_not_listened_to_for_a_moment(model_server: ModelServerStub, limit: str) -> None:
    """Whether the main loop refuses, as there is no room, or the application, as a client asks too often."""
    go = threading.Event()

    def wait(request: BaseHTTPRequestHandler, body: bytes) -> tuple[int, bytes]:
        go.wait(2 * PATIENCE)
        return 200, b"{}"

    model_server.reply = wait
    # Another host than this machine, which no limit holds.
    request = head(0, len(image())).replace(b"\r\n", b"\r\nX-Forwarded-For: 203.0.113.9\r\n", 1)
    request = request.replace(b"127.0.0.1:0", b"127.0.0.1") + image()
    settings: dict[str, Any] = {
        "workers": 1,
        "threads": 64,
        "queue_seconds": 0.01,
        "trusted_proxies": 1,
        "rate_limit": limit,
    }
    with gunicorn(model_server, **settings) as port, ExitStack() as stack:
        visitors = [stack.enter_context(socket.create_connection(("127.0.0.1", port))) for _ in range(33)]
        for each in visitors:
            each.sendall(request)
        refused, _, _ = select.select(visitors, [], [], PATIENCE)
        other = refused[0]
        receive(other)
        began, statuses = time.monotonic(), []
        for _ in range(20):
            other.sendall(request)
            statuses.append(_status(receive(other)))
        assert statuses == 20 * [429 if limit else 503]
        assert time.monotonic() - began >= 19 * REST_SECONDS  # the first rest began before
        go.set()


def test_refusals_and_answers_follow_one_another_on_a_connection(model_server: ModelServerStub) -> None:
    """Many requests in one go, of which some find room: each gets its answer, in order, and the metrics count all."""
    go = threading.Event()

    def wait(request: BaseHTTPRequestHandler, body: bytes) -> tuple[int, bytes]:
        go.wait(60)
        return 200, b"{}"

    model_server.reply = wait
    request = head(0, len(image())).replace(b"127.0.0.1:0", b"127.0.0.1") + image()
    with gunicorn(model_server, workers=1, threads=64, queue_seconds=0.1) as port, ExitStack() as stack:
        visitors = [stack.enter_context(socket.create_connection(("127.0.0.1", port))) for _ in range(40)]
        for each in visitors:
            each.sendall(request)
        refused: list[socket.socket] = []
        while len(refused) < 8:  # thirty-two are waiting
            refused, _, _ = select.select(visitors, [], [], 30)
            assert refused
        assert [_status(receive(each)) for each in refused] == [503] * 8
        other = refused[0]
        other.sendall(20 * request)
        received = b""
        while received.count(b"model_busy") < 20:
            received += receive(other)
        assert received.count(b"HTTP/1.1 503") == len(re.findall(rb"Retry-After: \d+", received)) == 20
        assert b"Date:" not in received  # which the application's answers have
        go.set()
        assert [_status(receive(each)) for each in visitors if each not in refused] == [200] * 32
        other.sendall(request)
        assert _status(receive(other)) == 200
        counted = read_metrics(port)
    found = re.search(
        r'hwapung_requests_total\{endpoint="classify.predict",method="POST",status="503"\} (\S+)', counted
    )
    assert found
    assert float(found[1]) == 28


def _status(answer: bytes) -> int:
    return int(answer.split(b" ", 2)[1])
