from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from flask.testing import FlaskClient

from frontend import create_app
from frontend.settings import Settings
from tests.frontend.model_server_stub import ModelServerStub


@pytest.fixture
def model_server() -> Iterator[ModelServerStub]:
    server = ModelServerStub()
    yield server
    server.close()


@pytest.fixture(scope="module")
def stub() -> Iterator[ModelServerStub]:
    """One for all tests of a module, before a front end that takes seconds to start."""
    server = ModelServerStub()
    yield server
    server.close()


@pytest.fixture
def make_client(model_server: ModelServerStub) -> Callable[..., FlaskClient]:
    """A client of a front end before the stub; keyword arguments are settings."""

    def make(**settings: object) -> FlaskClient:
        values = {"model_server_url": model_server.address, "catalogue_seconds": 0, "readiness_seconds": 0} | settings
        return create_app(Settings(**values)).test_client()  # type: ignore[arg-type]

    return make


@pytest.fixture
def client(make_client: Callable[..., FlaskClient]) -> FlaskClient:
    return make_client()
