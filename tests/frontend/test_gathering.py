"""Requests are gathered without threads: who sends slowly, or not at all, keeps nobody from an answer."""

from __future__ import annotations

import json
import resource
import select
import socket
import threading
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from http.server import BaseHTTPRequestHandler
from itertools import pairwise
from typing import Any

import pytest
import urllib3
from gunicorn.config import Config
from hypothesis import example, given
from hypothesis import strategies as st

from frontend.chunks import Chunks
from frontend.gathering import HEAD_BYTES, LISTENED, Allowance, Bounds, Gathering
from tests.frontend.gunicorns import PREDICT, gunicorn, head, receive
from tests.frontend.model_server_stub import ModelServerStub, answer, image
from tests.frontend.video.films import make_film
from tests.waiting import PATIENCE

VIDEO = "/api/v1/models/landscape/video"


@pytest.fixture(scope="module")
def port(stub: ModelServerStub) -> Iterator[int]:
    """One process of two threads and twenty connections, with room for 4 MiB of uploads. Who waits for one that sends
    slowly waits longer than anything here: none is cut off before."""
    limits = ("max_upload_bytes", "video_max_bytes", "batch_max_bytes")
    settings: dict[str, Any] = dict.fromkeys(limits, 3 * 2**20) | {
        "upload_room": 4 * 2**20,
        "upload_timeout": 10 * PATIENCE,
    }
    with gunicorn(stub, "--worker-connections", "20", workers=1, threads=2, video_places=1, **settings) as number:
        yield number


def ask_for_health(port: int) -> None:
    # A connection kept from before might be the one that goes.
    url, alone = f"http://127.0.0.1:{port}/healthz", {"Connection": "close"}
    response = urllib3.request("GET", url, headers=alone, timeout=PATIENCE, retries=False)
    assert (response.status, response.json()) == (200, {"alive": True})


def predict(port: int) -> int:
    url = f"http://127.0.0.1:{port}{PREDICT}"
    headers = {"Content-Type": "image/png", "Connection": "close"}
    return urllib3.request("POST", url, body=image(), headers=headers, timeout=PATIENCE).status


def test_more_senders_of_a_byte_than_there_are_connections_keep_nobody_out(port: int) -> None:
    with ExitStack() as stack:
        for number in range(60):
            connection = stack.enter_context(socket.create_connection(("127.0.0.1", port)))
            whole = head(port, 1000)
            connection.sendall((b"P", whole[:40], whole, whole + b"x")[number % 4])
        ask_for_health(port)
        assert predict(port) == 200


def test_health_answers_while_every_thread_waits_for_the_model(port: int, stub: ModelServerStub) -> None:
    at_model, over = threading.Semaphore(0), threading.Event()

    def hang(request: BaseHTTPRequestHandler, body: bytes) -> tuple[int, bytes]:
        at_model.release()
        over.wait(2 * PATIENCE)
        return 200, json.dumps(answer()).encode()

    stub.reply = hang
    try:
        with ExitStack() as stack:
            for _ in range(6):
                connection = stack.enter_context(socket.create_connection(("127.0.0.1", port)))
                connection.sendall(head(port, 5) + b"image")
            for _ in range(2):  # threads
                assert at_model.acquire(timeout=PATIENCE)
            ask_for_health(port)
    finally:
        over.set()
        stub.reply = None


def test_who_does_not_close_after_the_answer_holds_up_nobody(port: int) -> None:
    with ExitStack() as stack:
        for _ in range(15):
            connection = stack.enter_context(socket.create_connection(("127.0.0.1", port)))
            connection.sendall(head(port, None, "Connection: close", path="/healthz", method="GET"))
            assert receive(connection).startswith(b"HTTP/1.1 200")
        ask_for_health(port)


def test_videos_that_come_slowly_take_no_place(port: int) -> None:
    film = make_film(seconds=2)
    with ExitStack() as stack:
        for _ in range(3):
            connection = stack.enter_context(socket.create_connection(("127.0.0.1", port)))
            connection.sendall(head(port, len(film), path=VIDEO).replace(b"image/png", b"video/mp4") + film[:100])
        url = f"http://127.0.0.1:{port}{VIDEO}"
        headers = {"Content-Type": "video/mp4"}
        response = urllib3.request("POST", url, body=film, headers=headers, timeout=PATIENCE)
        assert (response.status, b"event: result" in response.data) == (200, True)


def test_where_uploads_have_no_room_left_the_slowest_goes(port: int) -> None:
    body = bytes(2 * 2**20)
    with ExitStack() as stack:
        slow = []
        for _ in range(3):
            slow.append(stack.enter_context(socket.create_connection(("127.0.0.1", port))))
            slow[-1].sendall(head(port, len(body) + 1) + body)
        (gone, *more), _, _ = select.select(slow, [], [], PATIENCE)
        refusal = receive(gone)
        assert (refusal[:12], b'"no_room"' in refusal, more) == (b"HTTP/1.1 507", True, [])
        assert predict(port) == 200


def test_a_body_waits_for_leave_where_the_client_asks_for_it(port: int) -> None:
    with socket.create_connection(("127.0.0.1", port)) as connection:
        connection.sendall(head(port, len(image()), "Expect: 100-continue"))
        assert connection.recv(1000) == b"HTTP/1.1 100 Continue\r\n\r\n"
        connection.sendall(image())
        assert receive(connection).startswith(b"HTTP/1.1 200")


def test_a_body_that_would_be_refused_gets_no_leave(port: int) -> None:
    with socket.create_connection(("127.0.0.1", port)) as connection:
        connection.sendall(head(port, 10**9, "Expect: 100-continue"))
        assert receive(connection).startswith(b"HTTP/1.1 413")


def test_a_head_without_an_end_is_refused(port: int) -> None:
    with socket.create_connection(("127.0.0.1", port)) as connection:
        connection.sendall(b"GET / HTTP/1.1\r\n" + b"X-Long: word\r\n" * (HEAD_BYTES // 14))
        assert receive(connection).startswith(b"HTTP/1.1 431")


def test_a_full_temporary_folder_is_no_room(stub: ModelServerStub) -> None:
    """Pictures, parts of forms and videos alike. What the system forbids a file here, it forbids a full disk, too."""

    def forbid() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (2**21, 2**21))

    large = bytes(3 * 2**20)
    with gunicorn(stub, before=forbid, workers=1) as port:
        for path in (PREDICT, VIDEO):
            url = f"http://127.0.0.1:{port}{path}"
            raw = urllib3.request("POST", url, body=large, headers={"Content-Type": "application/octet-stream"})
            form = urllib3.request("POST", url, fields={"data": ("a.png", large)})
            for response in (raw, form):
                assert (response.status, response.json()["error"]["code"]) == (507, "no_room")
                assert response.headers["Retry-After"] == "60"
        page = urllib3.request("POST", f"http://127.0.0.1:{port}/models/landscape", fields={"data": ("a.png", large)})
        assert (page.status, "There is no room for this file right now." in page.data.decode()) == (507, True)
        assert predict(port) == 200


def gather(pieces: list[bytes], most: int = 2**24) -> list[tuple[str, str, bytes]]:
    """What reaches the application when these pieces come: (method, declared length, body) of each request."""
    config = Config()
    config.set("forwarded_allow_ips", "")
    ours, theirs = socket.socketpair()
    seen = []
    with ours, theirs:
        gathering = Gathering(config, ours, ("127.0.0.1", 1), Bounds(lambda path: Allowance(2**20, 10), most))
        for piece in [*pieces, b""]:
            theirs.sendall(piece) if piece else theirs.shutdown(socket.SHUT_WR)
            while gathering.receive() and gathering.seconds is not None:
                request = next(gathering)
                seen.append((request.method, dict(request.headers).get("CONTENT-LENGTH", ""), request.body.read()))
                gathering.forget()
                if gathering.outstanding:
                    return seen
    return seen


def cut(data: bytes, places: list[int]) -> list[bytes]:
    at = sorted({place % (len(data) + 1) for place in places} | {0, len(data)})
    return [data[one:other] for one, other in pairwise(at)]


PLACES = st.lists(st.integers(0, 10**6), max_size=12)


@given(st.lists(st.tuples(st.booleans(), st.binary(max_size=300), PLACES), min_size=1, max_size=4), PLACES)
def test_however_a_request_is_cut_the_same_arrives(
    requests: list[tuple[bool, bytes, list[int]]], places: list[int]
) -> None:
    wire = b""
    for chunked, body, chunks in requests:
        if chunked:
            coded = b"".join(b"%x;x=y\r\n%s\r\n" % (len(piece), piece) for piece in cut(body, chunks) if piece)
            wire += b"POST /a HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n%s0\r\nT: r\r\n\r\n" % coded
        else:
            wire += b"POST /a HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body)
    expected = [("POST", str(len(body)), body) for _, body, _ in requests]
    assert gather(cut(wire, places)) == expected


@given(st.binary(max_size=200), PLACES)
@example(b"5\r\nab", [])
@example(b"zz\r\n", [])
def test_chunks_that_are_broken_never_come_as_a_whole_body(coded: bytes, places: list[int]) -> None:
    chunks = Chunks()
    with suppress(ValueError):
        chunks.feed(coded)
    wire = b"POST /a HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n" + coded
    (_, length, body), *_ = gather(cut(wire, places))
    assert (int(length) == len(body)) == chunks.ended


def test_where_there_is_no_room_reading_the_body_says_so() -> None:
    config = Config()
    ours, theirs = socket.socketpair()
    with ours, theirs:
        gathering = Gathering(config, ours, ("127.0.0.1", 1), Bounds(lambda path: Allowance(2**20, 10), 2**20))
        theirs.sendall(b"POST /a HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\nabc")
        assert not gathering.receive()
        gathering.give_up(stored=False)
        with pytest.raises(OSError, match="no room"):
            next(gathering).body.read()
        gathering.forget()
        assert gathering.outstanding


def test_a_body_that_comes_by_the_byte_is_looked_at_when_it_is_worth_it() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server, socket.create_connection(server.getsockname()) as theirs:
        ours, _ = server.accept()
        gathering = Gathering(Config(), ours, ("127.0.0.1", 1), Bounds(lambda path: Allowance(2**20, 10), 2**20))

        def is_told(data: bytes) -> bool:
            """Whether the process that gathers is told of these bytes."""
            theirs.sendall(data)
            told = bool(select.select([ours], [], [], 0.5)[0])
            if told:
                gathering.receive()
                gathering.listen(patiently=True)
            return told

        with ours:
            gathering.listen(patiently=True)
            assert is_told(b"P")  # of a head nobody knows how long it will be
            assert is_told(b"OST /a HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n" % (LISTENED + 100))
            assert not is_told(b"a")
            assert is_told(bytes(LISTENED - 1))
            assert not is_told(bytes(99))
            assert is_told(b"z")
            assert gathering.complete
            assert next(gathering).body.read() == b"a" + bytes(LISTENED + 98) + b"z"
            gathering.forget()
            gathering.listen(patiently=True)
            assert is_told(b"P")
