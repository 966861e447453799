"""The real TorchServe with `sketch.mar`, and beside it the detector alone."""

from __future__ import annotations

import base64
import io
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests
from PIL import Image

from tests.tiny_sketch import LABELS, draw_page
from torchserve.archive import build_archive
from torchserve.server import TorchServe
from torchserve.settings import read_settings


@pytest.fixture(scope="module")
def server(tiny_sketch_bundle: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[TorchServe]:
    store = tmp_path_factory.mktemp("store")
    for name in ("sketch", "sketch_detector"):
        build_archive(tiny_sketch_bundle.with_name(name), store)
    with TorchServe(store, read_settings(port=0, metrics_port=0, management_port=0)) as started:
        for name in started.models:
            started.wait_until_ready(name)
        yield started


def ask(server: TorchServe, body: bytes, model: str = "sketch", **headers: str) -> requests.Response:
    return requests.post(f"{server.inference_url}/predictions/{model}", data=body, headers=headers, timeout=60)


def test_a_drawing_is_answered_with_boxes_and_titles(server: TorchServe) -> None:
    answer = ask(server, draw_page(0, 5)).json()
    assert list(answer) == ["objects", "verdict", "width", "height", "processing_time_ms", "model", "version"]
    assert len(answer["objects"]) == 2
    assert answer["objects"][0]["title"]["ko"] in LABELS.values()


def test_an_empty_page_and_a_broken_file(server: TorchServe) -> None:
    assert ask(server, draw_page()).json()["verdict"] == "no_drawing"
    broken = ask(server, b"no picture")
    assert broken.status_code == 400
    assert broken.json()["error"]["code"] == "not_a_picture"


def test_a_photographed_sheet_is_cleaned_where_the_header_asks_for_it(server: TorchServe) -> None:
    page = draw_page(0, 5, size=(1280, 1280))
    assert "page" not in ask(server, page).json()
    assert "page" not in ask(server, page, paper="false").json()
    answer = ask(server, page, paper="true").json()
    assert (answer["verdict"], len(answer["objects"]), answer["width"]) == ("recognised", 2, 1024)
    cleaned = Image.open(io.BytesIO(base64.b64decode(answer["page"]["data"])))
    assert (answer["page"]["media_type"], cleaned.format, cleaned.size) == ("image/png", "PNG", (1024, 1024))
    empty = ask(server, draw_page(), paper="true").json()
    assert (empty["verdict"], empty["objects"], empty["page"]["width"]) == ("no_drawing", [], 640)
    assert ask(server, b"no picture", paper="true").status_code == 400


def test_a_detector_alone_answers_with_boxes(server: TorchServe) -> None:
    answer = ask(server, draw_page(0, 5), "sketch_detector").json()
    assert [each["class"] for each in answer["objects"]] == ["object", "object"]
    assert "embedding" not in answer["objects"][0]
    assert ask(server, b"", "sketch_detector", describe="true").json()["card"]["task"] == "detection"
    [example] = ask(server, b"", "sketch_detector", describe="examples").json()["examples"]
    assert example["answer"]["verdict"] == "recognised"


def test_it_describes_itself_and_its_examples(server: TorchServe) -> None:
    card = ask(server, b"", describe="true").json()["card"]
    assert card["task"] == "sketch"
    assert len(card["embedding"]) == 64
    [example] = ask(server, b"", describe="examples").json()["examples"]
    assert "objects" in example["answer"]
