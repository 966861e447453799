"""The API keeps to its own OpenAPI document, for whatever schemathesis makes up."""

from __future__ import annotations

import pytest
import schemathesis
from hypothesis import given, settings

from frontend import create_app
from frontend.settings import Settings

from .model_server_stub import ModelServerStub

OPERATIONS = [
    ("GET", "/models"),
    ("GET", "/models/{name}"),
    ("POST", "/models/{name}/predict"),
    ("POST", "/models/{name}/explain"),
]


@pytest.mark.parametrize(("method", "path"), OPERATIONS)
def test_every_answer_is_documented(model_server: ModelServerStub, method: str, path: str) -> None:
    app = create_app(Settings(model_server_url=model_server.address, max_upload_bytes=2048))
    schema = schemathesis.openapi.from_wsgi("/api/v1/openapi.json", app)

    @given(case=schema[path][method].as_strategy())
    @settings(max_examples=20, deadline=None, derandomize=True, database=None)
    def check(case: schemathesis.Case) -> None:
        case.call_and_validate()

    check()


def test_every_operation_is_tried(model_server: ModelServerStub) -> None:
    document = (
        create_app(Settings(model_server_url=model_server.address)).test_client().get("/api/v1/openapi.json").json
    )
    assert document is not None
    assert {(method.upper(), path) for path, item in document["paths"].items() for method in item} == set(OPERATIONS)
