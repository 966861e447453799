"""The API keeps to its own OpenAPI document, for whatever schemathesis makes up."""

from __future__ import annotations

import json
from http.server import BaseHTTPRequestHandler

import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from PIL import Image
from schemathesis.core.failures import FailureGroup
from schemathesis.specs.openapi.checks import positive_data_acceptance

from frontend import create_app
from frontend.settings import Settings
from tests.frontend.model_server_stub import ModelServerStub, Reply, answer, card
from tests.frontend.sketch.sketch_stub import encode, sketch_answer, sketch_card, sketch_examples

OPERATIONS = [
    ("GET", "/models"),
    ("GET", "/models/{name}"),
    ("POST", "/models/{name}/predict"),
    ("POST", "/models/{name}/explain"),
    ("POST", "/models/{name}/recognise"),
    ("GET", "/models/{name}/references"),
    ("POST", "/models/{name}/references/used"),
    ("POST", "/models/{name}/video"),
    ("POST", "/models/{name}/batch"),
]


def answer_as_asked(request: BaseHTTPRequestHandler, body: bytes) -> Reply:
    is_sketch = request.path.endswith("sketch")
    page = {"media_type": "image/png", "width": 8, "height": 8, "data": encode(Image.new("L", (8, 8)))}
    content = sketch_answer() | {"page": page} if is_sketch else answer(explained="explanations" in request.path)
    return 200, json.dumps(content).encode()


@pytest.mark.parametrize(("method", "path"), OPERATIONS)
def test_every_answer_is_documented(model_server: ModelServerStub, method: str, path: str) -> None:
    model_server.models["sketch"] = (sketch_card(), sketch_examples())
    model_server.reply = answer_as_asked
    names = ("sketch",) if "reco" in path or "references" in path else ("landscape",)
    app = create_app(Settings(model_server_url=model_server.address, max_upload_bytes=2048, models=names))
    schema = schemathesis.openapi.from_wsgi("/api/v1/openapi.json", app)

    @given(case=schema[path][method].as_strategy())
    @settings(
        max_examples=20, deadline=None, derandomize=True, database=None, suppress_health_check=[HealthCheck.too_slow]
    )
    def check(case: schemathesis.Case) -> None:
        # Bytes of a media type fit the document and need not be a picture.
        # Its client asks for compressed answers and does not unpack them.
        case.call_and_validate(excluded_checks=[positive_data_acceptance], headers={"Accept-Encoding": "identity"})

    check()


def test_the_form_that_answers_is_documented(model_server: ModelServerStub) -> None:
    served = {"precision": "int8", "why": "fastest", "rates": {"float32": 57.4, "int8": 201.0}, "processor": "Zen"}
    model_server.models["landscape"] = (card() | {"version": "1.0+int8", "served": served}, [])
    app = create_app(Settings(model_server_url=model_server.address))
    schema = schemathesis.openapi.from_wsgi("/api/v1/openapi.json", app)
    operation = schema["/models/{name}"]["GET"]
    case = operation.Case(path_parameters={"name": "landscape"}, headers={"Accept-Encoding": "identity"})
    answered = case.call_and_validate()
    assert answered.json()["served"] == served
    model_server.models["landscape"] = (card() | {"served": served | {"precision": "int4"}}, [])
    app = create_app(Settings(model_server_url=model_server.address))
    schema = schemathesis.openapi.from_wsgi("/api/v1/openapi.json", app)
    case = schema["/models/{name}"]["GET"].Case(path_parameters=case.path_parameters, headers=case.headers)
    with pytest.raises(FailureGroup) as raised:
        case.call_and_validate()
    assert '"precision":"int4"' in str(raised.value.exceptions[0])


def test_every_operation_is_tried(model_server: ModelServerStub) -> None:
    document = (
        create_app(Settings(model_server_url=model_server.address)).test_client().get("/api/v1/openapi.json").json
    )
    assert document is not None
    assert {(method.upper(), path) for path, item in document["paths"].items() for method in item} == set(OPERATIONS)
