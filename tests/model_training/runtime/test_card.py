from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from model_training.runtime.card import ModelCard, read_card, write_card
from model_training.runtime.errors import CardError


def content() -> dict[str, Any]:
    text = {"en": "Landscapes", "ko": "산수화"}
    figure = {"name": "accuracy", "value": 0.9, "low": 0.8, "high": 0.95, "images": 40, "split": "test"}
    agreement = {"images": 8, "largest_logit_difference": 1e-6, "same_class": 1.0}
    return {
        "schema_version": 2,
        "name": "landscape",
        "version": "1.0",
        "title": text,
        "summary": text,
        "limits": text,
        "labels": [{"key": "china", "title": text}, {"key": "한국 그림", "title": text}],
        "preprocessing": {"height": 64, "width": 96, "mean": [0.5, 0.5, 0.5], "std": [0.2, 0.2, 0.2]},
        "network": {"backbone": "resnet18", "parameters": 11},
        "calibration": {"temperature": 1.3, "fitted_on": 20},
        "thresholds": {"sure": 0.9},
        "metrics": [figure | {"interval": "wilson"}],
        "class_metrics": [{"key": "china", "precision": 1.0, "recall": 0.5, "f1": 0.66, "support": 20}],
        "openvino_model": {"file": "network.xml", "agreement": agreement},
        "data": {
            "name": text,
            "procedural": True,
            "counts": {"train": {"china": 3, "한국 그림": 4}},
            "exact_duplicates": 0,
            "near_duplicates": 1,
            "fingerprint": "ab",
        },
        "provenance": {
            "created": "2026-01-01T00:00:00Z",
            "code": "unknown",
            "libraries": {"torch": "2"},
            "recipe": {"training": {"epochs": 2}},
            "seconds": 1.5,
            "device": "cpu",
        },
        "examples": [{"name": "example-01", "image": "example-01.jpg", "label": "china"}],
        "files": {"weights.safetensors": "00"},
    }


def refusal(path: Path) -> CardError:
    with pytest.raises(CardError) as caught:
        read_card(path)
    error = caught.value
    assert "\n" not in str(error)
    assert str(path) in error.message
    assert "make train" in error.remedy
    assert (error.code, error.status) == ("bad_card", 500)
    return error


def test_round_trip(tmp_path: Path) -> None:
    card = ModelCard.model_validate(content())
    path = tmp_path / "card.json"
    write_card(card, path)
    assert read_card(path) == card
    assert json.loads(path.read_text("utf-8"))["labels"][1]["key"] == "한국 그림"
    assert "한국 그림" in path.read_text("utf-8")  # readable by people, not escaped
    assert [file.name for file in tmp_path.iterdir()] == ["card.json"]


def test_a_trained_bundles_card_round_trips(tiny_bundle: Path, tmp_path: Path) -> None:
    card = read_card(tiny_bundle / "card.json")
    write_card(card, tmp_path / "card.json")
    assert (tmp_path / "card.json").read_bytes() == (tiny_bundle / "card.json").read_bytes()


def test_a_missing_card(tmp_path: Path) -> None:
    assert "there is no card" in refusal(tmp_path / "card.json").message


@pytest.mark.parametrize("text", [b"", b"{", b"\xff\xfe", b'{"schema_version": 2,}', b"schema_version: 1"])
def test_broken_json(tmp_path: Path, text: bytes) -> None:
    path = tmp_path / "card.json"
    path.write_bytes(text)
    assert "can't be read" in refusal(path).message


def test_a_folder_in_the_cards_place(tmp_path: Path) -> None:
    assert "can't be read" in refusal(tmp_path).message


@pytest.mark.parametrize("text", ["[]", "3", "null", "{}", '{"schema_version": "1"}', '{"schema_version": 9}'])
def test_another_schema_version(tmp_path: Path, text: str) -> None:
    path = tmp_path / "card.json"
    path.write_text(text)
    error = refusal(path)
    assert "schema version" in error.message
    assert "reads version 2" in error.message


def _set(*keys: str | int, to: object) -> Callable[[dict[str, Any]], None]:
    def change(card: dict[str, Any]) -> None:
        place: Any = card
        for key in keys[:-1]:
            place = place[key]
        place[keys[-1]] = to

    return change


@pytest.mark.parametrize(
    ("change", "named"),
    [
        (_set("colour", to="red"), "colour"),
        (_set("preprocessing", "crop", to=1), "preprocessing.crop"),
        (_set("labels", 1, "emoji", to="x"), "labels.1.emoji"),
        (_set("preprocessing", "height", to=0), "preprocessing.height"),
        (_set("preprocessing", "fit", to="crop"), "preprocessing.fit"),
        (_set("calibration", "temperature", to=0), "calibration.temperature"),
        (_set("thresholds", "sure", to=1.5), "thresholds.sure"),
        (_set("labels", to=[]), "labels"),
        (_set("name", to="Land scape"), "name"),
        (_set("metrics", 0, "split", to="train"), "metrics.0.split"),
        (_set("labels", 1, "key", to="china"), "same key"),
        (lambda card: card.pop("thresholds"), "thresholds"),
    ],
)
def test_a_card_that_is_not_as_agreed(tmp_path: Path, change: Callable[[dict[str, Any]], None], named: str) -> None:
    card = content()
    change(card)
    path = tmp_path / "card.json"
    path.write_text(json.dumps(card))
    error = refusal(path)
    assert named in error.message
    assert ": :" not in error.message


def test_a_card_can_not_be_changed() -> None:
    card = ModelCard.model_validate(content())
    with pytest.raises(ValidationError):
        card.name = "other"  # type: ignore[misc]
