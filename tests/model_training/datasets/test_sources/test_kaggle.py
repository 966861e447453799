"""Kaggle's own client against a server that answers what it asks."""

from __future__ import annotations

import base64
import hashlib
import io
import zipfile
from pathlib import Path

import pytest

from model_training.datasets.manifest import read_manifest
from model_training.datasets.sources.collect import collect
from model_training.datasets.sources.kaggle import SETS, Kaggle
from model_training.progress import Step
from model_training.runtime.errors import DatasetError
from tests.model_training.datasets.test_sources.conftest import Fault, Service, jpeg

kagglehub = pytest.importorskip("kagglehub", reason="kagglehub is not installed (requirements/sources.txt)")

GET = "/api/v1/datasets.DatasetApiService/GetDataset"
DOWNLOAD = "/api/v1/datasets.DatasetApiService/DownloadDataset"


@pytest.fixture
def kaggle(service: Service, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Service:
    from kagglesdk import kaggle_env

    monkeypatch.setenv("KAGGLE_API_ENVIRONMENT", "TEST")
    monkeypatch.setenv("KAGGLEHUB_CACHE", str(tmp_path / "cache"))
    monkeypatch.setitem(kaggle_env._env_to_endpoint, kaggle_env.KaggleEnv.TEST, service.url)
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        for number, name in enumerate(["Ukiyo_e/1.jpg", "Ukiyo_e/2.jfif", "train/Rococo/images/3"]):
            archive.writestr(name, jpeg(number))
        archive.writestr("classes.csv", "path,label\n")
        archive.writestr("__MACOSX/Rococo/._3.jpg", "x")
    service.answers[GET] = {"ref": "trungit/wikiart30k", "currentVersionNumber": 3, "licenseName": "CC0: Public Domain"}
    service.answers[DOWNLOAD] = content.getvalue()
    digest = base64.b64encode(hashlib.md5(content.getvalue()).digest()).decode()
    service.headers[DOWNLOAD] = {"X-Goog-Hash": f"crc32c=AAAAAA==,md5={digest}"}
    return service


def test_a_named_set(kaggle: Service, step: Step, tmp_path: Path) -> None:
    assert collect(Kaggle("ukiyo_e"), tmp_path / "out", None, step).kept == 2
    dataset = read_manifest(tmp_path / "out" / "manifest.csv")
    assert dataset.labels == ("japan",)
    assert dataset.entries[0].columns["url"] == "https://www.kaggle.com/datasets/trungit/wikiart30k#Ukiyo_e/1.jpg"
    assert [path.partition("?")[0] for path in kaggle.seen] == [GET, DOWNLOAD]
    assert collect(Kaggle("ukiyo_e"), tmp_path / "out", None, step).new == 0
    assert len([path for path in kaggle.seen if path == DOWNLOAD]) == 1


def test_any_set_by_its_folders(kaggle: Service, step: Step, tmp_path: Path) -> None:
    assert collect(Kaggle("someone/art"), tmp_path / "out", None, step).kept == 3
    assert read_manifest(tmp_path / "out" / "manifest.csv").labels == ("Rococo", "Ukiyo_e")
    with pytest.raises(DatasetError, match=r"Barock: the set has no such folder\. It has Ukiyo_e, train"):
        collect(Kaggle("someone/art", only="Barock"), tmp_path / "out", None, step)


@pytest.mark.parametrize("fault", [Fault(429), Fault(500), Fault(404)])
def test_a_fault_ends_in_one_line(kaggle: Service, step: Step, tmp_path: Path, fault: Fault) -> None:
    kaggle.faults[GET] = [fault] * 20
    with pytest.raises(DatasetError, match=f"someone/art: .*{fault.status}") as raised:
        collect(Kaggle("someone/art"), tmp_path / "out", None, step)
    assert "\n" not in str(raised.value)
    assert not (tmp_path / "out").exists()


def test_a_damaged_archive_is_not_taken(kaggle: Service, step: Step, tmp_path: Path) -> None:
    kaggle.headers[DOWNLOAD] = {"X-Goog-Hash": "md5=AAAAAAAAAAAAAAAAAAAAAA=="}
    with pytest.raises(DatasetError, match=r"someone/art: .*MD5"):
        collect(Kaggle("someone/art"), tmp_path / "out", None, step)
    kaggle.headers[DOWNLOAD] = {}
    kaggle.faults[DOWNLOAD] = [Fault(cut=True)] * 20
    with pytest.raises(DatasetError, match="someone/art: "):
        collect(Kaggle("someone/art"), tmp_path / "out", None, step)
    kaggle.faults[DOWNLOAD] = []
    assert collect(Kaggle("someone/art"), tmp_path / "out", None, step).kept == 3


def test_a_changed_answer(kaggle: Service, step: Step, tmp_path: Path) -> None:
    kaggle.answers[GET] = b"<html>moved</html>"
    with pytest.raises(DatasetError, match="someone/art: "):
        collect(Kaggle("someone/art"), tmp_path / "out", None, step)


def test_names() -> None:
    assert set(SETS) == {"landscape", "ukiyo_e", "ai_fruit"}
    with pytest.raises(
        DatasetError, match=r"'landscapes' is not a set.*owner/dataset, or landscape, ukiyo_e, ai_fruit"
    ):
        Kaggle("landscapes")
