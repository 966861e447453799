"""What is served, once a test."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.faults.site import Site, make_store, serve


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_store(tmp_path_factory.mktemp("served"))


@pytest.fixture
def site(store: Path, tmp_path: Path) -> Iterator[Site]:
    with serve(store, tmp_path) as site:
        yield site
