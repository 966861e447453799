from __future__ import annotations

from pathlib import Path

import pytest

from model_training.packaging.model_card import describe_model, write_model_card
from model_training.runtime.card import ClassMetrics, Metric, ModelCard, Text, read_card
from tests.robust_cards import RESISTANCE, UNSEEN_SOURCES


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
    assert "The sets of classes are meant to hold the true one in 90%" in english
    assert f"they did in {made.conformal.coverage:.1%} of {made.conformal.images} test pictures" in english
    assert "90%의 그림에서 정답을 담도록" in korean
    error = made.calibration.ece_after
    assert error is not None
    assert f"off by {error:.3f} on average" in english


def test_what_the_gate_aims_at_costs_and_catches_is_said(made: ModelCard) -> None:
    assert made.ood is not None
    gate = {
        "threshold": 900.0, "rejected": 0.04, "rejected_low": 0.0083, "rejected_high": 0.1125, "fitted_on": 300,
        "images": 75, "caught": {"noise": 1.0, "in pieces": 0.4375},
        "limits": {"min_side": 32, "max_aspect": 8.0, "refuses_text": False, "max_scale": 0.214},
    }  # fmt: skip
    text = describe_model(ModelCard.model_validate(made.model_dump() | {"ood": gate}))
    english, korean = text.split("\n---\n")
    assert "set on 300 pictures, aims to refuse at most 5% of pictures like them" in english
    assert "of 75 validation pictures it refuses 4.0% (interval of 95%: 0.8% to 11.2%)" in english
    assert "a side under 32 pixels, beyond a shape of 1:8, or almost of one colour" in english
    assert "fill more than 21% of the network's input" in english
    assert "it refused: noise 100%, validation pictures in pieces 44%." in english
    assert "검증 그림 75장 가운데 4.0%를 거절합니다(95% 구간: 0.8%~11.2%)" in korean
    assert "조각내어 섞은 검증 그림 44%" in korean
    assert "pages of text" not in english
    assert "JPEG files" not in english
    strict = {"min_sharpness": 0.2, "min_quality": 65, "refuses_text": True}
    english = describe_model(ModelCard.model_validate(made.model_dump() | {"ood": gate | {"limits": strict}}))
    assert "It refuses pages of text, too." in english
    assert "JPEG files of a quality below 65" in english


def test_that_files_are_asked_for_their_origin_is_said(made: ModelCard) -> None:
    assert "states of its origin" not in describe_model(made)
    english, korean = describe_model(made.model_copy(update={"reads_provenance": True})).split("\n---\n")
    assert "content credentials, and notes that anybody can write. No verdict depends on it." in english
    assert "콘텐츠 자격 증명과 누구나 적을 수 있는 정보도" in korean


def test_that_the_gate_is_off_is_said(made: ModelCard) -> None:
    assert made.ood is not None
    assert made.ood.threshold is None
    english, korean = describe_model(made).split("\n---\n")
    assert "does not look at features here: the 6 pictures for a bound were too few, or all alike" in english
    assert "기준을 정할 그림 6장이 너무 적거나 모두 같았기 때문입니다" in korean


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


def test_other_sources_and_passed_on_pictures_are_told(made: ModelCard) -> None:
    changes = {"unseen_sources": UNSEEN_SOURCES, "resistance": RESISTANCE}
    changes["thresholds"] = UNSEEN_SOURCES["thresholds"]
    english, korean = describe_model(ModelCard.model_validate(made.model_dump() | changes)).split("\n---\n")
    assert "on average, on the worst 62.5%; on test pictures from sources that they had seen 96.0%" in english
    assert "to be expected between 11.3% and 100.0%" in english
    assert "| flux | China | 40 | 0.625 | 0.470–0.758 | 30.0% | 25.0% |" in english
    assert "| phone\\|7 | China | 50 | 0.940 | 0.838–0.979 | 0.0% | – |" in english
    assert "too few pictures: midjourney. 7 pictures name no source." in english
    assert "from sources that the network answering had not seen, 98.1% were right" in english
    assert "| flux | 중국 | 40 |" in korean
    assert "| JPEG (quality) | 20 | 0.715 | 0.649–0.773 | 1.5% | – | 63.5% |" in english
    assert "| 크기 변경(변의 비율) | 0.25 | 0.580 | 0.511–0.646 | 10.0% | 35.0% | 50.0% |" in korean


def test_that_nothing_was_measured_of_other_sources_is_said(made: ModelCard) -> None:
    text = describe_model(made)
    assert "How well pictures from others are told was not measured." in text
    assert "taken from a screen" not in text
    nothing = UNSEEN_SOURCES | {"sources": [], "mean": None, "low": None, "high": None, "seen": None}
    text = describe_model(ModelCard.model_validate(made.model_dump() | {"unseen_sources": nothing}))
    assert "was not measured. Not measured, since without them" in text
