from __future__ import annotations

from pathlib import Path

import pytest
from pydantic import BaseModel

from model_training.datasets.sources.client import ATTEMPTS, USER_AGENT
from model_training.runtime.errors import DatasetError
from tests.model_training.datasets.test_sources.conftest import Fault, PatientClient, Service


class Work(BaseModel):
    title: str


@pytest.mark.parametrize("fault", [Fault(429), Fault(500), Fault(503), Fault(cut=True)])
def test_passing_faults_are_tried_again(service: Service, client: PatientClient, fault: Fault) -> None:
    service.answers["/work"] = {"title": "Rain"}
    service.faults["/work"] = [fault, fault]
    work = client.get_record(Work, f"{service.url}/work")
    assert work is not None
    assert work.title == "Rain"
    assert client.waited == [1.0, 2.0]
    assert service.agents == {USER_AGENT}


def test_retry_after_is_honoured(service: Service, client: PatientClient) -> None:
    service.answers["/a"] = b"x"
    service.faults["/a"] = [Fault(429, {"Retry-After": "17"}), Fault(503, {"Retry-After": "never"})]
    assert client.get_bytes(f"{service.url}/a") == b"x"
    assert client.waited == [17.0, 2.0]


def test_a_service_that_asks_for_hours_is_left_alone(service: Service, client: PatientClient) -> None:
    service.faults["/a"] = [Fault(429, {"Retry-After": "7200"})]
    with pytest.raises(DatasetError, match="asks to wait 120 minutes"):
        client.get_bytes(f"{service.url}/a")
    assert len(service.seen) == 1


def test_patience_ends(service: Service, client: PatientClient) -> None:
    service.faults["/a"] = [Fault(500)] * 20
    with pytest.raises(DatasetError, match=r"no answer in 6 attempts \(status 500\).*goes on from here"):
        client.get_bytes(f"{service.url}/a")
    assert len(service.seen) == ATTEMPTS
    assert client.waited == [1.0, 2.0, 4.0, 8.0, 16.0]


def test_nobody_there(client: PatientClient) -> None:
    with pytest.raises(DatasetError, match="no answer in 6 attempts"):
        client.get_bytes("http://127.0.0.1:1/a")


def test_a_refusal_is_not_repeated(service: Service, client: PatientClient) -> None:
    service.faults["/a"] = [Fault(403)]
    with pytest.raises(DatasetError, match="refuses with status 403"):
        client.get_bytes(f"{service.url}/a")
    assert client.get_bytes(f"{service.url}/nowhere") is None
    assert len(service.seen) == 2


@pytest.mark.parametrize(
    ("answer", "field"), [({"name": "Rain"}, "title"), ({"title": None}, "title"), (["Rain"], "the whole answer")]
)
def test_a_changed_field_is_named(service: Service, client: PatientClient, answer: object, field: str) -> None:
    service.answers["/work"] = answer
    with pytest.raises(DatasetError, match=f"/work: the field '{field}' is not what it was"):
        client.get_record(Work, f"{service.url}/work")
    assert len(service.seen) == 1


def test_a_page_instead_of_json_is_tried_again(service: Service, client: PatientClient) -> None:
    pages = [b"<html>busy</html>", b'{"title": "Ra', b'{"title": "Rain"}']
    service.answers["/work"] = lambda query: pages.pop(0)
    assert client.get_record(Work, f"{service.url}/work") == Work(title="Rain")


def test_requests_keep_their_distance(service: Service) -> None:
    client = PatientClient(pause=5.0)
    service.answers["/a"] = b"x"
    for _ in range(3):
        client.get_bytes(f"{service.url}/a")
    assert len(client.waited) == 2
    assert client.waited[0] == pytest.approx(5, abs=1)
    assert client.waited[1] == pytest.approx(10, abs=1)  # the first wait took no time


def test_a_download_goes_on_where_it_was_cut(service: Service, client: PatientClient, tmp_path: Path) -> None:
    content = bytes(range(256)) * 2048
    service.answers["/set.zip"] = content
    service.faults["/set.zip"] = [Fault(cut=True), Fault(500)]
    seen: list[tuple[int, int]] = []
    client.download(f"{service.url}/set.zip", tmp_path / "set.zip", lambda *step: seen.append(step))
    assert (tmp_path / "set.zip").read_bytes() == content
    assert service.ranges[-1] == "bytes=262144-"
    assert seen[-1] == (524288, 524288)
    assert [path.name for path in tmp_path.iterdir()] == ["set.zip"]


def test_a_part_of_another_file_is_thrown_away(service: Service, client: PatientClient, tmp_path: Path) -> None:
    (tmp_path / "set.zip.part").write_bytes(b"x" * 100)
    service.answers["/set.zip"] = b"short"
    client.download(f"{service.url}/set.zip", tmp_path / "set.zip", lambda *step: None)
    assert (tmp_path / "set.zip").read_bytes() == b"short"


def test_a_download_of_nothing(service: Service, client: PatientClient, tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match=r"set\.zip: there is nothing"):
        client.download(f"{service.url}/set.zip", tmp_path / "set.zip", lambda *step: None)
    assert not list(tmp_path.iterdir())
