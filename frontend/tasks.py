"""What the pages of a model are made of, by the task that its card names.

Each task's package registers itself when the application is made; nobody else knows a task by its name.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Protocol

from flask import Flask, Response, current_app
from flask_babel.speaklater import LazyString

from . import errors
from .catalogue import Example, Model
from .errors import FrontEndError

#: What a model is taken for until its card was had.
UNTIL_KNOWN = "classification"


class Show(Protocol):
    def __call__(self, model: Model, error: FrontEndError | None = None, image: bytes = b"") -> Response:
        """The model's page before a question, or after one about `image` that met an error."""


@dataclass(frozen=True)
class Link:
    """Another page of the same model, in the words of its link."""

    endpoint: str
    words: LazyString


@dataclass(frozen=True)
class Task:
    """How models of one task are shown.

    `ask`: the page, or for a script the part of it, with the answer for an image; raises `FrontEndError`.
    `show_example`: the page with an example and its precomputed answer.
    `question`: the API's endpoint that is asked about an image.
    """

    show: Show
    ask: Callable[[Model, bytes], Response]
    show_example: Callable[[Model, Example], Response]
    question: str
    links: list[Link] = field(default_factory=list)


def register(app: Flask, name: str, task: Task) -> None:
    app.extensions.setdefault("tasks", {})[name] = task


def add_link(app: Flask, name: str, link: Link) -> None:
    """Lead from the pages of a task that is registered already to another one."""
    app.extensions["tasks"][name].links.append(link)


def find_task(model: Model) -> Task:
    """The task of a model. Raises `RequestError` (`unknown_task`) where no package registered it."""
    name = model.card.get("task", UNTIL_KNOWN)
    tasks: dict[str, Task] = current_app.extensions["tasks"]
    if name not in tasks:
        raise errors.unknown_task(model.name, name)
    return tasks[name]
