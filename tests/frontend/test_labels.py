"""The page of a model that names several labels."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
from flask.testing import FlaskClient

from tests.cards import make_card
from tests.frontend.model_server_stub import ModelServerStub, answer, image
from tests.frontend.pages import MakeClient, send

TITLES = {"action": {"en": "Action", "ko": "액션"}, "drama": {"en": "Drama", "ko": "드라마"}}
PROBABILITIES = {"action": 0.62, "drama": 0.91}


def label_card() -> dict[str, Any]:
    decisions = [
        {"key": "action", "scale": 1, "offset": 0, "threshold": 0.4, "positives": 20, "own": True},
        {"key": "drama", "scale": 1, "offset": 0, "threshold": 0.5, "positives": 5, "own": False},
    ]
    figures = [
        {"key": key, "precision": 0.5, "recall": 0.5, "f1": 0.5, "support": 9, "average_precision": 0.777}
        for key in TITLES
    ]
    labels = [{"key": key, "title": title} for key, title in TITLES.items()]
    card = make_card(
        task="multi_label", name="landscape", labels=labels, decisions=decisions, class_metrics=figures,
        examples=[{"name": "one", "image": "one.png", "label": "action;drama"}],
    )  # fmt: skip
    return card.model_dump(mode="json")


def say(labels: list[str], **changes: Any) -> dict[str, Any]:
    explained = answer(explained=True)["explanation"] | {"class": labels[0] if labels else "drama"}
    said = {
        "labels": labels, "processing_time_ms": 21.4, "probabilities": PROBABILITIES, "verdict": "unsure",
        "model": "landscape", "version": "1.0", "explanation": explained,
        "prediction_set": {"risk": 0.1, "classes": ["drama", "action"]},
    }  # fmt: skip
    return said | changes


@pytest.fixture
def asked(model_server: ModelServerStub) -> ModelServerStub:
    shown = [{"name": "one", "label": "action;drama", "media_type": "image/png", "data": "", "answer": say(["drama"])}]
    model_server.models["landscape"] = (label_card(), shown)
    return model_server


def test_what_it_names_stands_as_chips_before_the_bars_of_all(client: FlaskClient, asked: ModelServerStub) -> None:
    asked.reply = (200, json.dumps(say(["drama", "action"])).encode())
    page = send(client, image()).text
    chips = re.findall(r'<span class="chip-title">(.*?)</span> <span class="chip-value">(.*?)</span>', page)
    assert chips == [("Drama", "91.0%"), ("Action", "62.0%")]
    assert page.count('<li class="chosen">') == 2
    assert "named from 40.0%" in page
    assert 'x1="400.0"' in page
    assert "the more it supports “Drama”" in page
    assert "At least one label that it names is below the threshold" in page
    assert "of a picture’s labels on average" not in page.partition('class="facts"')[0]  # the set is what it names
    assert "이름 붙인" not in page


def test_the_set_is_shown_where_it_holds_more(client: FlaskClient, asked: ModelServerStub) -> None:
    asked.reply = (200, json.dumps(say(["drama"], verdict="sure")).encode())
    page = send(client, image()).text
    assert "miss 10% of a picture’s labels on average, at most: Drama and Action" in page
    assert "Every label that it names is above the threshold" in page
    korean = send(client, image(), language="ko").text
    assert "드라마" in korean
    assert "평균 10% 이하" in korean


def test_none_is_named_where_none_is_likely(client: FlaskClient, asked: ModelServerStub) -> None:
    asked.reply = (200, json.dumps(say([])).encode())
    page = send(client, image()).text
    assert "No label is likely enough" in page
    assert "The nearest label is “Drama”." in page
    assert "chip-title" not in page
    assert "Every label stays below" in page


def test_an_unknown_picture_has_no_chips_no_red_bar_and_no_heatmap(client: FlaskClient, asked: ModelServerStub) -> None:
    said = say(["drama"], verdict="unknown", reason="blank")
    del said["prediction_set"]
    asked.reply = (200, json.dumps(said).encode())
    page = send(client, image()).text
    assert 'data-reason="blank"' in page
    assert "Show the probabilities anyway" in page
    assert "The nearest label is “Drama”." in page
    for absent in ("chip-title", 'class="chosen"', "data-heatmap", "miss 10%"):
        assert absent not in page.partition('class="facts"')[0]


def test_what_the_file_says_stands_before_the_labels(client: FlaskClient, asked: ModelServerStub) -> None:
    stated = {"source": "credit", "says": "ai", "level": "claimed"}
    provenance = {"says": "ai", "level": "claimed", "statements": [stated], "unread": []}
    asked.reply = (200, json.dumps(say(["drama"]) | {"provenance": provenance}).encode())
    page = send(client, image()).text
    assert page.index("What the file says") < page.index("chip-title")


def test_the_cards_own_words_win(client: FlaskClient, asked: ModelServerStub) -> None:
    told = {
        "title": {"en": "Quite so", "ko": "맞아요"},
        "text": {"en": "Sure.", "ko": "네."},
        "instead_of_class": False,
    }
    card, shown = asked.models["landscape"]
    asked.models["landscape"] = (card | {"verdicts": {"sure": told}}, shown)
    asked.reply = (200, json.dumps(say(["drama"], verdict="sure")).encode())
    assert "Quite so" in send(client, image()).text


def test_the_model_and_its_examples_are_described(client: FlaskClient, asked: ModelServerStub) -> None:
    page = client.get("/models/landscape", headers={"Accept-Language": "en"}).text
    assert "on 40 test pictures they missed 8.0%" in page
    assert "Too few validation pictures for a threshold of its own: Drama." in page
    assert "Average precision" in page
    assert "77.7%" in page
    assert "temperature" not in page
    shown = client.get("/models/landscape/examples/one", headers={"Accept-Language": "en"}).text
    assert "it truly is: Action, Drama." in shown


def test_a_video_of_it_is_refused_by_name(make_client: MakeClient, asked: ModelServerStub) -> None:
    response = make_client().get("/models/landscape/video")
    assert response.status_code == 404
