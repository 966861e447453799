"""The Hugging Face Hub's own client against the addresses that it asks."""

from __future__ import annotations

from pathlib import Path

import huggingface_hub.constants
import pytest

from model_training.datasets.manifest import read_manifest
from model_training.datasets.sources.collect import collect
from model_training.datasets.sources.hugging_face import HuggingFace
from model_training.progress import Step
from model_training.runtime.errors import DatasetError
from tests.model_training.datasets.test_sources.conftest import Fault, Service, jpeg

COMMIT = "a" * 40
FILES = ["README.md", "train/ink/1.jpg", "train/print/2.JPG", "test/ink/3.jpg"]
API = "/api/datasets/museum/prints/revision/main"


@pytest.fixture
def hub(service: Service, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Service:
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_CACHE", str(tmp_path / "hub"))
    answer = {
        "id": "museum/prints",
        "sha": COMMIT,
        "siblings": [{"rfilename": name} for name in FILES],
        "cardData": {"license": "cc0-1.0"},
        "private": False,
        "gated": False,
        "disabled": False,
        "downloads": 0,
        "likes": 0,
        "tags": [],
    }
    service.answers[API] = service.answers[API.replace("main", COMMIT)] = answer
    tree = [{"type": "file", "oid": f"{n:040}", "size": 1, "path": name} for n, name in enumerate(FILES)]
    service.answers[f"/api/datasets/museum/prints/tree/{COMMIT}"] = tree
    for number, name in enumerate(FILES):
        place = f"/datasets/museum/prints/resolve/{COMMIT}/{name}"
        service.answers[place] = jpeg(number)
        service.headers[place] = {"ETag": f'"{number:040}"', "X-Repo-Commit": COMMIT}
    return service


def test_image_files_with_licence_and_commit(hub: Service, step: Step, tmp_path: Path) -> None:
    source = HuggingFace("museum/prints", base_url=hub.url)
    assert collect(source, tmp_path / "out", None, step).kept == 3
    dataset = read_manifest(tmp_path / "out" / "manifest.csv")
    assert dataset.labels == ("ink", "print")
    first = dataset.entries[0].columns
    assert first["licence"] == "cc0-1.0"
    assert first["url"] == f"https://huggingface.co/datasets/museum/prints/tree/{COMMIT}#test/ink/3.jpg"
    assert not any("README" in path for path in hub.seen)
    before = len(hub.seen)
    assert collect(HuggingFace("museum/prints", base_url=hub.url), tmp_path / "out", None, step).new == 0
    assert not any(path.endswith((".jpg", ".JPG")) for path in hub.seen[before:])


def test_one_folder_under_one_label(hub: Service, step: Step, tmp_path: Path) -> None:
    source = HuggingFace("museum/prints", "east", "train", base_url=hub.url)
    assert collect(source, tmp_path / "out", None, step).kept == 2
    assert read_manifest(tmp_path / "out" / "manifest.csv").labels == ("east",)


def test_faults_end_in_one_line(hub: Service, step: Step, tmp_path: Path) -> None:
    hub.faults[API] = [Fault(500)] * 20
    with pytest.raises(DatasetError, match=r"museum/prints: .*500") as raised:
        collect(HuggingFace("museum/prints", base_url=hub.url), tmp_path / "out", None, step)
    assert "\n" not in str(raised.value)
    with pytest.raises(DatasetError, match=r"museum/nothing: .*404"):
        collect(HuggingFace("museum/nothing", base_url=hub.url), tmp_path / "out", None, step)


def test_a_set_without_image_files(hub: Service, step: Step, tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match="museum/prints: the set has no picture file in nowhere"):
        collect(HuggingFace("museum/prints", None, "nowhere", base_url=hub.url), tmp_path / "out", None, step)
