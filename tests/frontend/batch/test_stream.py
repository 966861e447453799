"""Many pictures in one request: what is answered, what is refused before anything is asked, and what is left behind."""

from __future__ import annotations

import io
import json
import stat
import struct
import tempfile
import threading
import time
import zipfile
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any

import pytest
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from frontend import background
from frontend.batch import work
from frontend.batch.work import MOST_BYTES
from tests.frontend.model_server_stub import FAULTS, ModelServerStub, Reply, answer, image, own_error
from tests.frontend.video.test_stream import Events, open_films, parse
from tests.waiting import PATIENCE, Clock, come_to_rest

API = "/api/v1/models/landscape/batch"
MakeClient = Callable[..., FlaskClient]


def send_form(client: FlaskClient, files: dict[str, bytes]) -> TestResponse:
    parts = [(io.BytesIO(content), name) for name, content in files.items()]
    return client.post(API, data={"data": parts}, content_type="multipart/form-data")


def send_zip(client: FlaskClient, content: bytes) -> TestResponse:
    return client.post(API, data=content, content_type="application/zip")


def read(response: TestResponse) -> Events:
    assert response.status_code == 200, response.text
    assert response.mimetype == "text/event-stream"
    return parse(response.text)


def refusal(response: TestResponse) -> tuple[int, str]:
    assert response.json is not None
    return response.status_code, response.json["error"]["code"]


def make_zip(files: dict[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return buffer.getvalue()


def results(events: Events) -> dict[str, Any]:
    """Name → the class or the code of the error, of each picture."""
    told = [data for kind, data in events if kind == "picture"]
    return {each["name"]: each["answer"]["class"] if "answer" in each else each["error"]["code"] for each in told}


def test_each_picture_has_the_answer_that_it_has_alone(client: FlaskClient, model_server: ModelServerStub) -> None:
    def reply(request: BaseHTTPRequestHandler, body: bytes) -> Reply:
        if body == b"notes":
            return own_error(400, "not_a_picture")
        return 200, json.dumps(answer(china=0.97 if body == image("tan") else 0.3)).encode()

    model_server.reply = reply
    files = {"a.png": image("tan"), "b/c.png": image("navy"), "notes.jpg": b"notes", "empty.jpg": b""}
    events = read(send_form(client, files))
    assert [kind for kind, _ in events] == ["batch", *["picture"] * 4, "summary"]
    assert events[0][1] == {"pictures": 4, "model": "landscape"}
    told = {data["name"]: data for kind, data in events if kind == "picture"}
    assert {name: data["index"] for name, data in told.items()} == {name: n for n, name in enumerate(files)}
    single = client.post("/api/v1/models/landscape/predict", data=image("navy"), content_type="image/png")
    assert told["b/c.png"]["answer"] == single.json
    assert told["notes.jpg"]["error"] == {"code": "not_a_picture", "message": "What is wrong.", "remedy": "What to do."}
    assert told["empty.jpg"]["error"]["code"] == "empty_body"
    summary = events[-1][1]
    assert summary.pop("seconds") >= 0
    assert summary == {
        "pictures": 4,
        "answered": 2,
        "failed": 2,
        "verdicts": {"sure": 1, "unsure": 1},
        "errors": {"not_a_picture": 1, "empty_body": 1},
        "left_out": [],
        "complete": True,
    }


def test_the_bytes_of_each_part_reach_the_model(client: FlaskClient, model_server: ModelServerStub) -> None:
    """Over pieces of the form, with what looks like its boundary in them."""
    files = {f"{number}.png": bytes([number]) * 700_001 + b"\r\n--x" for number in range(4)}
    read(send_form(client, files))
    assert sorted(body for _, _, body in model_server.seen) == sorted(files.values())


def test_no_more_pictures_are_at_the_model_than_are_read_ahead(
    make_client: MakeClient, model_server: ModelServerStub
) -> None:
    at_once: list[int] = []
    count = [0]
    lock = threading.Lock()

    def reply(request: BaseHTTPRequestHandler, body: bytes) -> Reply:
        with lock:
            count[0] += 1
            at_once.append(count[0])
        time.sleep(0.02)
        with lock:
            count[0] -= 1
        return 200, json.dumps(answer()).encode()

    model_server.reply = reply
    events = read(send_form(make_client(batch_requests=3), {f"{number}.png": image() for number in range(12)}))
    assert events[-1][1]["answered"] == 12
    assert max(at_once) == 3


def test_a_zip_is_read_where_it_is(client: FlaskClient, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    link = zipfile.ZipInfo("link.png")
    link.external_attr = (stat.S_IFLNK | 0o777) << 16
    buffer = io.BytesIO(
        make_zip(
            {
                "../../up.png": image(),
                "/root.png": image(),
                "deep/er/a.png": image(),
                "no suffix": image(),
                "folder/": b"",
                "inner.zip": make_zip({"a.png": image()}),
                "notes.txt": b"text",
                "__MACOSX/._a.png": b"x",
                "Thumbs.db": b"x",
            }
        )
    )
    with zipfile.ZipFile(buffer, "a") as archive:
        archive.writestr(link, "/etc/passwd")
    events = read(send_zip(client, buffer.getvalue()))
    assert results(events) == dict.fromkeys(("../../up.png", "/root.png", "deep/er/a.png", "no suffix"), "china")
    assert {each["reason"]: (each["count"], each["examples"]) for each in events[-1][1]["left_out"]} == {
        "archive": (1, ["inner.zip"]),
        "other": (1, ["notes.txt"]),
        "system": (2, ["__MACOSX/._a.png", "Thumbs.db"]),
        "link": (1, ["link.png"]),
    }
    assert list(tmp_path.iterdir()) == []


def test_a_zip_may_be_the_only_file_of_a_form(client: FlaskClient, model_server: ModelServerStub) -> None:
    files = open_films()
    events = read(send_form(client, {"many.zip": make_zip({"a.png": image("navy"), "b.png": image("tan")})}))
    assert results(events) == {"a.png": "china", "b.png": "china"}
    assert sorted(body for _, _, body in model_server.seen) == sorted((image("navy"), image("tan")))
    assert open_films() <= files


@pytest.mark.parametrize("encoding", ["cp949", "utf-8"])
def test_names_of_a_korean_zip_are_read(client: FlaskClient, encoding: str) -> None:
    name = "산수화/그림.png".encode(encoding)
    plain = b"x" * len(name)
    content = make_zip({plain.decode(): image()}).replace(plain, name)
    assert results(read(send_zip(client, content))) == {"산수화/그림.png": "china"}


def test_an_entry_that_can_not_be_read_is_an_error_of_its_own(make_client: MakeClient) -> None:
    content = bytearray(
        make_zip({"locked.png": image(), "cut.png": image(), "large.png": bytes(5000), "a.png": image()})
    )
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        offsets = {info.filename: info.header_offset for info in archive.infolist()}
    place = content.index(b"PK\x01\x02")
    content[place + 8] |= 1  # the first entry says that it is encrypted
    content[offsets["cut.png"] + 30 + len("cut.png") + 20] ^= 0xFF
    assert results(read(send_zip(make_client(max_upload_bytes=4000), bytes(content)))) == {
        "locked.png": "encrypted_entry",
        "cut.png": "broken_entry",
        "large.png": "picture_too_large",
        "a.png": "china",
    }


def many_entries(count: int) -> bytes:
    """A zip of empty entries, made without zipfile, which is slow."""
    entry = struct.pack("<4s5H3L2H", b"PK\x03\x04", 20, 0, 0, 0, 0, 0, 0, 0, 5, 0)
    listed = b"PK\x01\x02" + struct.pack("<6H3L5H2L", 20, 20, 0, 0, 0, 0, 0, 0, 0, 5, 0, 0, 0, 0, 0, 0)
    table = (listed + b"a.png") * count
    head = entry + b"a.png"
    return (
        head
        + table
        + b"PK\x05\x06"
        + struct.pack("<4H2LH", 0, 0, count & 0xFFFF, count & 0xFFFF, len(table), len(head), 0)
    )


def test_what_can_be_said_against_all_of_it_is_said_before_anything_is_asked(
    make_client: MakeClient, model_server: ModelServerStub
) -> None:
    client = make_client(batch_max_pictures=3, batch_max_bytes=20_000_000)
    bomb = io.BytesIO()
    with zipfile.ZipFile(bomb, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("a.png", bytes(90_000_000))
    four = {f"{number}.png": image() for number in range(4)}
    found = {
        "form": refusal(send_form(client, four)),
        "zip": refusal(send_zip(client, make_zip(four))),
        "entries": refusal(send_zip(client, many_entries(100_000))),
        "bomb": refusal(send_zip(client, bomb.getvalue())),
        "bytes": refusal(send_form(make_client(batch_max_bytes=2000), {"a.png": bytes(2000)})),
        "no zip": refusal(send_zip(client, image())),
        "cut": refusal(send_zip(client, make_zip(four)[:-30])),
        "nothing": refusal(send_zip(client, b"")),
        "no picture": refusal(send_zip(client, make_zip({"notes.txt": b"text"}))),
        "no file": refusal(client.post(API, data={"data": "text"}, content_type="multipart/form-data")),
        "type": refusal(client.post(API, data=b"{}", content_type="application/json")),
        "model": refusal(client.post(API.replace("landscape", "nobody"), data=b"")),
    }  # fmt: skip
    assert found == {
        "form": (413, "too_many_pictures"),
        "zip": (413, "too_many_pictures"),
        "entries": (413, "too_many_pictures"),
        "bomb": (413, "zip_too_large"),
        "bytes": (413, "batch_too_large"),
        "no zip": (400, "not_a_zip"),
        "cut": (400, "not_a_zip"),
        "nothing": (400, "not_a_zip"),
        "no picture": (400, "no_pictures"),
        "no file": (400, "no_file"),
        "type": (415, "unsupported_body"),
        "model": (404, "unknown_model"),
    }
    assert model_server.seen == []


@pytest.mark.parametrize("cut", [3, 60, 400])
def test_a_form_that_broke_off_is_not_begun(client: FlaskClient, model_server: ModelServerStub, cut: int) -> None:
    body = b"".join(
        b'--x\r\nContent-Disposition: form-data; name="data"; filename="%d.png"\r\n\r\n%s\r\n' % (number, image())
        for number in range(3)
    )
    form = {"content_type": "multipart/form-data; boundary=x"}
    assert read(client.post(API, data=body + b"--x--\r\n", **form))[-1][1]["answered"] == 3  # type: ignore[arg-type]
    model_server.seen.clear()
    assert refusal(client.post(API, data=body[:-cut], **form)) == (400, "broken_upload")  # type: ignore[arg-type]
    assert model_server.seen == []


def test_a_model_that_goes_ends_the_batch_and_says_so(
    make_client: MakeClient, model_server: ModelServerStub, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(work, "HEARTBEAT_SECONDS", 0.02)  # it is told long before the time is over
    clock = Clock()
    monkeypatch.setattr(background, "time", clock)
    client = make_client(answer_timeout=30, batch_requests=1)
    asked = 0

    def reply(request: BaseHTTPRequestHandler, body: bytes) -> Reply:
        nonlocal asked
        asked += 1
        clock.now += 30 * (asked == 5)  # after the third time in vain
        return (200, json.dumps(answer()).encode()) if asked <= 2 else FAULTS["not registered"]

    model_server.reply = reply
    events = read(send_form(client, {f"{number}.png": image() for number in range(4)}))
    assert [kind for kind, _ in events] == ["batch", "picture", "picture", "waiting", "summary"]
    summary = events[-1][1]
    assert (summary["answered"], summary["failed"], summary["complete"]) == (2, 0, False)
    assert summary["error"]["code"] == events[-2][1]["error"]["code"] == "model_starting"


def test_a_picture_that_the_model_fails_at_is_one_error(client: FlaskClient, model_server: ModelServerStub) -> None:
    def reply(request: BaseHTTPRequestHandler, body: bytes) -> Reply:
        return FAULTS["handler raised"] if body == b"bad" else (200, json.dumps(answer()).encode())

    model_server.reply = reply
    events = read(send_form(client, {"bad.png": b"bad", "good.png": image()}))
    assert results(events) == {"bad.png": "model_failed", "good.png": "china"}
    assert events[-1][1]["complete"] is True


def test_who_leaves_ends_the_work(make_client: MakeClient, model_server: ModelServerStub) -> None:
    client = make_client(batch_places=1, batch_requests=60)
    files = open_films()

    answers, left = iter([(200, json.dumps(answer()).encode())]), threading.Event()

    def reply(request: BaseHTTPRequestHandler, body: bytes) -> Reply:
        """The first at once, the others when nobody waits for them any more."""
        now = next(answers, None)
        if now is None:
            left.wait(PATIENCE)
        return now or (200, json.dumps(answer()).encode())

    model_server.reply = reply
    response = client.post(API, data={"data": [(io.BytesIO(image()), f"{n}.png") for n in range(200)]}, buffered=False)
    taken = iter(response.response)
    while b"event: picture" not in next(taken):  # type: ignore[operator]
        pass
    assert refusal(send_form(client, {"a.png": image()})) == (503, "too_many_batches")
    response.close()
    asked = len(model_server.seen)
    left.set()
    settled = come_to_rest(lambda: len(model_server.seen))
    assert settled <= asked + 16 < 60  # those that had a turn, and not those that wait for one
    assert read(send_form(client, {"a.png": image()}))[-1][1]["answered"] == 1
    assert open_films() <= files


def test_few_large_pictures_of_a_zip_are_in_hand_at_once(client: FlaskClient, model_server: ModelServerStub) -> None:
    """However small the zip is: these become 4 MiB each."""
    at_once, most, lock = 0, 0, threading.Lock()

    def reply(request: BaseHTTPRequestHandler, body: bytes) -> Reply:
        nonlocal at_once, most
        with lock:
            at_once += 1
            most = max(most, at_once)
        time.sleep(0.05)
        with lock:
            at_once -= 1
        return 200, json.dumps(answer()).encode()

    model_server.reply = reply
    files = {f"{number}.bmp": bytes(MOST_BYTES // 4) for number in range(12)}
    events = read(send_zip(client, make_zip(files)))
    assert len(results(events)) == 12
    assert most <= 4
