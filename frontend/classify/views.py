"""The page of a classifier, and `predict` and `explain` of the API."""

from __future__ import annotations

import base64
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from flask import Blueprint, Flask, Response, make_response, render_template, request, url_for

from .. import openapi
from ..catalogue import Example, Model
from ..current import catalogue, model_server, settings
from ..errors import FrontEndError
from ..failures import finish
from ..formatting import wants_fragment
from ..model_server import Reply, read_answer
from ..snippets import Snippet, make_snippets
from ..tasks import Task, find_task, register
from ..uploads import read_image
from . import labels
from .answer import AnswerView, view_answer
from .labels import LabelsView, view_labels
from .openapi import describe

blueprint = Blueprint("classify", __name__)

TASK = "classification"
SHOWN_TYPES = ("image/jpeg", "image/png", "image/webp", "image/gif", "image/bmp", "image/avif")


@dataclass(frozen=True)
class Shown:
    """An image on a page: `source` is a URL or a data URI; `kept` its bytes in base64 where another try may help."""

    source: str
    kept: str | None = None


@blueprint.post("/api/v1/models/<name>/predict")
def predict(name: str) -> Response:
    return _forward(name, model_server.predict)


@blueprint.post("/api/v1/models/<name>/explain")
def explain(name: str) -> Response:
    return _forward(name, model_server.explain)


def _forward(name: str, ask: Callable[[str, bytes], Reply]) -> Response:
    """The model's JSON goes through as the bytes it came in: nothing here parses it."""
    catalogue.check_name(name)
    reply = ask(name, read_image(request, settings.max_upload_bytes))
    return Response(reply.body, reply.status, content_type="application/json")


def show(model: Model, error: FrontEndError | None = None, image: bytes = b"") -> Response:
    return _render(model, error=error, shown=_show(image, keep=error is not None and error.may_pass))


def ask(model: Model, image: bytes) -> Response:
    """Classify and explain an image."""
    answer = read_answer(model.name, model_server.explain(model.name, image))
    return _render(model, answer=_view(answer, model), shown=_show(image), snippets=_snippets(model, _file_name()))


def show_example(model: Model, example: Example) -> Response:
    return _render(
        model,
        answer=_view(example.answer, model, true_label=example.label),
        shown=Shown(_address_of(model, example)),
        snippets=_snippets(model, example.name, _address_of(model, example, whole=True)),
    )


def _address_of(model: Model, example: Example, *, whole: bool = False) -> str:
    return url_for("pages.example_image", name=model.name, example=example.name, _external=whole)


def _file_name() -> str:
    return next((part.filename for part in request.files.values() if part.filename), "picture.jpg")


def _snippets(model: Model, file: str, source: str | None = None) -> tuple[Snippet, ...]:
    return make_snippets(url_for("classify.predict", name=model.name, _external=True), file, source)


def _view(answer: dict[str, Any], model: Model, *, true_label: str | None = None) -> AnswerView | LabelsView:
    view = view_labels if model.card.get("task") == labels.TASK else view_answer
    return view(answer, model, true_label=true_label)


def _show(image: bytes, *, keep: bool = False) -> Shown | None:
    """The visitor's image as part of a whole page. A script shows it itself."""
    if not image or wants_fragment():
        return None
    claimed = (part.mimetype for part in request.files.values())
    media_type = next((claim for claim in claimed if claim in SHOWN_TYPES), SHOWN_TYPES[0])
    data = base64.b64encode(image).decode("ascii")
    return Shown(f"data:{media_type};base64,{data}", data if keep else None)


def _render(
    model: Model,
    *,
    answer: AnswerView | LabelsView | None = None,
    error: FrontEndError | None = None,
    shown: Shown | None = None,
    snippets: tuple[Snippet, ...] = (),
) -> Response:
    page = render_template(
        "classify/_result.html" if wants_fragment() else "classify/page.html",
        model=model,
        answer=answer,
        error=error,
        shown=shown,
        snippets=snippets,
        links=find_task(model).links,
        max_upload_bytes=settings.max_upload_bytes,
    )
    response = make_response(page, error.status if error else 200)
    response.vary.add("X-Fragment")
    return finish(response, error) if error else response


def init_app(app: Flask) -> None:
    app.register_blueprint(blueprint)
    openapi.register(app, describe)
    for task in (TASK, labels.TASK):
        register(app, task, Task(show, ask, show_example, "classify.predict"))
