from __future__ import annotations

import hashlib
import io
import zipfile
from pathlib import Path

import pytest

from model_training.datasets.manifest import read_manifest
from model_training.datasets.sources.collect import collect
from model_training.datasets.sources.domainnet import ARCHIVE, LISTS, DomainNet
from model_training.progress import Step
from model_training.runtime.errors import DatasetError
from tests.model_training.datasets.test_sources.conftest import Fault, PatientClient, Service, jpeg

FILES = [f"sketch/{label}/sketch_{n:03}_000001.jpg" for n, label in enumerate(["airplane", "sea_turtle", "zebra"])]


@pytest.fixture
def server(service: Service) -> Service:
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        for number, name in enumerate(FILES):
            archive.writestr(name, jpeg(number))
        archive.writestr("sketch/README", bytes(1 << 18))
    service.answers[f"/{ARCHIVE}"] = content.getvalue()
    service.answers[f"/{LISTS[0]}"] = f"{FILES[0]} 0\n{FILES[1]} 1\n".encode()
    service.answers[f"/{LISTS[1]}"] = f"{FILES[2]} 2\n".encode()
    return service


def start(server: Service, client: PatientClient, step: Step, cache: Path, *labels: str, md5: str = "") -> DomainNet:
    right = hashlib.md5(server.answers[f"/{ARCHIVE}"]).hexdigest()
    return DomainNet(client, cache, step, labels, server.url, md5 or right)


def test_archive_and_lists(server: Service, client: PatientClient, step: Step, tmp_path: Path) -> None:
    server.faults[f"/{ARCHIVE}"] = [Fault(cut=True), Fault(500)]
    cache, out = tmp_path / "cache", tmp_path / "out"
    assert collect(start(server, client, step, cache), out, None, step).kept == 3
    dataset = read_manifest(out / "manifest.csv")
    assert dataset.labels == ("airplane", "sea_turtle", "zebra")
    assert server.ranges  # the archive went on where it was cut
    before = len(server.seen)
    assert collect(start(server, client, step, cache), out, None, step).new == 0
    assert server.seen[before:] == [f"/{place}" for place in LISTS]


def test_some_objects(server: Service, client: PatientClient, step: Step, tmp_path: Path) -> None:
    source = start(server, client, step, tmp_path / "cache", "zebra")
    assert collect(source, tmp_path / "out", None, step).kept == 1
    with pytest.raises(DatasetError, match="no object 'zebras'"):
        collect(start(server, client, step, tmp_path / "cache", "zebras"), tmp_path / "out", None, step)


def test_another_archive_is_not_taken(server: Service, client: PatientClient, step: Step, tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match="not the one that is known"):
        collect(start(server, client, step, tmp_path / "cache", md5="0" * 32), tmp_path / "out", None, step)
    assert not list((tmp_path / "cache").iterdir())


@pytest.mark.parametrize(
    ("line", "named"), [("airplane.jpg 0", "line 1: 'airplane.jpg 0'"), (f"{FILES[0]},0", "line 1")]
)
def test_a_changed_list_is_named(
    server: Service, client: PatientClient, step: Step, tmp_path: Path, line: str, named: str
) -> None:
    server.answers[f"/{LISTS[0]}"] = line.encode()
    with pytest.raises(DatasetError, match=named):
        collect(start(server, client, step, tmp_path / "cache"), tmp_path / "out", None, step)


def test_a_list_that_names_what_is_not_there(
    server: Service, client: PatientClient, step: Step, tmp_path: Path
) -> None:
    server.answers[f"/{LISTS[0]}"] = b"sketch/yoga/sketch_344_000001.jpg 344"
    with pytest.raises(DatasetError, match=r"sketch\.zip: sketch/yoga/sketch_344_000001\.jpg"):
        collect(start(server, client, step, tmp_path / "cache"), tmp_path / "out", None, step)
