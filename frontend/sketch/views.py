"""The drawing page and the API of sketch models. A script gets the parts of the page that the server renders, so that
every text is written once."""

from __future__ import annotations

import base64

from flask import (
    Blueprint,
    Flask,
    Response,
    current_app,
    jsonify,
    make_response,
    render_template,
    request,
    send_file,
    url_for,
)

from .. import errors, openapi
from ..catalogue import Example, Model
from ..current import settings
from ..errors import FrontEndError
from ..failures import finish
from ..formatting import wants_fragment
from ..languages import language, remember_language
from ..pwa import make_manifest
from ..security import allow_images
from ..settings import Settings
from ..tasks import Task, register
from ..uploads import read_image
from .answer import SketchView, view_sketch
from .gallery import Gallery
from .openapi import describe
from .recognition import (
    NO_DRAWING,
    TASKS,
    add_references,
    find_photographs,
    has_references,
    recognise,
    sketch_model,
    state_as_answer,
)
from .unsplash import Unsplash

blueprint = Blueprint("sketch", __name__)
blueprint.after_request(remember_language)

#: Classes that one request may ask photographs for.
MOST_CLASSES = 20
THUMBNAIL_SECONDS = 30 * 24 * 3600


def show(model: Model, error: FrontEndError | None = None, image: bytes = b"") -> Response:
    """The page with an empty sheet."""
    return _render(model, error=error)


def ask(model: Model, image: bytes) -> Response:
    """What is on the image of the form: a script sends the sheet as it was drawn, a form a photograph of paper."""
    if wants_fragment():
        answer = add_references(model, recognise(model, image), photographs=False)
        return _render(model, answer=view_sketch(answer, model))
    answer = recognise(model, image, paper=True)
    page = f"data:image/png;base64,{answer['page']['data']}"
    return _render(model, answer=view_sketch(add_references(model, answer), model), page=page)


def show_example(model: Model, example: Example) -> Response:
    """The page with an example on its sheet."""
    page = url_for("pages.example_image", name=model.name, example=example.name)
    return _render(model, answer=view_sketch(add_references(model, example.answer), model), page=page)


@blueprint.post("/models/<name>/paper")
def clean_paper(name: str) -> Response:
    """The image of the form as a clean page (PNG); where there is no drawing on it, the part of the page that says so
    (HTML)."""
    model = sketch_model(name)
    answer = recognise(model, read_image(request, settings.max_upload_bytes), paper=True)
    if answer["verdict"] == NO_DRAWING:
        return _render(model, answer=view_sketch(answer, model))
    return Response(base64.b64decode(answer["page"]["data"]), content_type="image/png")


@blueprint.get("/models/<name>/photographs")
def photographs(name: str) -> str:
    """Photographs for the classes `?label=…&label=…` as parts of the page."""
    keys = request.args.getlist("label")[:MOST_CLASSES]
    groups, state = find_photographs(sketch_model(name), keys)
    found = [(key, [each.as_answer() for each in group]) for key, group in zip(keys, groups, strict=True)]
    return render_template("sketch/_photographs.html", found=found, state=state.code)


@blueprint.get("/models/<name>/gallery/<thumbnail>")
def gallery_thumbnail(name: str, thumbnail: str) -> Response:
    """An image of the gallery. Its name is its content's hash, so it may be kept for long."""
    gallery: Gallery = current_app.extensions["gallery"]
    path = gallery.thumbnail(thumbnail)
    if path is None:
        raise errors.not_found(request.path)
    return send_file(path, mimetype="image/jpeg", max_age=THUMBNAIL_SECONDS, conditional=True)


@blueprint.get("/models/<name>/app.webmanifest")
def manifest(name: str) -> Response:
    """The drawing page as an application."""
    card = sketch_model(name).card
    return make_manifest(card["title"][language()], card["summary"][language()], f"/models/{name}")


@blueprint.post("/api/v1/models/<name>/recognise")
def recognise_api(name: str) -> Response:
    """The objects of a drawing with references; `?paper=true` cleans a photograph of paper first."""
    model = sketch_model(name)
    image = read_image(request, settings.max_upload_bytes)
    return jsonify(add_references(model, recognise(model, image, paper=request.args.get("paper") == "true")))


@blueprint.get("/api/v1/models/<name>/references")
def references_api(name: str) -> Response:
    """Photographs for classes by key: `?label=…&label=…`."""
    keys = request.args.getlist("label")[:MOST_CLASSES]
    groups, state = find_photographs(sketch_model(name), keys)
    found = {key: [each.as_answer() for each in group] for key, group in zip(keys, groups, strict=True)}
    return jsonify(references=found, sources={"unsplash": state_as_answer(state)})


@blueprint.post("/api/v1/models/<name>/references/used")
def report_use(name: str) -> tuple[Response, int]:
    """A visitor took a photograph up: `{"download_location": …}` as it came with the reference. Unsplash's terms want
    to be told. A body in JSON can't come from another site's form."""
    sketch_model(name)
    if not request.is_json:
        raise errors.unsupported_body(request.mimetype)
    content = request.get_json(silent=True)
    place = content.get("download_location") if isinstance(content, dict) else None
    unsplash: Unsplash = current_app.extensions["unsplash"]
    reported = isinstance(place, str) and unsplash.report_use(place)
    return jsonify(reported=reported), 202


def _render(
    model: Model,
    *,
    answer: SketchView | None = None,
    error: FrontEndError | None = None,
    page: str | None = None,
) -> Response:
    """`page`: URL of what lies on the sheet."""
    unsplash: Unsplash = current_app.extensions["unsplash"]
    html = render_template(
        "sketch/_result.html" if wants_fragment() else "sketch/page.html",
        model=model,
        answer=answer,
        error=error,
        page=page,
        photographs=unsplash.enabled and has_references(model),
        max_upload_bytes=settings.max_upload_bytes,
    )
    response = make_response(html, error.status if error else 200)
    response.vary.add("X-Fragment")
    if unsplash.enabled:
        allow_images(response, settings.unsplash_pictures)
    return finish(response, error) if error else response


def init_app(app: Flask, settings: Settings) -> None:
    app.extensions["gallery"] = Gallery(settings.gallery)
    app.extensions["unsplash"] = Unsplash(
        settings.unsplash_access_key.get_secret_value(), settings.unsplash_url, settings.unsplash_application
    )
    app.register_blueprint(blueprint)
    openapi.register(app, describe)
    for task in TASKS:
        register(app, task, Task(show, ask, show_example, "sketch.recognise_api"))
