"""What goes out compressed, and that it is the same once it is unpacked."""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable
from pathlib import Path

import brotli  # type: ignore[import-untyped]
import pytest
from flask.testing import FlaskClient

from tests.frontend.model_server_stub import ModelServerStub, answer, image

UNPACK: dict[str, Callable[[bytes], bytes]] = {"br": brotli.decompress, "gzip": gzip.decompress}
BROWSER = {"Accept-Encoding": "gzip, deflate, br, zstd"}


@pytest.mark.parametrize(
    "path", ["/models/landscape", "/static/hwapung.css", "/static/hwapung.js", "/api/v1/openapi.json"]
)
@pytest.mark.parametrize("algorithm", list(UNPACK))
def test_texts_are_compressed_as_the_client_takes_them(client: FlaskClient, path: str, algorithm: str) -> None:
    plain = client.get(path)
    packed = client.get(path, headers={"Accept-Encoding": algorithm})
    assert "Content-Encoding" not in plain.headers
    assert packed.headers["Content-Encoding"] == algorithm
    assert UNPACK[algorithm](packed.data) == plain.data
    assert len(packed.data) < len(plain.data) / 2
    for response in (plain, packed):
        assert "Accept-Encoding" in response.headers["Vary"]


def test_a_heatmap_is_compressed_and_a_short_answer_is_not(client: FlaskClient, model_server: ModelServerStub) -> None:
    body = json.dumps(answer(explained=True) | {"padding": "x" * 5000}).encode()
    for reply, packed in ((body, True), (b'{"class": "china"}', False)):
        model_server.reply = (200, reply)
        response = client.post(
            "/api/v1/models/landscape/explain", data=image(), content_type="image/png", headers=BROWSER
        )
        assert (response.headers.get("Content-Encoding") == "br") == packed
        assert (brotli.decompress(response.data) if packed else response.data) == reply


def test_a_file_that_the_client_has_is_not_sent_again(client: FlaskClient) -> None:
    first = client.get("/static/hwapung.css", headers=BROWSER)
    again = client.get("/static/hwapung.css", headers=BROWSER | {"If-None-Match": first.headers["ETag"]})
    assert (again.status_code, again.data) == (304, b"")
    assert first.headers["ETag"] != client.get("/static/hwapung.css").headers["ETag"]


def test_pictures_are_left_as_they_are(client: FlaskClient) -> None:
    icon = client.get("/static/icons/icon-192.png", headers=BROWSER)
    assert "Content-Encoding" not in icon.headers
    assert icon.data == (Path("frontend") / "static/icons/icon-192.png").read_bytes()
