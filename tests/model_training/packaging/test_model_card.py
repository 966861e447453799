from __future__ import annotations

from pathlib import Path

import pytest

from model_training.packaging.model_card import describe_model, write_model_card
from model_training.runtime.card import ClassMetrics, Metric, ModelCard, Text, read_card


@pytest.fixture(scope="module")
def made(tiny_bundle: Path) -> ModelCard:
    return read_card(tiny_bundle / "card.json")


@pytest.fixture
def card(made: ModelCard) -> ModelCard:
    """With figures that are known."""
    return made.model_copy(
        update={
            "calibration": made.calibration.model_copy(update={"temperature": 2.0}),
            "metrics": (
                Metric(name="accuracy", value=0.9, low=0.77, high=0.96, images=40, split="test", interval="wilson"),
            ),
            "class_metrics": (ClassMetrics(key="china", precision=0.875, recall=1.0, f1=0.933, support=20),),
        }
    )


def test_it_says_what_the_card_says_in_both_languages(card: ModelCard) -> None:
    english, korean = describe_model(card).split("\n---\n")
    assert "| accuracy | 0.900 | 0.770–0.960 | 40 | test | Wilson |" in english
    assert "| 정확도 | 0.900 | 0.770–0.960 | 40 | 평가 | 윌슨 |" in korean
    assert "| China | 0.875 | 1.000 | 0.933 | 20 |" in english
    assert "| 중국 | 9 | 3 | 3 |" in korean
    assert card.limits.en in english
    assert card.limits.ko in korean
    assert "divided by 2, which was fitted on 6 validation pictures" in english
    assert f"@misc{{hwapung_landscape_{card.provenance.created[:4]}," in korean


def test_where_the_images_come_from_is_said(card: ModelCard) -> None:
    assert "drawn by a program" in describe_model(card)
    found = card.model_copy(update={"data": card.data.model_copy(update={"procedural": False})})
    assert "does not record the pictures' licences" in describe_model(found)


def test_what_confidence_is_worth_is_said(made: ModelCard) -> None:
    english, korean = describe_model(made).split("\n---\n")
    assert made.conformal is not None
    assert made.ood is not None
    assert "The sets of classes that are meant to hold the true one in 90%" in english
    assert f"they did in {made.conformal.coverage:.1%} of {made.conformal.images} test pictures" in english
    assert "90%의 그림에서 정답을 담도록" in korean
    assert f"refuses {made.ood.rejected:.1%} of the validation pictures" in english
    error = made.calibration.ece_after
    assert error is not None
    assert f"off by {error:.3f} on average" in english


def test_a_bar_in_a_name_stays_in_its_cell(card: ModelCard) -> None:
    label = card.labels[0].model_copy(update={"title": Text(en="a|b", ko="a|b")})
    text = describe_model(card.model_copy(update={"labels": (label, card.labels[1])}))
    assert "| a\\|b | 9 |" in text


def test_it_is_written_whole(card: ModelCard, tmp_path: Path) -> None:
    assert write_model_card(card, tmp_path).read_text("utf-8") == describe_model(card)
    assert [each.name for each in tmp_path.iterdir()] == ["MODEL_CARD.md"]


def test_it_is_made_with_the_bundle(tiny_bundle: Path, made: ModelCard) -> None:
    assert (tiny_bundle / "MODEL_CARD.md").read_text("utf-8") == describe_model(made)
    assert "MODEL_CARD.md" in made.files  # so that an archive holds it


def test_a_card_without_figures_says_so(made: ModelCard) -> None:
    assert "The card has no figures." in describe_model(made.model_copy(update={"metrics": ()}))
