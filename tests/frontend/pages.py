"""A page as the tests read it, and how they send a picture to it."""

from __future__ import annotations

import io
from collections.abc import Callable
from html.parser import HTMLParser

from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from tests.frontend.model_server_stub import (
    image,
)

PAGE = "/models/landscape"
MakeClient = Callable[..., FlaskClient]


class Page(HTMLParser):
    """The text of a page, and its elements as (tag, attributes)."""

    def __init__(self, response: TestResponse) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.words: list[str] = []
        self._ignored = 0
        self.feed(response.text)
        self.text = " ".join(" ".join(self.words).split())

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        self._ignored += tag == "template"

    def handle_endtag(self, tag: str) -> None:
        self._ignored -= tag == "template"

    def handle_data(self, data: str) -> None:
        if not self._ignored:
            self.words.append(data)

    def one(self, attribute: str) -> dict[str, str | None]:
        (found,) = [attributes for _, attributes in self.elements if attribute in attributes]
        return found


def send(client: FlaskClient, data: bytes = b"", *, fragment: bool = False, language: str = "en") -> TestResponse:
    headers = {"Accept-Language": language} | ({"X-Fragment": "answer"} if fragment else {})
    form = {"file": (io.BytesIO(data or image()), "a.png", "image/png")}
    return client.post(PAGE, data=form, headers=headers)
