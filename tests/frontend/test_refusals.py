"""What is no request gets an answer like every other: typed, and with the headers that keep it to itself."""

from __future__ import annotations

import json
import socket
from collections.abc import Iterator

import pytest
from gunicorn.http import errors as http  # type: ignore[import-untyped]

from frontend import refusals
from frontend.security import HEADERS
from tests.frontend.gunicorns import gunicorn, read_metrics, receive
from tests.frontend.model_server_stub import ModelServerStub

PREDICT = b"POST /api/v1/models/landscape/predict HTTP/1.1\r\nHost: localhost\r\n"


@pytest.fixture(scope="module")
def port() -> Iterator[int]:
    stub = ModelServerStub()
    with gunicorn(stub, workers=1, threads=2) as number:
        yield number
    stub.close()


@pytest.mark.parametrize(
    ("sent", "status", "code"),
    [
        (b"nonsense\r\n\r\n", 400, "unreadable_request"),
        (b"GET /\r\n\r\n", 400, "unreadable_request"),
        (b"\x16\x03\x01\x02\0\x01\0\x01\xfc\x03\x03\r\n\r\n", 400, "unreadable_request"),
        (b"G@T / HTTP/1.1\r\n\r\n", 400, "unreadable_request"),
        (b"GET / HTTP/9.9\r\n\r\n", 400, "unreadable_request"),
        (b"GET / HTTP/1.1\r\nbad header: 1\r\n\r\n", 400, "unreadable_request"),
        (b"GET / HTTP/1.1\r\nA: 1\r\n folded\r\n\r\n", 400, "unreadable_request"),
        (PREDICT + b"Content-Length: 1\r\nContent-Length: 2\r\n\r\nxx", 400, "unreadable_request"),
        (PREDICT + b"Content-Length: x\r\n\r\n", 400, "unreadable_request"),
        (PREDICT + b"Transfer-Encoding: br\r\n\r\n", 501, "unreadable_request"),
        (PREDICT + b"Expect: miracles\r\nContent-Length: 1\r\n\r\nx", 417, "unreadable_request"),
        (b"GET /" + b"a" * 9000 + b" HTTP/1.1\r\n\r\n", 414, "head_too_large"),
        (b"GET / HTTP/1.1\r\nCookie: " + b"a" * 9000 + b"\r\n\r\n", 431, "head_too_large"),
        (b"GET / HTTP/1.1\r\n" + b"A: 1\r\n" * 200 + b"\r\n", 431, "head_too_large"),
        (PREDICT + b"Transfer-Encoding: chunked\r\n\r\nno size\r\n", 400, "broken_upload"),
    ],
)
def test_what_is_no_request_is_refused_in_the_shape_of_every_error(
    port: int, sent: bytes, status: int, code: str
) -> None:
    with socket.create_connection(("127.0.0.1", port)) as connection:
        connection.sendall(sent)
        head, _, body = receive(connection).partition(b"\r\n\r\n")
        assert connection.recv(1) == b""
    first, *lines = head.decode().split("\r\n")
    headers = dict(line.split(": ", 1) for line in lines)
    assert first.startswith(f"HTTP/1.1 {status} ")
    error = json.loads(body)["error"]
    assert (error["code"], bool(error["message"]), bool(error["remedy"])) == (code, True, True)
    assert headers["Content-Type"] == "application/json"
    assert headers.items() >= dict(HEADERS).items()
    assert headers["Content-Security-Policy"].startswith("default-src 'none'")
    assert f'hwapung_errors_total{{code="{code}"}}' in read_metrics(port)


def test_what_the_parser_does_not_raise_is_our_own_mistake() -> None:
    for fault in (ValueError("ours"), http.InvalidResponseHeader("ours"), http.ConfigurationProblem("ours")):
        error = refusals.explain(fault)
        assert (error.status, error.code) == (500, "internal_error")
        assert "ours" not in refusals.write(error).decode()
