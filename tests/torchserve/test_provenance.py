"""An archive whose card asks for provenance reads it in TorchServe's workers, by the operator's trust lists."""

from __future__ import annotations

from pathlib import Path

import pytest
import requests

from model_training.runtime.card import read_card, write_card
from model_training.runtime.provenance.credentials import TRUST
from tests.signing import Authority, created, picture
from tests.torchserve.conftest import SETTINGS
from tests.torchserve.tiny import make_tiny_bundle
from torchserve.archive import build_archive
from torchserve.server import TorchServe


def test_workers_know_the_trust_lists(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    bundle = make_tiny_bundle(tmp_path / "tiny")
    write_card(read_card(bundle / "card.json").model_copy(update={"reads_provenance": True}), bundle / "card.json")
    build_archive(bundle, tmp_path / "store")
    authority = Authority()
    (tmp_path / "lists").mkdir()
    authority.write_list(tmp_path / "lists")
    signed = authority.certify("Signing desk", "Brush Co").sign(picture(), created())
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv(TRUST, "lists")
    with TorchServe(tmp_path / "store", SETTINGS) as server:
        server.wait_until_ready("tiny")
        for question in ("predictions", "explanations"):
            answer = requests.post(f"{server.inference_url}/{question}/tiny", data=signed, timeout=60).json()
            assert (answer["provenance"]["says"], answer["provenance"]["level"]) == ("ai", "signed")
            assert answer["provenance"]["statements"][0]["signer"]["organisation"] == "Brush Co"
