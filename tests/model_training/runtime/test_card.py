from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from model_training.runtime.card import ModelCard, read_card, write_card
from model_training.runtime.errors import CardError
from tests.cards import make_card


def content(**changes: Any) -> dict[str, Any]:
    figure = {"name": "accuracy", "value": 0.9, "low": 0.8, "high": 0.95, "images": 40, "split": "test"}
    row = {"key": "china", "precision": 1.0, "recall": 0.5, "f1": 0.66, "support": 20}
    card = make_card(metrics=[figure | {"interval": "wilson"}], class_metrics=[row], **changes)
    return card.model_dump(mode="json")


def refusal(path: Path) -> CardError:
    with pytest.raises(CardError) as caught:
        read_card(path)
    error = caught.value
    assert "\n" not in str(error)
    assert str(path) in error.message
    assert "hwapung train" in error.remedy
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


@pytest.mark.parametrize(
    "text", [b"", b"{", b"\xff\xfe", b'{"schema_version": 2,}', b"schema_version: 1", b"[" * 100_000]
)
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
        (_set("task", to="counting"), "task: 'counting' is none of classification, multi_label, sketch, detection"),
        (_set("detector", to={}), "detector"),
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


@pytest.mark.parametrize("task", ["painting", ["classification"], {}, None])
def test_a_task_that_there_is_not(tmp_path: Path, task: object) -> None:
    path = tmp_path / "card.json"
    path.write_text(json.dumps(content() | {"task": task}))
    assert "task: " in refusal(path).message
