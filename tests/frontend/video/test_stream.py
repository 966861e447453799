"""The stream of events, its ends, and what is left behind: nothing."""

from __future__ import annotations

import base64
import gc
import io
import json
import tempfile
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any

import pytest
from flask.testing import FlaskClient

from frontend.video import analysis
from tests.frontend.model_server_stub import FAULTS, ModelServerStub, answer, image, own_error, unknown_answer
from tests.frontend.video.films import make_film
from tests.waiting import come_to_rest

API = "/api/v1/models/landscape/video"
PAGE = "/models/landscape/video"
FRAGMENT = {"X-Fragment": "answer"}
Events = list[tuple[str, dict[str, Any]]]


def send(client: FlaskClient, film: bytes, query: str = "") -> Events:
    response = client.post(API + query, data=film, content_type="video/mp4")
    assert response.status_code == 200, response.text
    assert response.mimetype == "text/event-stream"
    return parse(response.text)


def parse(text: str) -> Events:
    blocks = [block.split("\n") for block in text.split("\n\n") if block.startswith("event: ")]
    return [(kind.removeprefix("event: "), json.loads(data.removeprefix("data: "))) for kind, data in blocks]


def open_films() -> int:
    """Nameless files that this process has open in the temporary folder, and threads that decode."""
    folder = tempfile.gettempdir()
    names = []
    for link in Path("/proc/self/fd").iterdir():
        with suppress(OSError):  # the folder's own
            names.append(str(link.readlink()))
    files = sum(name.startswith(folder) and name.endswith(" (deleted)") for name in names)
    return files + sum(thread.name == "video-decode" for thread in threading.enumerate())


@pytest.fixture(autouse=True)
def nothing_is_left() -> Iterator[None]:
    gc.collect()  # a test client keeps its last request
    before = open_films()
    yield
    gc.collect()
    assert open_films() == before


def test_a_film_is_answered_frame_by_frame_and_as_a_whole(
    make_client: Callable[..., FlaskClient], model_server: ModelServerStub
) -> None:
    shares = iter([0.9, 0.8, 0.7, 0.6, 0.9, 0.8, 0.7, 0.6, 0.2, 0.5])

    def reply(request: BaseHTTPRequestHandler, body: bytes) -> tuple[int, bytes]:
        assert body.startswith(b"\x89PNG")
        return 200, json.dumps(answer(china=next(shares))).encode()

    model_server.reply = reply
    events = send(make_client(video_requests=1), make_film(seconds=5))
    assert [kind for kind, _ in events] == ["video", *["frame"] * 10, "result"]
    video, frames, result = events[0][1], [data for _, data in events[1:-1]], events[-1][1]
    assert (video["seconds"], video["width"], video["height"], video["codec"]) == (5.0, 64, 48, "h264")
    assert [frame["time"] for frame in frames] == pytest.approx([number / 2 for number in range(10)], abs=0.11)
    assert [frame["index"] for frame in frames] == list(range(10))
    assert result["complete"] is True
    assert result["class"] == "china"
    assert result["confidence"] == pytest.approx(sum(f["probabilities"]["china"] for f in frames) / 10, abs=0.02)
    assert result["interval"][0] < result["confidence"] < result["interval"][1]
    assert result["verdict"] == "unsure"
    assert result["probabilities"]["china"]["share_of_time"] == pytest.approx(0.9, abs=0.05)
    assert (result["frames"], result["failed"]) == (10, 0)


def test_a_form_works_too_and_images_come_when_asked_for(client: FlaskClient, model_server: ModelServerStub) -> None:
    form = {"data": (io.BytesIO(make_film(seconds=1)), "film.mp4")}
    events = parse(client.post(f"{API}?images=true&rate=1", data=form).text)
    frame = events[1][1]
    assert frame["preview"].startswith("/9j/")
    assert base64.b64decode(frame["image"]) == model_server.seen[0][2]
    assert {"image", "preview"}.isdisjoint(send(client, make_film(seconds=1))[1][1])


def test_the_page_asks_about_the_very_image_and_gets_no_second_answer(
    client: FlaskClient, model_server: ModelServerStub
) -> None:
    image = base64.b64decode(send(client, make_film(seconds=1), "?images=true")[1][1]["image"])
    # Whatever the model says now, such as by another batch's rounding: the frame has its answer.
    again = answer(explained=True, china=0.3)
    model_server.reply = (200, json.dumps(again).encode())
    form = {"file": (io.BytesIO(image), "frame.png", "image/png")}
    text = client.post(f"{PAGE}/heatmap", data=form, headers=FRAGMENT).text
    assert model_server.seen[-1] == ("/explanations/landscape", "application/octet-stream", image)
    assert f"data:image/png;base64,{again['explanation']['data']}" in text
    assert "the more it supports “han gang”" in text
    assert "%" not in text
    assert "sure" not in text


def test_a_heatmap_that_cannot_be_had_is_an_error_of_the_page(
    client: FlaskClient, model_server: ModelServerStub
) -> None:
    for reply in (FAULTS["handler raised"], (200, json.dumps(answer()).encode())):
        model_server.reply = reply
        response = client.post(f"{PAGE}/heatmap", data=image(), content_type="image/png", headers=FRAGMENT)
        assert response.status_code == 502
        assert 'data-error="model_failed"' in response.text


@pytest.mark.parametrize(
    ("language", "words"),
    [
        ("en", ["China, 97.0% · sure", "China, 60.0% · not sure", "one colour, or almost; the nearest class is China"]),
        ("ko", ["중국, 97.0% · 확신함", "중국, 60.0% · 확신하지 못함", "거의 한 가지 색 · 가장 가까운 클래스는 중국"]),
    ],
)
def test_frames_come_with_their_words(
    make_client: Callable[..., FlaskClient], model_server: ModelServerStub, language: str, words: list[str]
) -> None:
    said = iter([answer(china=0.97), answer(china=0.6), unknown_answer("blank")])
    model_server.reply = lambda request, body: (200, json.dumps(next(said)).encode())
    address = f"{PAGE}?lang={language}&rate=1"
    response = make_client(video_requests=1).post(address, data=make_film(), content_type="video/mp4", headers=FRAGMENT)
    events = parse(response.text)
    frames = [data for kind, data in events if kind == "frame"]
    assert [frame["words"] for frame in frames] == words
    assert (frames[2]["verdict"], frames[2]["reason"]) == ("unknown", "blank")
    assert events[-1][1]["unknown"] == {"blank": pytest.approx(1 / 3)}
    assert {"en": "33.3% (one colour, or almost)", "ko": "33.3% (거의 한 가지 색)"}[language] in events[-1][1]["html"]


def test_the_cards_words_are_for_an_unlike_film_and_not_for_a_black_one(
    client: FlaskClient, model_server: ModelServerStub
) -> None:
    told = {"title": {"en": "No landscape", "ko": "산수화가 아닙니다"}, "text": {"en": "Or so.", "ko": "아마도요."}}
    model_server.verdicts = {"unknown": told | {"instead_of_class": False}}
    for reason, headline in (("unlike", "No landscape"), ("blank", "Unlike anything that I learned")):
        model_server.reply = (200, json.dumps(unknown_answer(reason)).encode())
        response = client.post(f"{PAGE}?lang=en", data=make_film(), content_type="video/mp4", headers=FRAGMENT)
        assert f'<h2 class="answer-class">{headline}</h2>' in parse(response.text)[-1][1]["html"]


def test_of_an_unknown_film_the_verdict_leads(client: FlaskClient, model_server: ModelServerStub) -> None:
    model_server.reply = (200, json.dumps(unknown_answer()).encode())
    address = f"{PAGE}?lang=en"
    response = client.post(address, data=make_film(), content_type="video/mp4", headers=FRAGMENT)
    html = parse(response.text)[-1][1]["html"]
    headline, nearest = (
        html.index(">Unlike anything that I learned</h2>"),
        html.index('class="nearest">The nearest class is “China”'),
    )
    assert headline < nearest < html.index("<details>") < html.index("99.6%")
    assert "mean confidence" not in html
    assert 'data-announcement="Unlike anything that I learned. ' in html


@pytest.mark.parametrize(
    ("film", "media_type", "query", "status", "code"),
    [
        (b"", "video/mp4", "", 400, "empty_video"),
        (b"words", "video/mp4", "", 400, "not_a_video"),
        (image(), "image/png", "", 400, "still_picture"),
        (b"words", "text/plain", "", 415, "unsupported_body"),
        (b"words", "video/mp4", "?rate=0", 400, "wrong_parameter"),
        (b"words", "video/mp4", "?rate=nan", 400, "wrong_parameter"),
        (b"words", "video/mp4", "?sampling=odd", 400, "wrong_parameter"),
        (bytes(2**20 + 1), "video/mp4", "", 413, "video_too_large"),
    ],
)
def test_what_cannot_be_used_gets_one_answer(
    make_client: Callable[..., FlaskClient], film: bytes, media_type: str, query: str, status: int, code: str
) -> None:
    response = make_client(video_max_bytes=2**20).post(API + query, data=film, content_type=media_type)
    assert (response.status_code, response.get_json()["error"]["code"]) == (status, code)


def test_a_film_that_breaks_off_gets_a_partial_result(client: FlaskClient) -> None:
    film = make_film("webm", "libvpx", seconds=20)
    kind, result = send(client, film[: len(film) // 2])[-1]
    assert (kind, result["complete"], result["error"]["code"]) == ("result", False, "truncated_video")


def test_frames_are_sent_again_while_the_model_is_away(client: FlaskClient, model_server: ModelServerStub) -> None:
    faults = iter([FAULTS["worker died"]] * 3)
    model_server.reply = lambda request, body: next(faults, (200, json.dumps(answer()).encode()))
    events = send(client, make_film())
    assert events[-1][1]["complete"] is True
    assert events[-1][1]["frames"] == 6


def test_a_model_that_stays_away_ends_the_film_with_what_there_is(
    make_client: Callable[..., FlaskClient], model_server: ModelServerStub, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(analysis, "HEARTBEAT_SECONDS", 0.02)  # it is told long before the time is over
    answers = iter([(200, json.dumps(answer()).encode())] * 4)
    model_server.reply = lambda request, body: next(answers, FAULTS["worker died"])
    events = send(make_client(video_retry_seconds=0.6, video_requests=1), make_film(seconds=10))
    result = events[-1][1]
    assert events[-1][0] == "result"
    assert (result["complete"], result["error"]["code"], result["frames"]) == (False, "model_failed", 4)
    assert "waiting" in [kind for kind, _ in events]


def test_no_answer_at_all_is_an_error(make_client: Callable[..., FlaskClient], model_server: ModelServerStub) -> None:
    model_server.reply = FAULTS["handler raised"]
    events = send(make_client(video_retry_seconds=0), make_film())
    assert events[-1][0] == "error"
    assert events[-1][1]["error"]["code"] == "model_failed"


def test_a_frame_that_the_model_fails_on_is_left_out(client: FlaskClient, model_server: ModelServerStub) -> None:
    faults = iter([own_error(500, "internal")])
    model_server.reply = lambda request, body: next(faults, (200, json.dumps(answer()).encode()))
    events = send(client, make_film())
    assert sum("error" in data for kind, data in events if kind == "frame") == 1
    assert (events[-1][1]["frames"], events[-1][1]["failed"], events[-1][1]["complete"]) == (5, 1, True)


def test_who_leaves_half_way_ends_the_work(client: FlaskClient, model_server: ModelServerStub) -> None:
    """The server closes the answer as soon as writing to the client fails; closing it ends everything."""
    film = make_film("matroska", "mpeg4", seconds=60)
    response = client.post(API, data=film, content_type="video/webm", buffered=False)
    stream = response.iter_encoded()
    for _ in range(4):
        next(stream)
    assert any(thread.name == "video-decode" for thread in threading.enumerate())
    response.close()
    assert not any(thread.name == "video-decode" for thread in threading.enumerate())
    assert come_to_rest(lambda: len(model_server.seen)) < 60  # of 120


def test_only_so_many_at_once(make_client: Callable[..., FlaskClient]) -> None:
    client = make_client(video_places=1)
    film = make_film()
    first = client.post(API, data=film, content_type="video/mp4", buffered=False)
    second = client.post(API, data=film, content_type="video/mp4")
    assert (second.status_code, second.get_json()["error"]["code"]) == (503, "too_many_videos")
    assert "Retry-After" in second.headers
    first.close()
    assert client.post(API, data=film, content_type="video/mp4").status_code == 200


def test_a_refused_film_gives_its_place_back(make_client: Callable[..., FlaskClient]) -> None:
    client = make_client(video_places=1)
    for _ in range(3):
        assert client.post(API, data=b"words", content_type="video/mp4").status_code == 400
    assert client.post(API, data=make_film(), content_type="video/mp4").status_code == 200


def test_a_long_film_is_looked_at_less_often(make_client: Callable[..., FlaskClient]) -> None:
    events = send(make_client(video_max_frames=3), make_film(seconds=6))
    assert events[0][1]["interval"] == 2.0
    assert events[-1][1]["frames"] == 3


def test_the_page_gets_its_words(client: FlaskClient) -> None:
    address = "/models/landscape/video?lang=ko"
    response = client.post(address, data=make_film(), content_type="video/mp4", headers={"X-Fragment": "events"})
    events = parse(response.text)
    assert events[1][1]["words"] == "중국, 97.0% · 확신함"
    assert "확신합니다" in events[-1][1]["html"]
    assert "data-video-answer" in events[-1][1]["html"]


@pytest.mark.parametrize("language", ["en", "ko"])
def test_the_page_is_there_and_linked(client: FlaskClient, language: str) -> None:
    page = client.get(f"/models/landscape/video?lang={language}")
    assert page.status_code == 200
    assert 'data-classes="[&#34;china&#34;, &#34;han gang&#34;]"' in page.text
    assert "{percent}%" in page.text
    assert "/models/landscape/video" in client.get("/models/landscape").text
