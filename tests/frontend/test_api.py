from __future__ import annotations

import io
from collections.abc import Callable

import pytest
from flask.testing import FlaskClient

from tests.frontend.model_server_stub import FAULTS, ModelServerStub, card, image
from tests.waiting import Clock

PREDICT = "/api/v1/models/landscape/predict"
EXPLAIN = "/api/v1/models/landscape/explain"
MakeClient = Callable[..., FlaskClient]


@pytest.mark.parametrize("media_type", ["image/png", "image/x-anything", "application/octet-stream"])
def test_raw_bytes_go_through_as_they_are(client: FlaskClient, model_server: ModelServerStub, media_type: str) -> None:
    response = client.post(PREDICT, data=image(), content_type=media_type)
    assert response.status_code == 200
    assert response.json is not None
    assert response.json["class"] == "china"
    assert model_server.seen == [("/predictions/landscape", "application/octet-stream", image())]


def test_a_body_without_a_type_is_taken_for_a_picture(client: FlaskClient, model_server: ModelServerStub) -> None:
    assert client.post(PREDICT, data=image()).status_code == 200
    assert model_server.seen[0][2] == image()


@pytest.mark.parametrize("part", ["data", "file"])
def test_a_multipart_form_reaches_the_model_as_raw_bytes(
    client: FlaskClient, model_server: ModelServerStub, part: str
) -> None:
    response = client.post(EXPLAIN, data={part: (io.BytesIO(image()), "a.png")}, content_type="multipart/form-data")
    assert response.json is not None
    assert response.json["explanation"]["method"] == "grad-cam"
    assert model_server.seen == [("/explanations/landscape", "application/octet-stream", image())]


def test_the_answers_bytes_are_not_touched(client: FlaskClient, model_server: ModelServerStub) -> None:
    model_server.reply = (200, b'{ "class" :"china",\n "odd": 1.10 }')
    response = client.post(PREDICT, data=image(), content_type="image/png")
    assert response.data == model_server.reply[1]
    assert response.content_type == "application/json"


def test_connections_to_the_model_server_are_kept(client: FlaskClient, model_server: ModelServerStub) -> None:
    for _ in range(5):
        assert client.post(PREDICT, data=image(), content_type="image/png").status_code == 200
    assert model_server.connections == 1


@pytest.mark.parametrize(
    ("method", "path", "arguments", "status", "code"),
    [
        ("POST", PREDICT, {"data": b"", "content_type": "image/png"}, 400, "empty_body"),
        ("POST", PREDICT, {"data": {"other": "x"}, "content_type": "multipart/form-data"}, 400, "no_file"),
        ("POST", PREDICT, {"data": {"data": "x"}, "content_type": "multipart/form-data"}, 400, "no_file"),
        (
            "POST",
            PREDICT,
            {"data": b"a=b", "content_type": "application/x-www-form-urlencoded"},
            415,
            "unsupported_body",
        ),
        ("POST", PREDICT, {"json": {"picture": "base64"}}, 415, "unsupported_body"),
        ("POST", PREDICT, {"data": b"x" * 3000, "content_type": "image/png"}, 413, "picture_too_large"),
        ("POST", PREDICT, {"data": b"x" * 100_000, "content_type": "image/png"}, 413, "picture_too_large"),
        ("POST", "/api/v1/models/nobody/predict", {"data": b"x", "content_type": "image/png"}, 404, "unknown_model"),
        ("POST", "/api/v1/models/nobody/explain", {"data": b"x", "content_type": "image/png"}, 404, "unknown_model"),
        ("GET", "/api/v1/models/nobody", {}, 404, "unknown_model"),
        ("GET", PREDICT, {}, 405, "wrong_method"),
        ("DELETE", "/api/v1/models/landscape", {}, 405, "wrong_method"),
        ("POST", "/api/v1/models", {"data": b"x"}, 405, "wrong_method"),
        ("GET", "/api/v1/nothing", {}, 404, "not_found"),
        ("GET", "/api/", {}, 404, "not_found"),
    ],
)
def test_bad_input_gets_its_code_and_never_reaches_the_model(
    make_client: MakeClient,
    model_server: ModelServerStub,
    method: str,
    path: str,
    arguments: dict[str, object],
    status: int,
    code: str,
) -> None:
    client = make_client(max_upload_bytes=2048)
    response = client.open(path, method=method, **arguments)  # type: ignore[arg-type]
    assert response.json is not None
    assert (response.status_code, response.json["error"]["code"]) == (status, code)
    assert response.json["error"]["message"]
    assert response.json["error"]["remedy"]
    assert model_server.seen == []


@pytest.mark.parametrize("path", [PREDICT, "/api/v1/models/landscape/video"])
def test_a_form_says_what_is_wrong_with_its_parts(client: FlaskClient, path: str) -> None:
    def ask(fields: dict[str, str]) -> tuple[int, str, str]:
        response = client.post(path, data=fields, content_type="multipart/form-data")
        assert response.json is not None
        return response.status_code, response.json["error"]["code"], response.json["error"]["message"]

    assert ask({"data": "x"}) == (400, "no_file", "The part data has no file name.")
    assert ask({"other": "x"}) == (400, "no_file", "The form has no file named data or file.")
    status, code, message = ask({f"f{number}": "x" for number in range(1001)})
    assert (status, code, "more than 1000 parts" in message) == (413, "unreadable_form", True)


def test_a_wrong_method_says_which_are_right(client: FlaskClient) -> None:
    response = client.get(PREDICT)
    assert response.headers["Allow"] == "OPTIONS, POST"
    assert response.json is not None
    assert "POST" in response.json["error"]["remedy"]


def test_errors_are_english_whatever_the_visitor_speaks(client: FlaskClient) -> None:
    response = client.post(PREDICT, headers={"Accept-Language": "ko"}, content_type="image/png")
    assert response.json is not None
    assert response.json["error"]["message"] == "The body is empty."


def test_models_are_listed_with_their_titles(client: FlaskClient) -> None:
    assert client.get("/api/v1/models").json == {
        "models": [
            {"name": "landscape", "version": "1.0"} | {key: card()[key] for key in ("title", "summary", "labels")}
        ]
    }


def test_models_are_listed_while_one_is_starting(client: FlaskClient, model_server: ModelServerStub) -> None:
    model_server.describes = False
    model_server.reply = FAULTS["no worker"]
    assert client.get("/api/v1/models").json == {"models": [{"name": "landscape", "error": "model_starting"}]}
    assert client.get("/api/v1/models/landscape").status_code == 503


def test_the_card_is_given_whole(client: FlaskClient) -> None:
    assert client.get("/api/v1/models/landscape").json == card() | {"verdicts": {}}


def test_a_card_stays_when_the_model_server_goes(client: FlaskClient, model_server: ModelServerStub) -> None:
    assert client.get("/api/v1/models/landscape").status_code == 200
    model_server.describes = False
    model_server.reply = FAULTS["no worker"]
    assert client.get("/api/v1/models/landscape").json == card() | {"verdicts": {}}


def test_a_card_of_another_schema_is_refused(client: FlaskClient, model_server: ModelServerStub) -> None:
    model_server.describes = False
    model_server.reply = (200, b'{"card": {"schema_version": 3}}')
    response = client.get("/api/v1/models/landscape")
    assert response.json is not None
    assert (response.status_code, response.json["error"]["code"]) == (502, "model_outdated")


def ask_from(client: FlaskClient, address: str, path: str = PREDICT, **further: str) -> tuple[int, str]:
    """Status and Retry-After of a question from this address."""
    response = client.post(
        path, data=image(), content_type="image/png", environ_base={"REMOTE_ADDR": address}, headers=further
    )
    return response.status_code, response.headers.get("Retry-After", "")


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    """Of the limits."""
    clock = Clock()
    for module in ("frontend.limits", "limits.storage.memory"):
        monkeypatch.setattr(f"{module}.time", clock)
    return clock


def test_a_limit_counts_pages_and_api_together_and_says_how_long(make_client: MakeClient, clock: Clock) -> None:
    client = make_client(rate_limit="2/hour")
    assert ask_from(client, "192.0.2.1") == (200, "")
    assert ask_from(client, "192.0.2.1", "/models/landscape") == (200, "")
    clock.now += 10
    assert ask_from(client, "192.0.2.1", EXPLAIN) == (429, "3590")
    assert client.get("/models/landscape", environ_base={"REMOTE_ADDR": "192.0.2.1"}).status_code == 200
    assert ask_from(client, "192.0.2.2") == (200, "")


def test_after_the_wait_that_was_told_the_next_one_is_answered(make_client: MakeClient, clock: Clock) -> None:
    client = make_client(rate_limit="1/second")
    assert ask_from(client, "192.0.2.1")[0] == 200
    assert ask_from(client, "192.0.2.1") == (429, "1")
    clock.now += 1
    assert ask_from(client, "192.0.2.1")[0] == 200


def test_a_network_of_ipv6_counts_as_one_address(make_client: MakeClient) -> None:
    client = make_client(rate_limit="1/hour")
    addresses = ("2001:db8::1", "2001:db8::2", "2001:db8:0:1::1", "::ffff:192.0.2.1", "192.0.2.1")
    assert [ask_from(client, address)[0] for address in addresses] == [200, 429, 200, 200, 429]


def test_who_asks_from_this_machine_is_not_limited_but_a_proxy_on_it_is(make_client: MakeClient) -> None:
    client = make_client(rate_limit="1/hour")
    assert [ask_from(client, "127.0.0.1")[0] for _ in range(3)] == [200, 200, 200]
    forwarded = {"X-Forwarded-For": "192.0.2.1"}
    assert [ask_from(client, "127.0.0.1", **forwarded)[0] for _ in range(2)] == [200, 429]


@pytest.mark.parametrize(("proxies", "forwarded"), [(0, "192.0.2.1"), (1, ""), (2, "192.0.2.1")])
def test_a_wrong_number_of_proxies_is_logged_once(
    make_client: MakeClient, caplog: pytest.LogCaptureFixture, proxies: int, forwarded: str
) -> None:
    client = make_client(trusted_proxies=proxies)
    further = {"X-Forwarded-For": forwarded} if forwarded else {}
    for _ in range(2):
        assert ask_from(client, "192.0.2.9", **further)[0] == 200
    assert sum("HWAPUNG_TRUSTED_PROXIES" in record.message for record in caplog.records) == 1


def test_addresses_behind_a_trusted_proxy_are_counted_apart(make_client: MakeClient) -> None:
    client = make_client(rate_limit="1/hour", trusted_proxies=1)
    statuses = [
        client.post(PREDICT, data=image(), content_type="image/png", headers={"X-Forwarded-For": address}).status_code
        for address in ("192.0.2.1", "192.0.2.2", "192.0.2.1")
    ]
    assert statuses == [200, 200, 429]


def test_a_forwarded_address_is_not_believed_unless_a_proxy_is_trusted(make_client: MakeClient) -> None:
    client = make_client(rate_limit="1/hour")
    statuses = [
        client.post(PREDICT, data=image(), content_type="image/png", headers={"X-Forwarded-For": address}).status_code
        for address in ("192.0.2.1", "192.0.2.2")
    ]
    assert statuses == [200, 429]
