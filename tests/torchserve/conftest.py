"""A real TorchServe that serves a tiny archive from a store whose name a Korean could have chosen."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.torchserve.tiny import make_tiny_bundle
from torchserve.archive import build_archive
from torchserve.server import TorchServe
from torchserve.settings import ServingSettings

#: Any free ports, and a delay in which requests that are sent together usually come to share a batch.
SETTINGS = ServingSettings(port=0, metrics_port=0, management_port=0, max_batch_delay_ms=100, workers=1)


@pytest.fixture(scope="session")
def hangul_bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_tiny_bundle(tmp_path_factory.mktemp("bundles") / "tiny")


@pytest.fixture(scope="session")
def hangul_store(hangul_bundle: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    store = tmp_path_factory.mktemp("저장소") / "모델 창고"
    build_archive(hangul_bundle, store)
    return store


@pytest.fixture(scope="session")
def server(hangul_store: Path) -> Iterator[TorchServe]:
    with TorchServe(hangul_store, SETTINGS) as running:
        running.wait_until_ready("tiny")
        yield running
