"""What reports, model cards and audits say exists in Korean, too; the compiled file is the one that is read."""

from __future__ import annotations

from pathlib import Path
from string import Formatter

import pytest
from babel.messages.catalog import Catalog
from babel.messages.extract import extract_from_dir
from babel.messages.mofile import read_mo
from babel.messages.pofile import read_po

from model_training.runtime.card import Text
from model_training.translation import join, open_catalogue, plain
from tests.conftest import ROOT

ROOMS = ("analysis", "model_training")
METHODS = [("**.py", "python"), ("templates/**.html", "jinja2")]


def place(room: str) -> Path:
    return ROOT / room / "translations" / "ko" / "LC_MESSAGES"


@pytest.fixture(params=ROOMS)
def room(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def korean(room: str) -> Catalog:
    with (place(room) / "messages.po").open("rb") as file:
        return read_po(file, locale="ko")


def extract(room: str, function: str) -> dict[str, str]:
    """The sentences that a function is called with, each with a file that says it."""
    found = extract_from_dir(ROOT / room, METHODS, keywords={function: None})
    return {str(message): file for file, _, message, _, _ in found}


def said(room: str) -> set[str]:
    found = set(extract(room, "_"))
    # What is found while a dataset is read is added in English, and translated where it is shown.
    for function in ("add", "lose"):
        found |= {
            message
            for message, file in extract(room, function).items()
            if "findings" in (ROOT / room / file).read_text("utf-8").lower()
        }
    assert len(found) > 50
    return found


def test_every_sentence_is_translated_and_none_is_left_over_or_in_doubt(room: str, korean: Catalog) -> None:
    translated = {str(message.id) for message in korean if message.id and message.string}
    assert translated == said(room)
    assert [message.id for message in korean if message.id and message.fuzzy] == []


def test_both_languages_have_the_same_values(korean: Catalog) -> None:
    def places(message: str) -> set[tuple[str, str | None]]:
        return {(name, form) for _, name, form, _ in Formatter().parse(message) if name is not None}

    for message in korean:
        assert list(message.check()) == []  # what pybabel compile would complain of
        assert places(str(message.id)) == places(str(message.string)), message.id


def test_the_compiled_file_is_up_to_date(room: str, korean: Catalog) -> None:
    with (place(room) / "messages.mo").open("rb") as file:
        compiled = {message.id: message.string for message in read_mo(file) if message.id}
    assert compiled == {message.id: message.string for message in korean if message.id}


@pytest.mark.parametrize("word", ["에포크", "시험용", "신뢰도", "점의 그림", "고르", "골랐", "첫 페이지"])
def test_one_thing_has_one_word(word: str, korean: Catalog) -> None:
    assert [message.string for message in korean if message.id and word in str(message.string)] == []


def test_values_are_filled_in_by_language() -> None:
    translate = open_catalogue(ROOT / "analysis" / "translations")
    fan = Text(en="fan", ko="부채")
    assert translate("{first} against {second}", first=fan, second="bowl") == Text(
        en="fan against bowl", ko="부채 대 bowl"
    )
    assert translate("95% of {what}", what=fan).ko == "95% of 부채"  # what has no translation is shown in English
    assert translate("Report") == Text(en="Report", ko="분석 보고서")
    assert join([fan, plain("F1")]) == Text(en="fan, F1", ko="부채, F1")
    assert join([fan] * 12).en == ", ".join(["fan"] * 10) + " …"
