"""The page says first what a picture's file states of its origin, and how far that may be trusted."""

from __future__ import annotations

import json
from typing import Any

import pytest
from flask.testing import FlaskClient
from pydantic import TypeAdapter

from frontend.classify.openapi import Answer
from frontend.classify.origin import LEVELS, PROBLEMS, SAYS, SOURCES, UNREAD
from model_training.runtime.provenance import statement
from model_training.runtime.provenance.statement import Provenance, Signer, Statement, Unread, conclude
from tests.frontend.model_server_stub import ModelServerStub, answer, card, examples
from tests.frontend.pages import PAGE, Page, send

DESK = Signer("Brush Co", "Signing desk", "Root Ltd", self_signed=False, time="2026-03-01T10:00:00+00:00")
SIGNED = Statement("credentials", "ai", "signed", "Brush AI", DESK)


def ask(client: FlaskClient, server: ModelServerStub, provenance: Provenance | None, **options: Any) -> Page:
    told = {"provenance": provenance.as_answer()} if provenance else {}
    server.reply = 200, json.dumps(answer(explained=True) | told).encode()
    return Page(send(client, **options))


@pytest.mark.parametrize("fragment", [True, False])
def test_what_the_file_says_stands_before_what_the_pixels_say(
    client: FlaskClient, model_server: ModelServerStub, fragment: bool
) -> None:
    page = ask(client, model_server, conclude([SIGNED]), fragment=fragment)
    order = [page.text.index(each) for each in ("What the file says", "Made by AI", "What the pixels say", "97.0%")]
    assert order == sorted(order)
    assert "Brush Co signed this and is on the trust list." in page.text
    assert (
        "Content credentials signed, trusted made by AI (Brush AI) · Signer: Brush Co, Signing desk · Certified by "
        "Root Ltd · Signed on March 1, 2026" in page.text
    )
    announced = [told["data-announcement"] for _, told in page.elements if "data-answer" in told]
    assert [each[:24] for each in announced if each] == ["Made by AI. China, 97.0%"]


def test_a_model_that_does_not_read_files_shows_no_section(client: FlaskClient, model_server: ModelServerStub) -> None:
    page = ask(client, model_server, None)
    assert "What the file says" not in page.text
    assert "What the pixels say" not in page.text


def test_an_example_is_a_copy_that_has_lost_its_notes(client: FlaskClient, model_server: ModelServerStub) -> None:
    (example,) = examples()
    example["answer"] |= {"provenance": conclude([]).as_answer()}
    model_server.models["landscape"] = (card(), [example])
    assert "What the file says" not in Page(client.get(f"{PAGE}/examples/one")).text


SAID: dict[str, tuple[Provenance, tuple[str, ...]]] = {
    "nothing": (conclude([]), ("Nothing about its origin", "neither for AI nor against it")),
    "a stranger's signature": (
        conclude([Statement("credentials", "camera", "signed_by_unknown", None, Signer("Me", "Me", "Me", True))]),
        (
            "Said to be taken with a camera",
            "Me signed this, but is on no trust list.",
            "signed, not trusted taken with a camera · Signer: Me · The certificate is the signer’s own",
        ),
    ),
    "a note": (
        conclude([Statement("digital_source_type", "ai_edited", "claimed")]),
        ("Said to be edited with AI", "Anybody can write", "IPTC source type not signed edited with AI"),
    ),
    "broken credentials": (
        conclude([Statement("credentials", "nothing", "invalid", None, DESK, "other_picture")]),
        ("credentials do not hold", "does not hold They belong to another picture, or this one was changed"),
    ),
    "credentials without an origin": (
        conclude([Statement("credentials", "nothing", "signed", None, DESK)]),
        ("Nothing about its origin", "Brush Co signed this", "nothing about the origin"),
    ),
    "a nameless signer": (
        conclude([Statement("credentials", "ai", "signed", None, Signer(None, None, None, False))]),
        ("Somebody signed this", "Signer: Somebody"),
    ),
    "a camera": (conclude([Statement("camera", "camera", "claimed", "Z 8")]), ("Camera not signed Z 8",)),
    "long notes": (
        conclude([], [Unread("xmp", "cut"), Unread("exif", "cut"), Unread("credentials", "elsewhere")]),
        ("only their beginning was read. Its content credentials are kept on a server",),
    ),
}


@pytest.mark.parametrize("name", SAID)
def test_each_case_in_words(name: str, client: FlaskClient, model_server: ModelServerStub) -> None:
    provenance, words = SAID[name]
    page = ask(client, model_server, provenance)
    for each in words:
        assert each in page.text
    told = answer() | {"provenance": provenance.as_answer()}
    assert TypeAdapter(Answer).validate_python(told) == told  # what is not documented would be left out


def test_it_is_told_in_korean(client: FlaskClient, model_server: ModelServerStub) -> None:
    page = ask(client, model_server, conclude([SIGNED]), language="ko")
    assert "파일에 적힌 출처 AI로 만든 그림 Brush Co의 서명이 있고" in page.text
    assert "2026년 3월 1일에 서명함" in page.text


def test_what_a_file_says_is_shown_as_text(client: FlaskClient, model_server: ModelServerStub) -> None:
    claimed = Statement("software", "software", "claimed", "<script>alert(1)</script>")
    page = ask(client, model_server, conclude([claimed]))
    assert "<script>alert(1)</script>" in page.text
    assert "script" not in [tag for tag, attributes in page.elements if "src" not in attributes]


def test_there_are_words_for_all_that_a_model_may_state() -> None:
    assert set(SAYS) == {*statement.SAYS} - {"nothing"}
    assert tuple(LEVELS) == statement.LEVELS
    for words, codes in ((SOURCES, statement.Source), (PROBLEMS, statement.Problem), (UNREAD, statement.Reason)):
        assert set(words) == set(codes.__args__)  # type: ignore[attr-defined]
