"""A class whose name means something to a page or to a format string stands on the page as it is."""

from __future__ import annotations

import json
from typing import Any

import pytest
from flask.testing import FlaskClient

from tests.frontend.model_server_stub import ModelServerStub, answer, card, image
from tests.frontend.pages import PAGE, Page, send

NAMES = ["$10_$20", "<b>x</b>", "%s %(a)s", "{}{0}{title}", "../x", "\u202egpj", "🐈", "\"&amp;'", "{{ 7*7 }}", "산 수"]


def rename(content: Any, name: str) -> Any:
    """The same with `name` in the place of the class `han gang`."""
    if isinstance(content, dict):
        return {rename(key, name): rename(value, name) for key, value in content.items()}
    if isinstance(content, list):
        return [rename(each, name) for each in content]
    return name if content == "han gang" else content


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("language", ["en", "ko"])
def test_it_stands_on_the_page_as_it_is(
    client: FlaskClient, model_server: ModelServerStub, name: str, language: str
) -> None:
    model_server.models["landscape"] = (rename(card(), name), [])
    model_server.reply = (200, json.dumps(rename(answer(explained=True, china=0.03), name)).encode())
    about = Page(client.get(f"{PAGE}?lang={language}"))
    answered = send(client, image(), language=language)
    assert answered.status_code == 200
    shown = " ".join(name.split())
    assert shown in about.text
    assert shown in Page(answered).text
    assert ("b", {}) not in Page(answered).elements
