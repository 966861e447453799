"""A server that is busy, gone, another or broken, and the real ones."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

import hwapung
from hwapung import client as clients
from hwapung.batch.engines import ServerEngine
from hwapung.batch.run import Extras, predict_many
from hwapung.batch.sources import open_source
from hwapung.batch.tables import open_table
from hwapung.client import Client
from model_training.runtime.errors import ImageError, ServingError, StoppedError
from tests.cards import make_card
from tests.running import run
from tests.waiting import PATIENCE

Reply = tuple[int, dict[str, Any] | bytes, dict[str, str]]
ANSWER = {"class": "china", "confidence": 0.9, "verdict": "sure", "probabilities": {"china": 0.9, "한국 그림": 0.1}}
GOOD: Reply = (200, ANSWER | {"model": "tiny", "version": "1.0"}, {})


def fault(status: int, code: str, **headers: str) -> Reply:
    return status, {"error": {"code": code, "message": f"It is {code}.", "remedy": "Wait."}}, headers


@contextmanager
def answering(decide: Callable[[bytes], Reply]) -> Iterator[str]:
    """A front end with one model, whose predictions `decide` makes of the bytes that are sent."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            if self.path == "/api/v1/models":
                self._send((200, {"models": [{"name": "tiny"}]}, {}))
            elif self.path == "/api/v1/models/tiny":
                self._send((200, json.loads(make_card().model_dump_json()), {}))
            else:
                self._send((404, b"<html>", {}))

        def do_POST(self) -> None:
            self._send(decide(self.rfile.read(int(self.headers["Content-Length"]))))

        def _send(self, reply: Reply) -> None:
            status, content, headers = reply
            body = content if isinstance(content, bytes) else json.dumps(content).encode()
            if status == 0:
                self.close_connection = True
                return
            self.send_response(status)
            for name, value in (headers | {"Content-Length": str(len(body))}).items():
                self.send_header(name.replace("_", "-"), value)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *arguments: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()


@pytest.fixture(autouse=True)
def _impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(clients, "_FIRST_WAIT", 0.01)


def test_a_busy_server_is_asked_again_when_it_wants_to_be() -> None:
    asked: list[float] = []

    def decide(image: bytes) -> Reply:
        asked.append(time.monotonic())
        return fault(503, "model_busy", Retry_After="1") if len(asked) == 1 else GOOD

    with answering(decide) as url:
        assert Client(url).predict([b"picture"]) == [GOOD[1]]
    assert asked[1] - asked[0] >= 1


def test_a_server_that_stays_busy_is_given_up() -> None:
    with answering(lambda image: fault(429, "too_many_requests", Retry_After="999")) as url:
        started = time.monotonic()
        with pytest.raises(ServingError, match=r"does not answer \(status 429: It is too_many_requests\.\)"):
            Client(url, patience=0.3).predict([b"picture"])
        assert time.monotonic() - started < 5 * PATIENCE


@pytest.mark.parametrize("status", [0, 500, 502, 504])
def test_a_picture_that_breaks_a_healthy_server_is_the_picture_s_fault(status: int) -> None:
    def decide(image: bytes) -> Reply:
        return fault(status, "model_failed") if image == b"poison" else GOOD

    with answering(decide) as url:
        good, bad, other = Client(url).predict([b"a", b"poison", b"b"])
    assert good == other == GOOD[1]
    assert isinstance(bad, ImageError)
    assert bad.message.startswith("The server fails at this picture (")


def test_a_server_that_was_away_is_not_a_picture_s_fault() -> None:
    """It comes back just before it is asked about a harmless picture."""
    asked: list[bytes] = []

    def decide(image: bytes) -> Reply:
        asked.append(image)
        return fault(502, "model_failed") if len(asked) <= 4 else GOOD

    with answering(decide) as url:
        assert Client(url).predict([b"picture"]) == [GOOD[1]]
    assert len(asked) == 6


def test_a_picture_that_is_refused_has_the_server_s_words() -> None:
    with answering(lambda image: fault(400, "broken_picture")) as url:
        (found,) = Client(url).predict([b"picture"])
    assert isinstance(found, ImageError)
    assert (found.code, found.message, found.remedy) == ("broken_picture", "It is broken_picture.", "Wait.")
    with answering(lambda image: (413, b"<html>", {})) as url:
        (found,) = Client(url).predict([b"picture"])
    assert isinstance(found, ImageError)
    assert found.code == "picture_too_large"


@pytest.mark.parametrize("address", ["ftp://x", "", "http://"])
def test_what_is_no_address_is_said(address: str) -> None:
    with pytest.raises(ServingError, match="is no address of a server"):
        Client(address)


def test_a_wrong_address_is_said_at_once(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "a.jpg").write_bytes(b"x")
    given = [str(tmp_path), "--to", str(tmp_path / "a.csv"), "--server", "http://127.0.0.1:9"]
    status, _, err = run(capsys, "predict", *given)
    said = "error: http://127.0.0.1:9 can't be reached (the connection is refused)."
    assert (status, err) == (1, f"{said} Start it (hwapung serve), or mend --server.\n")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.jpg"]


@pytest.mark.parametrize("reply", [(404, b"<html>", {}), (301, b"", {"Location": "/x"}), (200, b"hello", {})])
def test_another_s_server_is_told_apart(reply: Reply) -> None:
    with answering(lambda image: reply) as url, pytest.raises(ServingError, match="is no server of ours"):
        Client(url).predict([b"picture"])


def test_a_lost_server_stops_the_run_and_it_goes_on(tmp_path: Path) -> None:
    pictures = tmp_path / "pictures"
    pictures.mkdir()
    for number in range(40):
        (pictures / f"{number:02d}.jpg").write_bytes(b"%d" % number)

    def predict(url: str) -> int:
        engine = ServerEngine(Client(url, connections=2, patience=0.1))
        return predict_many(engine, open_source([pictures]), open_table(tmp_path / "a.jsonl"), Extras()).resumed

    # By the picture, not by how many came: of two that are asked at once either may come first.
    def leave(image: bytes) -> Reply:
        return GOOD if int(image) < 20 else fault(503, "model_down")

    with answering(leave) as url, pytest.raises(ServingError, match="model_down"):
        predict(url)

    def change(image: bytes) -> Reply:
        return GOOD if int(image) < 25 else (200, ANSWER | {"version": "2.0"}, {})

    with answering(change) as url, pytest.raises(StoppedError, match=r"answers by version 2\.0 now, and did by 1\.0"):
        predict(url)
    with answering(lambda image: GOOD) as url:
        assert predict(url) == 25
    found = [json.loads(line)["path"] for line in (tmp_path / "a.jsonl").read_text().splitlines()]
    assert found == sorted(str(path) for path in pictures.iterdir())


def test_the_real_servers_answer_as_the_bundle(
    live_site: str, tiny_bundle: Path, procedural_folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "text.jpg").write_text("no picture")
    images = [*sorted(procedural_folder.rglob("*.jpg"))[:20], tmp_path / "text.jpg"]
    client = Client(live_site)
    assert (client.models(), client.model, client.card.name) == (["landscape"], "landscape", "landscape")
    wanted = hwapung.load(tiny_bundle, "cpu").predict(images)
    for found, answer in zip(client.predict(images), wanted, strict=True):
        if isinstance(answer, ImageError):
            assert isinstance(found, ImageError)
            assert found.as_answer() == answer.as_answer()
            continue
        assert not isinstance(found, ImageError)
        assert found["class"] == answer["class"]
        assert found["probabilities"] == pytest.approx(answer["probabilities"], abs=2e-6)
    (explained,) = client.predict(images[:1], explain=True)
    assert not isinstance(explained, ImageError)
    assert explained["explanation"]["method"] == "grad-cam"
    given = [str(procedural_folder), "--to", str(tmp_path / "a.json"), "--server", live_site]
    assert run(capsys, "predict", *given)[0] == 0
    assert len(json.loads((tmp_path / "a.json").read_text("utf-8"))) == 30
