"""The drawing page and the API of sketch models before a model server that answers as sketch.mar does."""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from flask.testing import FlaskClient
from PIL import Image

from tests.frontend.model_server_stub import FAULTS, ModelServerStub, image, own_error
from tests.frontend.sketch.sketch_stub import (
    EMBEDDING,
    drawing,
    no_drawing,
    reply_as_sketch,
    sketch_answer,
    sketch_card,
    sketch_examples,
    sketch_object,
    unit,
    unknown_object,
)
from tests.frontend.sketch.test_gallery import write_gallery
from tests.frontend.sketch.unsplash_stub import FAULTS as UNSPLASH_FAULTS
from tests.frontend.sketch.unsplash_stub import KEY, UnsplashStub

PAGE = "/models/sketch"
RECOGNISE = "/api/v1/models/sketch/recognise"
SCRIPT = {"X-Fragment": "answer", "Accept-Language": "en"}


@pytest.fixture
def gallery(tmp_path: Path) -> Path:
    write_gallery(tmp_path, np.eye(8, dtype=np.float32), EMBEDDING)
    return tmp_path


@pytest.fixture
def client(model_server: ModelServerStub, make_client: Callable[..., FlaskClient], gallery: Path) -> FlaskClient:
    model_server.models["sketch"] = (sketch_card(), sketch_examples())
    model_server.reply = reply_as_sketch
    return make_client(models=("landscape", "sketch"), gallery=gallery)


def test_objects_come_with_the_nearest_pictures_and_without_embeddings(client: FlaskClient) -> None:
    answer = client.post(RECOGNISE, data=drawing(), content_type="image/png").json
    assert answer is not None
    cat, tree = answer["objects"]
    assert (cat["class"], cat["box"], tree["score"]) == ("cat", [64, 128, 320, 448], 0.8)
    assert "embedding" not in cat
    assert [each["title"] for each in (cat["references"][0], tree["references"][0])] == ["Cat 0", "Cat 1"]
    assert cat["references"][0]["similarity"] == 1
    assert (answer["verdict"], answer["sources"]["gallery"], answer["sources"]["unsplash"]["state"]) == (
        "recognised",
        {"state": "ready"},
        "unset",
    )
    thumbnail = client.get(cat["references"][0]["thumbnail"])
    assert (thumbnail.status_code, thumbnail.mimetype) == (200, "image/jpeg")
    assert client.get(f"{PAGE}/gallery/ffffffffffffffff.jpg").status_code == 404


def test_a_script_gets_guesses_boxes_and_references_alone(client: FlaskClient, model_server: ModelServerStub) -> None:
    sent = drawing()
    text = client.post(PAGE, data=sent, content_type="image/png", headers=SCRIPT).text
    assert "<html" not in text
    assert '<rect x="10.0%" y="20.0%" width="40.0%" height="50.0%"/>' in text
    assert 'data-announcement="Cat, 87.0%. Tree, 61.0%. "' in text
    assert text.count("data-reference>") == 8
    assert model_server.seen[-1] == ("/predictions/sketch", "application/octet-stream", sent)


def test_no_drawing_is_no_guess(client: FlaskClient, model_server: ModelServerStub) -> None:
    model_server.reply = (200, json.dumps(no_drawing()).encode())
    text = client.post(PAGE, data=image(), content_type="image/png", headers=SCRIPT).text
    assert "No drawing recognised." in text
    assert "<li" not in text
    answer = client.post(RECOGNISE, data=image(), content_type="image/png").json
    assert answer is not None
    assert (answer["verdict"], answer["objects"]) == ("no_drawing", [])


def test_a_whole_page_has_no_box(client: FlaskClient, model_server: ModelServerStub) -> None:
    whole = sketch_answer(sketch_object("house", None, unit(2), 0.5))
    model_server.reply = (200, json.dumps(whole).encode())
    text = client.post(PAGE, data=image(), content_type="image/png", headers=SCRIPT | {"Accept-Language": "ko"}).text
    assert "<rect x" not in text
    assert ">집<" in text


@pytest.mark.parametrize(
    ("language", "doubt", "headline"),
    [
        ("en", "unlike anything learned; the nearest class is House", "Unlike anything that I learned"),
        ("ko", "학습한 그림과 다름 · 가장 가까운 클래스는 집", "배운 것과 전혀 다릅니다"),
    ],
)
def test_an_unknown_object_is_a_question_mark(
    client: FlaskClient, model_server: ModelServerStub, language: str, doubt: str, headline: str
) -> None:
    known = sketch_object("cat", [64, 128, 320, 448], unit(0), 0.87) | {"verdict": "sure"}
    content = sketch_answer(known, unknown_object([400, 32, 600, 600]))
    model_server.reply = (200, json.dumps(content).encode())
    sent = {"data": drawing(), "content_type": "image/png"}
    text = client.post(PAGE, **sent, headers=SCRIPT | {"Accept-Language": language}).text  # type: ignore[arg-type]
    assert text.count(">?<") == 2  # on the sheet and in the list
    assert text.count(doubt) == 2  # in the list and for who hears the page
    assert f">{headline}<" in text
    assert "97.0%" not in text
    assert "87.0%" in text
    answer = client.post(RECOGNISE, **sent).json  # type: ignore[arg-type]
    assert answer is not None
    assert [(each["verdict"], each.get("reason")) for each in answer["objects"]] == [
        ("sure", None),
        ("unknown", "unlike"),
    ]


def test_a_form_without_scripts_shows_the_cleaned_page_with_its_objects(
    client: FlaskClient, model_server: ModelServerStub
) -> None:
    form = {"file": (io.BytesIO(drawing()), "a.png", "image/png")}
    text = client.post(PAGE, data=form, headers={"Accept-Language": "en"}).text
    assert "<html" in text
    assert 'class="sheet-page" src="data:image/png;base64,' in text
    assert "87.0%" in text
    assert model_server.seen[-1][2] == drawing()  # as it came: the model cleans it


def test_a_photograph_of_paper_comes_back_clean(client: FlaskClient, model_server: ModelServerStub) -> None:
    form = {"file": (io.BytesIO(drawing()), "a.png", "image/png")}
    response = client.post(f"{PAGE}/paper", data=form, headers=SCRIPT)
    assert (response.status_code, response.mimetype) == (200, "image/png")
    page = Image.open(io.BytesIO(response.data))
    assert (page.mode, page.size) == ("L", (300, 200))
    assert model_server.seen == [("/predictions/sketch", "application/octet-stream", drawing())]


@pytest.mark.parametrize(
    ("sent", "status", "words"),
    [(image("black"), 200, "No drawing recognised."), (b"text", 400, 'data-error="not_a_picture"')],
)
def test_what_gives_no_clean_page_is_told(client: FlaskClient, sent: bytes, status: int, words: str) -> None:
    form = {"file": (io.BytesIO(sent), "a.png", "image/png")}
    response = client.post(f"{PAGE}/paper", data=form, headers=SCRIPT)
    assert response.status_code == status
    assert words in response.text


def test_the_api_has_paper_cleaned_and_keeps_the_page_to_itself(
    client: FlaskClient, model_server: ModelServerStub
) -> None:
    def reply(request: BaseHTTPRequestHandler, body: bytes) -> tuple[int, bytes]:
        asked.append(request.headers.get("paper"))
        return reply_as_sketch(request, body)

    asked: list[str | None] = []
    model_server.reply = reply
    plain = client.post(RECOGNISE, data=drawing(), content_type="image/png").json
    cleaned = client.post(f"{RECOGNISE}?paper=true", data=drawing(), content_type="image/png").json
    assert asked == [None, "true"]
    assert plain == cleaned
    assert cleaned is not None
    assert "page" not in cleaned
    nothing = client.post(f"{RECOGNISE}?paper=true", data=image("black"), content_type="image/png").json
    assert nothing is not None
    assert (nothing["verdict"], nothing["objects"]) == ("no_drawing", [])


@pytest.mark.parametrize("reply", [FAULTS["handler raised"], (200, json.dumps(sketch_answer()).encode())])
def test_without_a_page_from_the_model_there_is_none(
    client: FlaskClient, model_server: ModelServerStub, reply: tuple[int, bytes]
) -> None:
    model_server.reply = reply
    form = {"file": (io.BytesIO(drawing()), "a.png", "image/png")}
    response = client.post(f"{PAGE}/paper", data=form, headers=SCRIPT)
    assert response.status_code == 502
    assert 'data-error="model_failed"' in response.text
    assert "data-retry" in response.text


@pytest.mark.parametrize(("name", "status", "code"), [("handler raised", 502, "model_failed")])
def test_the_models_faults_are_told(
    client: FlaskClient, model_server: ModelServerStub, name: str, status: int, code: str
) -> None:
    model_server.reply = FAULTS[name]
    response = client.post(RECOGNISE, data=image(), content_type="image/png")
    assert response.json is not None
    assert (response.status_code, response.json["error"]["code"]) == (status, code)
    text = client.post(PAGE, data=image(), content_type="image/png", headers=SCRIPT).text
    assert f'data-error="{code}"' in text
    assert "data-retry" in text


@pytest.mark.parametrize(
    "reply",
    [
        (200, b"not JSON"),
        (200, b"[]"),
        (200, b'{"class": "china"}'),
        (200, json.dumps(sketch_answer() | {"objects": [{"class": "cat"}]}).encode()),
        (200, json.dumps(sketch_answer() | {"objects": [{"embedding": "AAA"}]}).encode()),
    ],
)
def test_an_answer_of_another_shape_is_the_models_failure(
    client: FlaskClient, model_server: ModelServerStub, reply: tuple[int, bytes]
) -> None:
    model_server.reply = reply
    response = client.post(RECOGNISE, data=image(), content_type="image/png")
    assert response.json is not None
    assert (response.status_code, response.json["error"]["code"]) == (502, "model_failed")


def test_the_handlers_errors_pass_through(client: FlaskClient, model_server: ModelServerStub) -> None:
    model_server.reply = own_error(400, "not_a_picture")
    response = client.post(RECOGNISE, data=b"text", content_type="image/png")
    assert response.json is not None
    assert (response.status_code, response.json["error"]["code"]) == (400, "not_a_picture")


def as_detector(content: dict[str, Any]) -> dict[str, Any]:
    """A sketch model's answer as a detector gives it."""
    return content | {
        "objects": [{key: each[key] for key in each if key != "embedding"} for each in content["objects"]]
    }


def test_a_detectors_objects_are_shown_without_references(
    model_server: ModelServerStub, make_client: Callable[..., FlaskClient], gallery: Path
) -> None:
    parts = ("embedding", "preprocessing", "calibration", "thresholds", "openvino_model")
    told = {key: part for key, part in sketch_card().items() if key not in parts} | {"task": "detection"}
    model_server.models["sketch"] = (told, [])
    client = make_client(models=("sketch",), gallery=gallery, unsplash_access_key=KEY)
    page = client.get(PAGE)
    assert page.status_code == 200
    assert 'data-photographs=""' in page.text
    model_server.reply = (200, json.dumps(as_detector(sketch_answer())).encode())
    text = client.post(PAGE, data=drawing(), content_type="image/png", headers=SCRIPT).text
    assert '<rect x="10.0%" y="20.0%" width="40.0%" height="50.0%"/>' in text
    assert "references-title" not in text
    answer = client.post(RECOGNISE, data=drawing(), content_type="image/png").json
    assert answer is not None
    assert ([each["references"] for each in answer["objects"]], answer["sources"]) == ([[], []], {})
    model_server.reply = (200, json.dumps(sketch_answer() | {"objects": [], "verdict": "nothing_found"}).encode())
    text = client.post(PAGE, data=drawing(), content_type="image/png", headers=SCRIPT).text
    assert "Nothing was found in the drawing." in text


def test_without_any_source_there_is_no_heading_for_references(
    client: FlaskClient, make_client: Callable[..., FlaskClient]
) -> None:
    texts = [
        each.post(PAGE, data=drawing(), content_type="image/png", headers=SCRIPT).text
        for each in (client, make_client(models=("sketch",)))
    ]
    assert ["references-title" in text for text in texts] == [True, False]


def test_boxes_lie_on_the_image_in_the_middle_of_the_sheet(client: FlaskClient, model_server: ModelServerStub) -> None:
    wide = sketch_answer(sketch_object("cat", [64, 0, 320, 320], unit(0), 0.9)) | {"height": 320}
    model_server.reply = (200, json.dumps(wide).encode())
    text = client.post(PAGE, data=drawing(), content_type="image/png", headers=SCRIPT).text
    assert '<rect x="10.0%" y="25.0%" width="40.0%" height="50.0%"/>' in text


@pytest.mark.parametrize("path", ["/models/landscape/paper", "/api/v1/models/landscape/recognise"])
def test_a_classifier_reads_no_drawings(client: FlaskClient, path: str) -> None:
    response = client.post(path, data=image(), content_type="image/png")
    assert response.status_code == 404
    assert "wrong_task" in response.text or "does not read drawings" in response.text


def test_a_gallery_of_another_model_is_named_on_the_page(client: FlaskClient, gallery: Path) -> None:
    write_gallery(gallery, np.eye(8, dtype=np.float32), "another")
    text = client.post(PAGE, data=drawing(), content_type="image/png", headers=SCRIPT).text
    assert 'data-gallery="other_model"' in text
    assert "87.0%" in text
    assert "reference-group" not in text  # headings with nothing under them


@pytest.mark.parametrize("fault", [None, "403 limit", "not JSON"])
def test_photographs_come_beside_the_gallery_or_leave_it_alone(
    model_server: ModelServerStub, make_client: Callable[..., FlaskClient], gallery: Path, fault: str | None
) -> None:
    stub = UnsplashStub()
    stub.fault = UNSPLASH_FAULTS[fault] if fault else None
    model_server.models["sketch"] = (sketch_card(), sketch_examples())
    model_server.reply = reply_as_sketch
    client = make_client(
        models=("sketch",), gallery=gallery, unsplash_access_key=KEY, unsplash_url=stub.address,
        unsplash_pictures=stub.address,
    )  # fmt: skip
    client.get("/api/v1/models/sketch/references?label=cat&label=tree&label=nothing")
    answer = client.post(RECOGNISE, data=drawing(), content_type="image/png").json
    assert answer is not None
    kinds = [each["source"] for each in answer["objects"][0]["references"]]
    assert kinds[:4] == ["gallery"] * 4
    assert answer["sources"]["gallery"]["state"] == "ready"
    page = client.get(PAGE)
    assert f"img-src 'self' data: blob: {stub.address};" in page.headers["Content-Security-Policy"]
    shown = client.get(f"{PAGE}/photographs?label=cat", headers=SCRIPT).text
    if fault:
        assert kinds[4:] == []
        assert answer["sources"]["unsplash"]["remedy"]
        assert shown == ""
    else:
        assert set(stub.searches) == {"cat", "tree"}
        assert "Jane &lt;Doe&gt;</a>" in shown
        assert "utm_source=hwapung&amp;utm_medium=referral" in shown
    stub.close()


def test_nobody_asks_for_photographs_of_what_an_unknown_object_is_nearest_to(
    model_server: ModelServerStub, make_client: Callable[..., FlaskClient], gallery: Path
) -> None:
    stub = UnsplashStub()
    model_server.models["sketch"] = (sketch_card(), sketch_examples())
    content = sketch_answer(unknown_object([10, 10, 90, 90]), sketch_object("cat", [64, 128, 320, 448], unit(0), 0.87))
    model_server.reply = (200, json.dumps(content).encode())
    client = make_client(models=("sketch",), gallery=gallery, unsplash_access_key=KEY, unsplash_url=stub.address)
    answer = client.post(RECOGNISE, data=drawing(), content_type="image/png").json
    assert answer is not None
    assert stub.searches == ["cat"]
    kinds = [[each["source"] for each in found["references"]] for found in answer["objects"]]
    assert kinds == [["gallery"] * 4, ["gallery"] * 4 + ["unsplash"] * 4]
    text = client.post(PAGE, data=drawing(), content_type="image/png", headers=SCRIPT).text
    assert 'data-photographs-for="cat"' in text
    assert 'data-photographs-for="house"' not in text
    stub.close()


def test_a_use_needs_json_and_an_address_of_unsplash(client: FlaskClient) -> None:
    path = "/api/v1/models/sketch/references/used"
    response = client.post(path, json={"download_location": "https://example.org/photos/a/download"})
    assert (response.status_code, response.json) == (202, {"reported": False})
    assert client.post(path, data={"download_location": "x"}).status_code == 415


def test_pages_without_a_key_show_no_pictures_from_elsewhere(client: FlaskClient) -> None:
    for page in (PAGE, "/models/landscape"):
        assert "img-src 'self' data: blob:;" in client.get(page).headers["Content-Security-Policy"]


def test_the_manifest_makes_the_page_an_application(client: FlaskClient) -> None:
    page = client.get(PAGE, headers={"Accept-Language": "ko"}).text
    assert f'href="{PAGE}/app.webmanifest"' in page
    manifest = json.loads(client.get(f"{PAGE}/app.webmanifest", headers={"Accept-Language": "ko"}).data)
    assert (manifest["name"], manifest["lang"], manifest["start_url"]) == ("무엇을 그렸나요?", "ko", PAGE)
    assert (manifest["display"], manifest["scope"]) == ("standalone", "/")
    for icon in manifest["icons"]:
        image = Image.open(io.BytesIO(client.get(icon["src"]).data))
        assert f"{image.width}x{image.height}" == icon["sizes"]
    assert {(icon["sizes"], icon["purpose"]) for icon in manifest["icons"]} == {
        ("192x192", "any"),
        ("512x512", "any"),
        ("512x512", "maskable"),
    }
    assert json.loads(client.get("/app.webmanifest").data)["start_url"] == "/"
    worker = client.get("/service-worker.js")
    assert (worker.mimetype, worker.headers["Cache-Control"]) == ("text/javascript", "no-cache")


def test_an_example_is_laid_on_the_sheet_without_asking_the_model(
    client: FlaskClient, model_server: ModelServerStub
) -> None:
    text = client.get(f"{PAGE}/examples/one", headers={"Accept-Language": "en"}).text
    assert f'class="sheet-page" src="{PAGE}/examples/one/picture"' in text
    assert "Cat 0" in text  # the gallery's nearest
    assert "87.0%" in text
    assert model_server.seen == []
