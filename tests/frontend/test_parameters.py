"""Whatever stands in a path, a query, a form or a header, no view fails on it."""

from __future__ import annotations

import io
import json
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any
from urllib.parse import quote

import numpy as np
import pytest
from flask.testing import FlaskClient
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from werkzeug.datastructures import FileStorage, MultiDict
from werkzeug.routing import Rule

from frontend import create_app
from frontend.settings import Settings
from tests.frontend.model_server_stub import ModelServerStub, Reply, answer
from tests.frontend.sketch.sketch_stub import EMBEDDING, drawing, reply_as_sketch, sketch_card, sketch_examples
from tests.frontend.sketch.test_gallery import write_gallery

NAMES = ["landscape", "sketch", "one", "index.html", "0" * 16 + ".jpg"]
BYTES = st.one_of(st.sampled_from([name.encode() for name in NAMES]), st.binary(max_size=12))
TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=8)
KEYS = st.sampled_from(["kept", "label", "lang", "paper", "rate", "sampling", "images", "data", "file", "x"])
PARAMETERS = st.lists(st.tuples(KEYS, TEXT), max_size=3)
#: What can be written into a header's line.
VALUE = st.text(st.characters(min_codepoint=0x21, max_codepoint=0x7E), max_size=12)
HEADERS = st.dictionaries(
    st.sampled_from(["Accept-Language", "Cookie", "Range", "If-None-Match", "X-Fragment", "Origin", "Content-Type"]),
    st.one_of(VALUE, VALUE.map("language={}".format), st.just("bytes=5-1")),
    max_size=2,
)


@pytest.fixture(scope="module")
def asked(tmp_path_factory: pytest.TempPathFactory) -> FlaskClient:
    """A client of a front end with every part: two tasks, a gallery, a report."""
    stub = ModelServerStub()
    stub.models["sketch"] = (sketch_card(), sketch_examples())

    def reply(request: BaseHTTPRequestHandler, body: bytes) -> Reply | None:
        if request.path.endswith("sketch"):
            return reply_as_sketch(request, body)
        return 200, json.dumps(answer(explained="explanations" in request.path)).encode()

    stub.reply = reply
    folder: Path = tmp_path_factory.mktemp("parts")
    write_gallery(folder, np.eye(8, dtype=np.float32), EMBEDDING)
    (folder / "landscape" / "1.0").mkdir(parents=True)
    (folder / "landscape" / "1.0" / "index.html").write_text("report")
    made = Settings(
        model_server_url=stub.address, models=("landscape", "sketch"), gallery=folder, reports=folder, rate_limit=""
    )
    return create_app(made).test_client()


def rules() -> list[Rule]:
    return sorted(create_app(Settings()).url_map.iter_rules(), key=str)


@pytest.mark.parametrize("rule", rules(), ids=str)
def test_no_view_fails_on_what_it_is_asked(asked: FlaskClient, rule: Rule) -> None:
    method = "POST" if "POST" in (rule.methods or ()) else "GET"

    @given(st.lists(BYTES, min_size=4, max_size=4), PARAMETERS, PARAMETERS, HEADERS, st.booleans())
    @settings(
        max_examples=25, deadline=None, derandomize=True, database=None, suppress_health_check=[HealthCheck.too_slow]
    )
    @example([b"landscape", b"one", b"\0", b"\n"], [], [("kept", "abc")], {}, False)
    @example([b"sketch", b"\xff", b"\0", b"\n"], [("label", "\0")], [("kept", "é")], {}, True)
    def check(
        parts: list[bytes],
        query: list[tuple[str, str]],
        form: list[tuple[str, str]],
        headers: dict[str, str],
        whole: bool,
    ) -> None:
        path = ""
        left = iter(parts)
        for dynamic, piece in rule._trace:
            path += quote(next(left), safe="") if dynamic else piece.lstrip("|")
        fields = MultiDict[str, object](form)
        if whole:
            fields.add("data", FileStorage(io.BytesIO(drawing()), "a.png"))
        body: dict[str, Any] = {} if method == "GET" or "Content-Type" in headers else {"data": fields}
        response = asked.open(path, method=method, query_string=MultiDict(query), headers=headers, **body)
        assert response.status_code != 500, (path, query, form, headers)

    check()
