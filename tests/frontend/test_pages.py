from __future__ import annotations

import base64
import io
import json
import re

import pytest
from flask.testing import FlaskClient

from frontend import model_server as module
from tests.frontend.model_server_stub import (
    FAULTS,
    ModelServerStub,
    answer,
    card,
    examples,
    image,
    own_error,
)
from tests.frontend.pages import PAGE, MakeClient, Page, send
from tests.robust_cards import RESISTANCE, UNSEEN_SOURCES
from tests.waiting import Clock


def test_the_only_model_is_the_first_page(client: FlaskClient) -> None:
    page = Page(client.get("/"))
    assert "Whose landscape?" in page.text
    assert ("form", PAGE) in [(tag, attributes.get("action")) for tag, attributes in page.elements]


def test_several_models_make_a_catalogue(make_client: MakeClient) -> None:
    page = Page(make_client(models=("landscape", "sketches")).get("/"))
    links = [attributes["href"] for tag, attributes in page.elements if tag == "a"]
    assert "/models/landscape" in links
    assert "/models/sketches" in links


def test_other_sources_and_passed_on_pictures_are_told(client: FlaskClient, model_server: ModelServerStub) -> None:
    told = card()
    told |= {"unseen_sources": UNSEEN_SOURCES, "resistance": RESISTANCE, "thresholds": UNSEEN_SOURCES["thresholds"]}
    model_server.models["landscape"] = (told, [])
    text = Page(client.get(PAGE)).text
    for said in (
        "(generator), and asked about their pictures: on average 78.1% were right, on the worst source 62.5%.",
        "flux 40 62.5% 47.0% to 75.8% 30.0% 25.0%",
        "too few pictures: midjourney.",
        "On pictures from sources that a network was not trained on, 98.1% of such answers were right.",
        "JPEG, quality 20 71.5% 64.9% to 77.3% 1.5% – 63.5%",
        "Resized, share of each side 0.25 58.0%",
    ):
        assert said in text
    assert "of the validation pictures got such an answer" not in text


def test_that_nothing_was_measured_of_other_sources_is_said(client: FlaskClient) -> None:
    text = Page(client.get(PAGE)).text
    assert "For others nothing was measured, and nothing is promised." in text
    assert "passed on" not in text


def test_the_card_is_told_beside_the_answer(client: FlaskClient) -> None:
    text = Page(client.get(PAGE)).text
    for said in (
        "Tells one from the other.",
        "Knows two classes only.",
        "Drawn landscapes",
        "1,320",
        "Drawn by a program.",
    ):
        assert said in text
    assert "97.3% 90.8% to 99.3%" in text
    assert "on 75 test pictures" in text
    assert "Exact duplicates found: 2; near duplicates: 5." in text
    assert "An answer counts as sure from 90.0% confidence." in text
    assert "On the validation pictures, 98.6% of such answers were right." in text
    assert "China 97.7% 95.5% 96.6% 44" in text


def test_the_form_that_answers_is_told_with_its_cost(client: FlaskClient, model_server: ModelServerStub) -> None:
    cost = {"images": 1492, "changed": 3, "largest_probability_difference": 0.04, "accuracy_lead": 0.0, "low": -0.01,
            "high": 0.01, "validation_images": 75, "loss": 0.001, "loss_bound": 0.004, "holds": True}  # fmt: skip
    served = {"precision": "int8", "why": "fastest", "rates": {"float32": 57.4, "int8": 201.0}, "processor": "Zen"}
    model_server.models["landscape"] = (card() | {"served": served, "form_costs": {"int8": cost}}, [])
    text = Page(client.get(PAGE)).text
    assert "Computes in int8: the fastest here (float32 57 pictures a second, int8 201 pictures a second)" in text
    assert "3 of 1,492 pictures are decided otherwise than in float32" in text


def test_painted_pictures_are_not_called_drawn_by_a_program(client: FlaskClient, model_server: ModelServerStub) -> None:
    model_server.procedural = False
    assert "Drawn by a program." not in Page(client.get(PAGE)).text


def test_an_upload_without_scripts_is_answered_on_the_page(client: FlaskClient, model_server: ModelServerStub) -> None:
    page = Page(send(client))
    assert model_server.seen == [("/explanations/landscape", "application/octet-stream", image())]
    assert "China 97.0% confidence" in page.text
    assert "The model is sure" in page.text
    assert "China 97.0% han gang 3.0%" in page.text
    assert "Answered in 21.4 ms." in page.text
    assert page.one("data-picture")["src"] == "data:image/png;base64," + base64.b64encode(image()).decode()
    assert str(page.one("data-heat")["src"]).startswith("data:image/png;base64,")


def test_bars_are_as_long_as_probabilities_the_longest_first(client: FlaskClient) -> None:
    bars = [attributes["width"] for tag, attributes in Page(send(client, fragment=True)).elements if tag == "rect"]
    assert bars[:2] == ["970.0", "30.0"]


def test_a_script_gets_the_answer_alone(client: FlaskClient) -> None:
    response = send(client, fragment=True)
    assert "<html" not in response.text
    assert response.text.startswith("<article")
    assert "X-Fragment" in response.headers["Vary"]


def test_titles_follow_the_language_and_a_class_without_one_keeps_its_key(
    client: FlaskClient, model_server: ModelServerStub
) -> None:
    page = Page(send(client, language="ko"))
    assert "중국 97.0% 확신도" in page.text
    assert "han gang" in page.text


@pytest.mark.parametrize(
    ("fault", "status", "words"),
    [
        ("no worker", 503, "Many people are asking the model right now."),
        ("not registered", 503, "The model is still starting."),
        ("handler raised", 502, "The model could not answer for this picture."),
    ],
)
def test_an_error_that_may_pass_keeps_the_picture_for_another_try(
    make_client: MakeClient,
    model_server: ModelServerStub,
    fault: str,
    status: int,
    words: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(module, "time", Clock())  # for half a minute of it a question is asked again
    client = make_client()
    model_server.reply = FAULTS[fault]
    response = send(client)
    page = Page(response)
    assert response.status_code == status
    assert words in page.text
    assert page.one("data-picture")["src"]
    (kept,) = [attributes["value"] for tag, attributes in page.elements if attributes.get("name") == "kept"]
    assert ("button", "submit") in [(tag, attributes.get("type")) for tag, attributes in page.elements]

    model_server.reply = None
    again = client.post(PAGE, data={"kept": kept, "file": (io.BytesIO(b""), "")})
    assert "97.0%" in Page(again).text
    assert model_server.seen[-1][2] == image()


def test_a_picture_is_kept_while_the_model_has_never_been_there(
    client: FlaskClient, model_server: ModelServerStub
) -> None:
    model_server.describes = False
    model_server.reply = FAULTS["not registered"]
    response = send(client)
    assert response.status_code == 503
    assert 'name="kept"' in response.text


def test_a_page_before_the_model_is_there_offers_to_come_back(
    client: FlaskClient, model_server: ModelServerStub
) -> None:
    model_server.describes = False
    model_server.reply = FAULTS["not registered"]
    response = client.get("/")
    page = Page(response)
    assert response.status_code == 503
    assert "The model is still starting." in page.text
    assert page.one("data-waiting")
    assert ("a", "") in [(tag, attributes.get("href")) for tag, attributes in page.elements]


@pytest.mark.parametrize(
    ("code", "status", "words"),
    [
        ("not_a_picture", 400, "읽을 수 있는 그림 파일이 아닙니다."),
        ("broken_picture", 400, "손상된 그림입니다."),
        ("picture_too_large", 413, "그림이 너무 큽니다."),
    ],
)
def test_the_handlers_errors_are_told_in_the_visitors_language(
    client: FlaskClient, model_server: ModelServerStub, code: str, status: int, words: str
) -> None:
    model_server.reply = own_error(status, code)
    response = send(client, fragment=True, language="ko")
    assert response.status_code == status
    assert words in response.text
    assert "data-retry" not in response.text


def test_an_upload_over_the_limit_is_refused_on_the_page(
    make_client: MakeClient, model_server: ModelServerStub
) -> None:
    client = make_client(max_upload_bytes=2048)
    response = send(client, b"x" * 100_000, fragment=True)
    assert response.status_code == 413
    assert "This picture is too large." in response.text
    assert model_server.seen == []


def test_a_form_without_a_picture_says_so(client: FlaskClient) -> None:
    response = client.post(PAGE, data={"file": (io.BytesIO(b""), "")})
    assert response.status_code == 400
    assert "No picture was chosen." in Page(response).text


def test_an_example_is_answered_without_the_model(client: FlaskClient, model_server: ModelServerStub) -> None:
    page = Page(client.get(f"{PAGE}/examples/one"))
    assert "its true class is han gang" in page.text
    assert "when the model was made" in page.text
    assert client.get(f"{PAGE}/examples/one/picture").data == image("navy")
    assert model_server.seen == []


def test_an_example_picture_is_not_sent_twice(client: FlaskClient) -> None:
    first = client.get(f"{PAGE}/examples/one/picture")
    again = client.get(f"{PAGE}/examples/one/picture", headers={"If-None-Match": first.headers["ETag"]})
    assert (first.status_code, again.status_code, again.data) == (200, 304, b"")


@pytest.mark.parametrize(
    ("path", "status"), [("/nothing", 404), ("/models/nobody", 404), (f"{PAGE}/examples/none", 404)]
)
def test_what_is_not_there_has_a_page_that_leads_back(client: FlaskClient, path: str, status: int) -> None:
    response = client.get(path)
    assert response.status_code == status
    assert response.content_type.startswith("text/html")
    assert 'href="/"' in response.text


@pytest.mark.parametrize(
    ("wish", "cookie", "accepts", "expected"),
    [
        (None, None, "ko-KR,ko;q=0.9,en;q=0.8", "ko"),
        (None, None, "fr", "en"),
        (None, "ko", "en", "ko"),
        ("en", "ko", "ko", "en"),
        ("xx", None, "ko", "ko"),
    ],
)
def test_the_language_is_the_visitors_choice(
    client: FlaskClient, wish: str | None, cookie: str | None, accepts: str, expected: str
) -> None:
    if cookie:
        client.set_cookie("language", cookie)
    response = client.get("/" + (f"?lang={wish}" if wish else ""), headers={"Accept-Language": accepts})
    assert f'<html lang="{expected}">' in response.text
    if wish == "en":
        assert "language=en" in response.headers["Set-Cookie"]


def test_one_language_is_enough(make_client: MakeClient) -> None:
    response = make_client(languages=("ko",)).get("/", headers={"Accept-Language": "en"})
    assert '<html lang="ko">' in response.text


def test_a_model_of_an_unknown_task_has_a_page_of_one_sentence(
    client: FlaskClient, model_server: ModelServerStub
) -> None:
    model_server.models["landscape"] = (card() | {"task": "captioning"}, [])
    for response in (client.get(PAGE), send(client)):
        assert response.status_code == 404
        assert Page(response).text.count("There is no page for models of this kind.") == 2  # title and heading
        assert 'href="/"' in response.text
    assert 'data-error="unknown_task"' in send(client, fragment=True).text
    assert model_server.seen == []


def test_text_from_a_model_is_escaped(client: FlaskClient, model_server: ModelServerStub) -> None:
    content = answer()
    content["class"] = "<script>alert(1)</script>"
    content["probabilities"] = {content["class"]: 1.0}
    model_server.reply = (200, json.dumps(content).encode())
    response = send(client, fragment=True)
    assert "<script>" not in response.text
    assert "&lt;script&gt;" in response.text


def test_pages_bring_no_inline_script_or_style(client: FlaskClient) -> None:
    for response in (client.get("/"), send(client)):
        policy = response.headers["Content-Security-Policy"]
        assert "default-src 'none'" in policy
        assert "unsafe" not in policy
        assert "frame-ancestors 'none'" in policy
        assert response.headers["X-Content-Type-Options"] == "nosniff"
        assert response.headers["Referrer-Policy"] == "no-referrer"
        for tag, attributes in Page(response).elements:
            assert tag != "style"
            assert "style" not in attributes
            assert not any(name.startswith("on") for name in attributes)
            for name in ("src", "href"):
                assert not re.match(r"https?:|//", attributes.get(name) or "")


def test_only_a_picture_that_was_sent_is_said_to_be_kept(client: FlaskClient, model_server: ModelServerStub) -> None:
    model_server.describes = False
    model_server.reply = FAULTS["not registered"]
    assert "Your picture is kept." in Page(send(client)).text
    assert "Your picture is kept." not in Page(client.get(PAGE)).text


@pytest.mark.parametrize("kept", ["abc", "é", "====", "a b"])
def test_a_kept_picture_that_is_none_is_refused(client: FlaskClient, model_server: ModelServerStub, kept: str) -> None:
    response = client.post("/models/landscape?lang=en", data={"kept": kept})
    assert (response.status_code, model_server.seen) == (400, [])
    assert "can&#39;t be done here" in response.text or "can't be done here" in response.text


def test_too_large_a_picture_is_told_the_limit(make_client: MakeClient) -> None:
    answered = send(make_client(max_upload_bytes=2 * 1048576), b"\0" * (2 * 1048576 + 1))
    assert answered.status_code == 413
    assert (
        "This picture is too large. Save it smaller and try again. A file may have 2 MB at most." in Page(answered).text
    )


def test_examples_are_twelve_of_different_classes(client: FlaskClient, model_server: ModelServerStub) -> None:
    (one,) = examples()
    many = [one | {"name": f"{key}{number}", "label": key} for key in ("china", "han gang") for number in range(32)]
    model_server.models["landscape"] = (card(), many)
    links = [attributes["href"] for tag, attributes in Page(client.get(PAGE)).elements if "data-example" in attributes]
    assert [str(link).rpartition("/")[2] for link in links] == [
        *(f"china{number}" for number in range(6)),
        *(f"han gang{number}".replace(" ", "%20") for number in range(6)),
    ]


def test_neighbours_are_evidence_beside_the_answer(client: FlaskClient, model_server: ModelServerStub) -> None:
    near = [
        {"class": "china", "similarity": 0.93, "link": "https://example.org/1", "licence": "CC BY 4.0",
         "thumbnail": {"media_type": "image/webp", "data": "AAAA"}},
        {"class": "han gang", "similarity": 0.81},
    ]  # fmt: skip
    model_server.reply = (200, json.dumps(answer(explained=True) | {"neighbours": near}).encode())
    page = Page(send(client, fragment=True))
    assert "Training pictures most like this one China CC BY 4.0 han gang" in page.text
    assert ("a", "https://example.org/1") in [(tag, attributes.get("href")) for tag, attributes in page.elements]
    assert "data:image/webp;base64,AAAA" in [attributes.get("src") for tag, attributes in page.elements if tag == "img"]


def test_the_api_page_names_every_operation(client: FlaskClient) -> None:
    page = Page(client.get("/api", headers={"Accept-Language": "ko"}))
    asked = {attributes["id"] for tag, attributes in page.elements if "data-operation" in attributes}
    paths = client.get("/api/v1/openapi.json").json["paths"]  # type: ignore[index]
    assert asked == {each["operationId"] for methods in paths.values() for each in methods.values()}
    assert "물어볼 수 있는 것" in page.text
