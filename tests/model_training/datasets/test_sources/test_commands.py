from __future__ import annotations

from pathlib import Path

import pytest

from hwapung.cli import main
from model_training.datasets.manifest import read_manifest
from model_training.datasets.sources import client as client_module
from tests.model_training.datasets.test_sources.conftest import Service, jpeg


def run(monkeypatch: pytest.MonkeyPatch, *arguments: str) -> int:
    """The exit status of `hwapung data` with these arguments."""
    with pytest.raises(SystemExit) as ended:
        main(["data", *arguments])
    return int(ended.value.code or 0)


def test_fetch_met(
    service: Service, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    service.answers["/search"] = {"total": 2, "objectIDs": [1, 2]}
    for number in (1, 2):
        service.answers[f"/pictures/{number}.jpg"] = jpeg(number)
        service.answers[f"/objects/{number}"] = {
            "objectID": number,
            "isPublicDomain": number == 2,
            "primaryImage": "",
            "primaryImageSmall": f"{service.url}/pictures/{number}.jpg",
            "title": "Rain",
            "artistDisplayName": "",
        }
    out = tmp_path / "out"
    arguments = [
        "fetch",
        "met",
        "--out",
        str(out),
        "--query",
        "landscape",
        "--label",
        "china",
        "--base-url",
        service.url,
    ]
    assert run(monkeypatch, *arguments) == 0
    said = " ".join(capsys.readouterr().err.split())
    assert f"{out}: 1 pictures from met, 1 of them new, 1 passed over" in said
    assert [entry.label for entry in read_manifest(out / "manifest.csv").entries] == ["china"]


def test_fetch_naver_says_its_terms_first(
    service: Service, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(monkeypatch, "fetch", "naver", "--out", str(tmp_path), "--base-url", service.url) == 2
    assert "terms of use" in " ".join(capsys.readouterr().err.split())
    assert service.seen == []


def test_a_service_that_is_down(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(client_module.Client.__init__.__kwdefaults__, "attempts", 1)
    out = tmp_path / "out"
    arguments = ["--out", str(out), "--query", "x", "--base-url", "http://127.0.0.1:1"]
    assert run(monkeypatch, "fetch", "chicago", *arguments) == 2
    assert "goes on from here" in capsys.readouterr().err
    assert not out.exists()
