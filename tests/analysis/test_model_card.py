from __future__ import annotations

from pathlib import Path

import pytest

from analysis.model_card import describe_model, write_model_card
from model_training.runtime.card import ClassFigures, Figure, ModelCard, Text, read_card

from .conftest import LABELS


@pytest.fixture
def card(bundle: Path) -> ModelCard:
    return read_card(bundle / "card.json").model_copy(
        update={
            "figures": (
                Figure(name="accuracy", value=0.9, low=0.77, high=0.96, pictures=40, split="test", interval="wilson"),
            ),
            "per_class": (ClassFigures(key=LABELS[0], precision=0.875, recall=1.0, f1=0.933, support=20),),
        }
    )


def test_it_says_what_the_card_says_in_both_languages(card: ModelCard) -> None:
    english, korean = describe_model(card).split("\n---\n")
    assert "| accuracy | 0.900 | 0.770–0.960 | 40 | test | Wilson |" in english
    assert "| 정확도 | 0.900 | 0.770–0.960 | 40 | 평가 | 윌슨 |" in korean
    assert f"| {LABELS[0]} | 0.875 | 1.000 | 0.933 | 20 |" in english
    assert f"| {LABELS[0]} | 12 | 4 | 4 |" in english
    assert card.limits.en in english
    assert card.limits.ko in korean
    assert "divided by 2, which was fitted on 8 validation pictures" in english
    assert "does not record the pictures' licences" in english
    assert "@misc{hwapung_landscape_2026," in korean


def test_a_program_that_drew_the_pictures_is_named(card: ModelCard) -> None:
    drawn = card.model_copy(update={"data": card.data.model_copy(update={"procedural": True})})
    assert "drawn by a program" in describe_model(drawn)


def test_a_bar_in_a_name_stays_in_its_cell(card: ModelCard) -> None:
    label = card.labels[0].model_copy(update={"title": Text(en="a|b", ko="a|b")})
    text = describe_model(card.model_copy(update={"labels": (label, card.labels[1])}))
    assert "| a\\|b | 12 |" in text


def test_it_is_written_whole(card: ModelCard, tmp_path: Path) -> None:
    assert write_model_card(card, tmp_path).read_text("utf-8") == describe_model(card)
    assert [each.name for each in tmp_path.iterdir()] == ["MODEL_CARD.md"]


def test_a_card_without_figures_says_so(bundle: Path) -> None:
    assert "The card has no figures." in describe_model(read_card(bundle / "card.json"))
