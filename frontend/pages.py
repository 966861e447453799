"""The pages. A script asks for the answer alone by the header `X-Fragment`; without scripts the same views give whole
pages, so every text and every error is written once, in the templates."""

from __future__ import annotations

import base64
import json
from dataclasses import dataclass

from flask import Blueprint, Response, current_app, make_response, render_template, request

from . import errors
from .catalogue import Catalogue, Model
from .errors import FrontEndError, ModelServerError
from .failures import finish
from .languages import remember_language
from .model_server import ModelServer
from .settings import Settings
from .sketch import is_sketch
from .sketch_pages import ask_sketch, show_sketch, show_sketch_example
from .uploads import read_picture
from .views import AnswerView, view_answer, wants_fragment

blueprint = Blueprint("pages", __name__)
blueprint.after_request(remember_language)

#: The form field in which a page without scripts keeps the picture for another try.
KEPT = "kept"
SHOWN_TYPES = ("image/jpeg", "image/png", "image/webp", "image/gif", "image/bmp", "image/avif")


@dataclass(frozen=True)
class Shown:
    """A picture on a page: `source` is a URL or a data URI; `kept` its bytes in base64 where another try may help."""

    source: str
    kept: str | None = None


def _catalogue() -> Catalogue:
    catalogue: Catalogue = current_app.extensions["catalogue"]
    return catalogue


@blueprint.get("/")
def home() -> str | Response:
    """The catalogue; with a single model, its page."""
    catalogue = _catalogue()
    if len(catalogue.names) == 1:
        return show_model(catalogue.names[0])
    entries: list[tuple[str, Model | None]] = []
    for name in catalogue.names:
        try:
            entries.append((name, catalogue.model(name)))
        except ModelServerError:
            entries.append((name, None))
    return render_template("home.html", entries=entries)


@blueprint.get("/models/<name>")
def show_model(name: str) -> str | Response:
    try:
        model = _catalogue().model(name)
    except ModelServerError as error:
        return _render(name, None, error=error)
    if is_sketch(model):
        return show_sketch(model)
    return _render(name, model)


@blueprint.post("/models/<name>")
def ask(name: str) -> str | Response:
    """Classify and explain the picture of the form."""
    settings: Settings = current_app.extensions["settings"]
    server: ModelServer = current_app.extensions["model_server"]
    catalogue = _catalogue()
    catalogue.check_name(name)
    model: Model | None = None
    picture = b""
    try:
        kept = request.form.get(KEPT)
        picture = base64.b64decode(kept) if kept else read_picture(request, settings.max_upload_bytes)
        model = catalogue.model(name)
        if is_sketch(model):
            return ask_sketch(model, picture)
        reply = server.explain(name, picture)
        content = json.loads(reply.body)
        if reply.status != 200:
            raise FrontEndError(reply.status, **content["error"])
    except FrontEndError as error:
        return _render(name, model, error=error, shown=_show(picture, keep=isinstance(error, ModelServerError)))
    return _render(name, model, answer=view_answer(content, model), shown=_show(picture))


@blueprint.get("/models/<name>/examples/<example>")
def show_example(name: str, example: str) -> str | Response:
    """An example with its precomputed answer: the model is not asked."""
    model = _catalogue().model(name)
    found = model.example(example)
    if found is None:
        raise errors.not_found(request.path)
    if is_sketch(model):
        return show_sketch_example(model, found.picture)
    shown = Shown(f"/models/{name}/examples/{example}/picture")
    return _render(name, model, answer=view_answer(found.answer, model, true_label=found.label), shown=shown)


@blueprint.get("/models/<name>/examples/<example>/picture")
def example_picture(name: str, example: str) -> Response:
    found = _catalogue().model(name).example(example)
    if found is None:
        raise errors.not_found(request.path)
    response = Response(found.picture, content_type=found.media_type)
    response.cache_control.max_age = 3600
    response.add_etag()
    response.make_conditional(request)
    return response


def _show(picture: bytes, *, keep: bool = False) -> Shown | None:
    """The visitor's picture as part of a whole page. A script shows it itself."""
    if not picture or wants_fragment():
        return None
    claimed = (part.mimetype for part in request.files.values())
    media_type = next((claim for claim in claimed if claim in SHOWN_TYPES), SHOWN_TYPES[0])
    data = base64.b64encode(picture).decode("ascii")
    return Shown(f"data:{media_type};base64,{data}", data if keep else None)


def _render(
    name: str,
    model: Model | None,
    *,
    answer: AnswerView | None = None,
    error: FrontEndError | None = None,
    shown: Shown | None = None,
) -> Response:
    settings: Settings = current_app.extensions["settings"]
    template = "_result.html" if wants_fragment() else "model.html"
    limit = settings.max_upload_bytes
    page = render_template(
        template, name=name, model=model, answer=answer, error=error, shown=shown, max_upload_bytes=limit
    )
    response = make_response(page, error.status if error else 200)
    response.vary.add("X-Fragment")
    return finish(response, error) if error else response
