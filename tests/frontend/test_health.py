from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler

import pytest
from flask.testing import FlaskClient

from frontend import catalogue, health
from tests.frontend.model_server_stub import FAULTS, ModelServerStub, image, own_error
from tests.waiting import PATIENCE, Clock, wait_until

MakeClient = Callable[..., FlaskClient]


@pytest.fixture
def hanging(model_server: ModelServerStub) -> Iterator[list[str]]:
    """A model that answers nobody before the test is over: who has an answer did not wait for its. Yields what it is
    asked."""
    over = threading.Event()
    asked: list[str] = []

    def hang(request: BaseHTTPRequestHandler, body: bytes) -> None:
        asked.append(request.path)
        over.wait(2 * PATIENCE)

    model_server.reply = hang
    yield asked
    over.set()


def test_alive_says_nothing_about_the_model(client: FlaskClient, model_server: ModelServerStub) -> None:
    model_server.reply = FAULTS["no worker"]
    response = client.get("/healthz")
    assert (response.status_code, response.json) == (200, {"alive": True})
    assert model_server.seen == []


def test_ready_after_a_real_prediction_by_each_model(make_client: MakeClient, model_server: ModelServerStub) -> None:
    response = make_client(models=("landscape", "sketches")).get("/readyz")
    assert response.status_code == 200
    assert response.json == {"ready": True, "models": {"landscape": "ready", "sketches": "ready"}}
    asked = sorted(path for path, _, _ in model_server.seen)
    assert asked == ["/predictions/landscape", "/predictions/sketches"]
    assert model_server.seen[0][2].startswith(b"\x89PNG")


def test_not_ready_with_the_reason(client: FlaskClient, model_server: ModelServerStub) -> None:
    for reply, reason in ((FAULTS["no worker"], "model_starting"), (own_error(500, "bad_bundle"), "model_failed")):
        model_server.reply = reply
        response = client.get("/readyz")
        assert (response.status_code, response.json) == (503, {"ready": False, "models": {"landscape": reason}})


def test_readiness_is_kept_for_a_while(
    make_client: MakeClient, model_server: ModelServerStub, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = Clock()
    monkeypatch.setattr(health, "time", clock)
    client = make_client(readiness_seconds=5)
    for _ in range(3):
        assert client.get("/readyz").status_code == 200
    assert len(model_server.seen) == 1
    clock.now += 5
    assert client.get("/readyz").status_code == 200
    assert len(model_server.seen) == 2


def test_metrics_count_requests_errors_and_the_models_time(client: FlaskClient, model_server: ModelServerStub) -> None:
    def value(name: str) -> float:
        lines = [line for line in client.get("/metrics").text.splitlines() if line.startswith(name + " ")]
        return float(lines[0].split()[-1]) if lines else 0.0

    answered = 'hwapung_requests_total{endpoint="classify.predict",method="POST",status="200"}'
    failed = 'hwapung_errors_total{code="model_failed"}'
    timed = 'hwapung_model_seconds_count{model="landscape"}'
    before = [value(name) for name in (answered, failed, timed)]
    client.post("/api/v1/models/landscape/predict", data=image(), content_type="image/png")
    model_server.reply = FAULTS["worker died"]
    client.post("/api/v1/models/landscape/predict", data=image(), content_type="image/png")
    assert [value(name) for name in (answered, failed, timed)] == [
        before[0] + 1,
        before[1] + 1,
        before[2] + 3,
    ]  # asked twice


@pytest.mark.usefixtures("hanging")
def test_readiness_does_not_wait_for_a_model_that_hangs(
    make_client: MakeClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(health, "PATIENCE", 0.2)
    response = make_client(models=("landscape", "sketches")).get("/readyz")
    assert response.json == {"ready": False, "models": dict.fromkeys(("landscape", "sketches"), "model_too_slow")}


def test_a_known_card_is_shown_while_the_model_hangs(
    make_client: MakeClient, model_server: ModelServerStub, hanging: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = Clock()
    monkeypatch.setattr(catalogue, "time", clock)
    client = make_client(catalogue_seconds=60)
    assert client.get("/api/v1/models/landscape").status_code == 200
    model_server.describes = False
    clock.now += 60
    for page in ("/", "/models/landscape", "/api/v1/models"):
        assert client.get(page).status_code == 200
    wait_until(lambda: hanging)  # it is asked for again all the same


@pytest.mark.usefixtures("hanging")
def test_a_card_that_was_never_had_is_waited_for_briefly(
    make_client: MakeClient, model_server: ModelServerStub, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(catalogue, "PATIENCE", 0.2)
    model_server.describes = False
    response = make_client(models=("landscape", "sketches"), catalogue_seconds=60).get("/api/v1/models")
    assert response.json == {
        "models": [{"name": name, "error": "model_too_slow"} for name in ("landscape", "sketches")]
    }
