"""The real TorchServe with `sketch.mar`."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import requests

from tests.tiny_sketch import LABELS, draw_page
from torchserve.server import TorchServe
from torchserve.settings import read_settings


@pytest.fixture(scope="module")
def server(tiny_sketch_store: Path) -> Iterator[TorchServe]:
    with TorchServe(tiny_sketch_store, read_settings(port=0, metrics_port=0, management_port=0)) as started:
        started.wait_until_ready("sketch")
        yield started


def ask(server: TorchServe, body: bytes, **headers: str) -> requests.Response:
    return requests.post(f"{server.inference_url}/predictions/sketch", data=body, headers=headers, timeout=60)


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


def test_it_describes_itself_and_its_examples(server: TorchServe) -> None:
    card = ask(server, b"", describe="true").json()["card"]
    assert card["task"] == "sketch"
    assert len(card["embedding"]) == 64
    [example] = ask(server, b"", describe="examples").json()["examples"]
    assert "objects" in example["answer"]
