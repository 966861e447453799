"""What a page says of an answer: its verdict leads, and a stranger is told as one."""

from __future__ import annotations

import json

import pytest
from flask.testing import FlaskClient

from frontend.formatting import likelihood
from tests.frontend.model_server_stub import (
    ModelServerStub,
    answer,
    card,
    examples,
    image,
    unknown_answer,
)
from tests.frontend.pages import PAGE, Page, send


def test_what_else_it_may_be_is_one_line_in_the_visitors_language(
    client: FlaskClient, model_server: ModelServerStub
) -> None:
    model_server.reply = (200, json.dumps(answer(china=0.6)).encode())
    assert "In 90% of cases the true class is one of these: China or han gang" in send(client, image()).text
    assert (
        "학습에 쓴 것과 비슷한 그림이라면 90% 정도는 이 가운데 정답이 있습니다: 중국 또는 han gang"
        in send(client, image(), language="ko").text
    )
    many = answer(china=0.6) | {"prediction_set": {"coverage": 0.9, "classes": ["china", *"abcde"]}}
    alone = answer(china=0.95)
    without = {key: value for key, value in answer(china=0.6).items() if key != "prediction_set"}  # an older bundle's
    for said in (many, alone, without):
        model_server.reply = (200, json.dumps(said).encode())
        assert "of cases" not in send(client, image()).text


@pytest.mark.parametrize(
    ("probability", "shown"),
    [(1.0, "> 99.9%"), (0.99951, "> 99.9%"), (0.9994, "99.9%"), (0.5, "50.0%"), (0.0004, "< 0.1%"), (0.0, "< 0.1%")],
)
def test_a_probability_is_never_shown_as_certain(client: FlaskClient, probability: float, shown: str) -> None:
    with client.application.test_request_context():
        assert likelihood(probability) == shown


@pytest.mark.parametrize(
    ("language", "words"),
    [
        ("en", ["Inconclusive", "Closest to “China” 60.0%", "The traces are too weak."]),
        ("ko", ["판단하기 어렵습니다", "‘중국’에 가장 가깝습니다 60.0%", "근거가 약합니다."]),
    ],
)
def test_the_cards_words_follow_the_verdict(
    client: FlaskClient, model_server: ModelServerStub, language: str, words: list[str]
) -> None:
    model_server.verdicts = {
        "unsure": {
            "title": {"en": "Inconclusive", "ko": "판단하기 어렵습니다"},
            "text": {"en": "The traces are too weak.", "ko": "근거가 약합니다."},
            "instead_of_class": True,
        }
    }
    model_server.reply = (200, json.dumps(answer(china=0.6)).encode())
    page = Page(send(client, fragment=True, language=language))
    assert all(word in page.text for word in words)
    model_server.reply = (200, json.dumps(answer(china=0.95)).encode())
    assert {"en": "The model is sure", "ko": "확신"}[language] in Page(send(client, language=language)).text


UNKNOWN_WORDS = {
    "en": ("Unlike anything that I learned", "The nearest class is “China”."),
    "ko": ("배운 것과 전혀 다릅니다", "가장 가까운 클래스는 ‘중국’이지만"),
}


@pytest.mark.parametrize("language", ["en", "ko"])
@pytest.mark.parametrize(
    ("reason", "words"),
    [
        (None, {"en": "comes close to it", "ko": "비슷한 것이 없습니다"}),
        ("unlike", {"en": "comes close to it", "ko": "비슷한 것이 없습니다"}),
        ("a reason of a later archive", {"en": "comes close to it", "ko": "비슷한 것이 없습니다"}),
        ("blank", {"en": "one colour, or almost", "ko": "한 가지 색"}),
        ("tiny", {"en": "fewer than 32 pixels", "ko": "32픽셀"}),
        ("long", {"en": "eight times as long", "ko": "여덟 배"}),
        ("text", {"en": "a page of text", "ko": "글이 적힌 문서"}),
        ("finer", {"en": "much more detail", "ko": "훨씬 세밀"}),
        ("coarser", {"en": "fewer pixels than any", "ko": "픽셀 수가 적습니다"}),
        ("softer", {"en": "blurrier than any", "ko": "흐릿합니다"}),
        ("compressed", {"en": "compressed more strongly", "ko": "심하게 압축"}),
    ],
)
def test_of_a_stranger_the_verdict_leads(
    client: FlaskClient, model_server: ModelServerStub, language: str, reason: str | None, words: dict[str, str]
) -> None:
    model_server.reply = (200, json.dumps(unknown_answer(reason, explained=True)).encode())
    response = send(client, fragment=True, language=language)
    page = Page(response)
    headline, nearest = UNKNOWN_WORDS[language]
    assert page.text.startswith(headline)
    sentence = page.text.index(words[language])
    assert len(headline) <= sentence < page.text.index(nearest) < page.text.index("99.6%")
    announced = page.one("data-announcement")["data-announcement"]
    assert announced is not None
    assert announced.startswith(f"{headline}. ")
    assert words[language] in announced
    assert nearest in announced
    assert "99.6%" not in announced
    assert page.one("data-reason")["data-reason"] == reason or reason is None
    # The numbers are there for who opens them; no heatmap, nothing that says how sure the network was.
    assert response.text.index("<details>") < response.text.index("99.6%")
    assert "heatmap" not in response.text
    assert "confidence" not in page.text
    assert "확신" not in page.text


def test_of_a_stranger_a_page_without_scripts_has_no_heatmap(
    client: FlaskClient, model_server: ModelServerStub
) -> None:
    model_server.reply = (200, json.dumps(unknown_answer("blank", explained=True)).encode())
    page = Page(send(client))
    assert "src" not in page.one("data-heat")
    assert "hidden" in page.one("data-heat")
    assert page.one("data-picture")["src"]
    assert "Unlike anything that I learned" in page.text
    model_server.reply = None
    assert "src" in Page(send(client)).one("data-heat")


def test_an_example_may_be_a_stranger(client: FlaskClient, model_server: ModelServerStub) -> None:
    strange = examples()[0] | {"answer": unknown_answer(explained=True)}
    model_server.models["landscape"] = (card(), [strange])
    page = Page(client.get(f"{PAGE}/examples/one", headers={"Accept-Language": "en"}))
    assert "Unlike anything that I learned" in page.text
    assert "its true class is han gang" in page.text
    assert "src" not in page.one("data-heat")


def test_the_cards_words_are_for_what_is_unlike_and_not_for_what_is_blank(
    client: FlaskClient, model_server: ModelServerStub
) -> None:
    told = {"title": {"en": "No landscape", "ko": "산수화가 아닙니다"}, "text": {"en": "Or so.", "ko": "아마도요."}}
    model_server.verdicts = {"unknown": told | {"instead_of_class": False}}
    model_server.reply = (200, json.dumps(unknown_answer("unlike")).encode())
    page = Page(send(client, fragment=True))
    assert page.text.startswith("No landscape Or so. The nearest class is")
    model_server.reply = (200, json.dumps(unknown_answer("blank")).encode())
    assert Page(send(client, fragment=True)).text.startswith("Unlike anything that I learned It has one colour")


def strip_answer() -> dict[str, object]:
    """A strip that lies along its height: a sure panel, an unsure one and a blank one."""
    panels = [
        {"box": [0, 0, 60, 100]} | answer(china=0.97),
        {"box": [0, 100, 60, 150]} | answer(china=0.6),
        {"box": [0, 150, 60, 200]} | unknown_answer("blank"),
    ]
    return answer(china=0.8) | {"panels": panels, "interval": [0.7, 0.9], "width": 60, "height": 200}


@pytest.mark.parametrize(
    ("language", "words"),
    [
        (
            "en",
            [
                "80.0% mean confidence (95% interval 70.0% to 90.0%)",
                "The interval reaches below the model's threshold. Look at the timeline",
                "It was cut into 3 panels; the answer is their mean.",
                "Panel 1 of 3: China, 97.0% · sure",
                "China, 60.0% · not sure",
                "one colour, or almost; the nearest class is China",
            ],
        ),
        (
            "ko",
            [
                "80.0% 평균 확신도 (95% 구간 70.0% ~ 90.0%)",
                "긴 그림을 3컷으로 나누었으며, 답은 그 평균입니다.",
                "3컷 중 1번째: 중국, 97.0% · 확신함",
                "중국, 60.0% · 확신하지 못함",
                "거의 한 가지 색 · 가장 가까운 클래스는 중국",
            ],
        ),
    ],
)
def test_a_strip_is_shown_as_a_timeline(
    client: FlaskClient, model_server: ModelServerStub, language: str, words: list[str]
) -> None:
    model_server.reply = (200, json.dumps(strip_answer()).encode())
    page = Page(send(client, image(), language=language))
    assert all(each in page.text for each in words)
    bars = [
        attributes for tag, attributes in page.elements if tag == "rect" and "y" in attributes and "class" in attributes
    ]
    found = [(each["class"], each["x"], each["width"], each["height"]) for each in bars if "hue" in str(each["class"])]
    assert found == [
        ("hue-0", "0.0", "500.0", "97.0"),
        ("hue-0 pale", "500.0", "250.0", "60.0"),
        ("hue-unknown", "750.0", "250.0", "100.0"),
    ]


@pytest.mark.parametrize(("language", "words"), [("en", "file ends early"), ("ko", "파일이 도중에 끊겨")])
def test_a_file_that_ends_early_is_told_in_one_line(
    client: FlaskClient, model_server: ModelServerStub, language: str, words: str
) -> None:
    assert words not in send(client, image(), language=language).text
    model_server.reply = (200, json.dumps(answer() | {"warnings": ["truncated"]}).encode())
    assert words in send(client, image(), language=language).text
