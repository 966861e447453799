"""What a program gets when the model server fails: each of TorchServe's faults has its own code and status."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler

import pytest
from flask.testing import FlaskClient

from frontend import model_server as module
from tests.frontend.model_server_stub import FAULTS, ModelServerStub, image, own_error
from tests.waiting import PATIENCE, Clock

PREDICT = "/api/v1/models/landscape/predict"
MakeClient = Callable[..., FlaskClient]


def code_of(client: FlaskClient, path: str = PREDICT) -> tuple[int, str]:
    response = client.post(path, data=image(), content_type="image/png")
    assert response.content_type == "application/json"
    assert response.json is not None
    assert set(response.json["error"]) == {"code", "message", "remedy"}
    return response.status_code, response.json["error"]["code"]


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(module, "time", clock)
    return clock


@pytest.mark.parametrize(
    ("fault", "expected"),
    [
        ("not registered", (503, "model_starting")),
        ("no worker", (503, "model_starting")),
        ("handler raised", (502, "model_failed")),
        ("wrong count", (502, "model_failed")),
        ("out of memory", (502, "model_failed")),
        ("worker died", (502, "model_failed")),
        ("too large", (413, "picture_too_large")),
    ],
)
def test_a_fault_of_torchserve_is_named(
    client: FlaskClient, model_server: ModelServerStub, fault: str, expected: tuple[int, str]
) -> None:
    model_server.reply = FAULTS[fault]
    assert code_of(client) == expected


@pytest.mark.usefixtures("clock")
def test_a_model_that_has_just_answered_is_busy_not_starting(
    client: FlaskClient, model_server: ModelServerStub
) -> None:
    assert client.post(PREDICT, data=image(), content_type="image/png").status_code == 200
    model_server.reply = FAULTS["no worker"]
    assert code_of(client) == (503, "model_busy")


def test_a_model_that_has_been_silent_for_long_is_starting_again(
    make_client: MakeClient, model_server: ModelServerStub, clock: Clock
) -> None:
    client = make_client(answer_timeout=30)
    assert client.post(PREDICT, data=image(), content_type="image/png").status_code == 200
    model_server.reply = FAULTS["no worker"]
    clock.now += 30
    assert code_of(client) == (503, "model_starting")


def test_nobody_listening_is_model_down(make_client: MakeClient) -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        port = unused.getsockname()[1]
    assert code_of(make_client(model_server_url=f"http://127.0.0.1:{port}")) == (503, "model_down")


def test_a_hanging_model_is_too_slow(make_client: MakeClient, model_server: ModelServerStub) -> None:
    over = threading.Event()

    def hang(request: BaseHTTPRequestHandler, body: bytes) -> None:
        over.wait(PATIENCE)

    model_server.reply = hang
    assert code_of(make_client(answer_timeout=0.1)) == (504, "model_too_slow")
    over.set()


def test_an_answer_that_breaks_off_is_a_failure(client: FlaskClient, model_server: ModelServerStub) -> None:
    def cut_off(request: BaseHTTPRequestHandler, body: bytes) -> None:
        request.send_response(200)
        request.send_header("Content-Length", "1000")
        request.end_headers()
        request.wfile.write(b'{"class": "chi')

    model_server.reply = cut_off
    assert code_of(client) == (502, "model_failed")


def test_a_connection_that_closed_meanwhile_is_opened_again(client: FlaskClient, model_server: ModelServerStub) -> None:
    closed = []

    def close_once(request: BaseHTTPRequestHandler, body: bytes) -> tuple[int, bytes] | None:
        closed.append(True)
        return None if len(closed) == 1 else (200, b"{}")

    model_server.reply = close_once
    response = client.post(PREDICT, data=image(), content_type="image/png")
    assert (response.status_code, response.data, len(closed)) == (200, b"{}", 2)


def test_a_model_that_always_hangs_up_has_failed(client: FlaskClient, model_server: ModelServerStub) -> None:
    model_server.reply = lambda request, body: None
    assert code_of(client) == (502, "model_failed")
    assert len(model_server.seen) == 2


@pytest.mark.parametrize(
    ("status", "code"), [(400, "not_a_picture"), (400, "broken_picture"), (413, "picture_too_large")]
)
def test_the_handlers_own_errors_pass_through_unchanged(
    client: FlaskClient, model_server: ModelServerStub, status: int, code: str
) -> None:
    model_server.reply = own_error(status, code)
    response = client.post(PREDICT, data=b"text", content_type="image/png")
    assert (response.status_code, response.data) == model_server.reply


def test_an_error_that_may_pass_says_when_to_try_again(client: FlaskClient, model_server: ModelServerStub) -> None:
    model_server.reply = FAULTS["no worker"]
    response = client.post(PREDICT, data=image(), content_type="image/png")
    assert int(response.headers["Retry-After"]) > 0


def test_a_question_that_a_worker_died_of_is_asked_again_when_there_is_another(
    client: FlaskClient, model_server: ModelServerStub
) -> None:
    """TorchServe says so of the questions in its hands, and of others until the next worker is ready."""
    assert client.post(PREDICT, data=image(), content_type="image/png").status_code == 200
    replies = [FAULTS["worker died"], FAULTS["no worker"], FAULTS["no worker"], (200, b"{}")]
    model_server.reply = lambda request, body: replies.pop(0)
    assert client.post(PREDICT, data=image(), content_type="image/png").status_code == 200
    assert replies == []


def test_a_question_that_two_workers_died_of_is_not_asked_again(
    client: FlaskClient, model_server: ModelServerStub
) -> None:
    model_server.reply = FAULTS["worker died"]
    assert code_of(client) == (502, "model_failed")
    assert len(model_server.seen) == 2
