"""The drawing page and the API of sketch models. Written like pages.py: a script gets the parts of the page that the
server renders, so that every text is written once."""

from __future__ import annotations

import base64

from flask import Blueprint, Response, current_app, jsonify, make_response, render_template, request, send_file

from . import errors, paper
from .catalogue import Model
from .errors import FrontEndError, ModelServerError
from .failures import finish
from .gallery import Gallery
from .languages import language, remember_language
from .security import allow_pictures
from .settings import Settings
from .sketch import SketchView, find_photographs, recognise, recognise_paper, sketch_model, state_as_answer, view_sketch
from .unsplash import Unsplash
from .uploads import read_picture
from .views import wants_fragment

blueprint = Blueprint("sketch", __name__)
blueprint.after_request(remember_language)

#: Classes that one request may ask photographs for.
MOST_CLASSES = 20
THUMBNAIL_SECONDS = 30 * 24 * 3600


def show_sketch(model: Model) -> Response:
    """The page with an empty sheet."""
    return _render(model)


def ask_sketch(model: Model, picture: bytes) -> Response:
    """What is on the picture of the form: a script sends the sheet as it was drawn, a form a photograph of paper."""
    page: bytes | None = None
    try:
        if wants_fragment():
            answer = recognise(model, picture, photographs=False)
        else:
            answer, page = recognise_paper(model, picture, photographs=True)
    except FrontEndError as error:
        return _render(model, error=error)
    return _render(model, answer=view_sketch(answer, model, language()), page=page)


def show_sketch_example(model: Model, picture: bytes) -> Response:
    """The page with an example on its sheet."""
    answer, page = recognise_paper(model, picture, photographs=True)
    return _render(model, answer=view_sketch(answer, model, language()), page=page)


@blueprint.post("/models/<name>/paper")
def clean_paper(name: str) -> Response:
    """The picture of the form as a clean page (PNG); where there is no drawing on it, the part of the page that says
    so (HTML)."""
    settings: Settings = current_app.extensions["settings"]
    model = sketch_model(name)
    page = paper.clean(read_picture(request, settings.max_upload_bytes))
    if page.is_drawing:
        return Response(page.picture, content_type="image/png")
    return _render(model, answer=SketchView((), False, 0.0, "ready"))


@blueprint.get("/models/<name>/photographs")
def photographs(name: str) -> str:
    """Photographs for the classes `?label=…&label=…` as parts of the page."""
    keys = request.args.getlist("label")[:MOST_CLASSES]
    groups, state = find_photographs(sketch_model(name), keys)
    found = [(key, [each.as_answer() for each in group]) for key, group in zip(keys, groups, strict=True)]
    return render_template("_photographs.html", found=found, state=state.code)


@blueprint.get("/models/<name>/gallery/<thumbnail>")
def gallery_thumbnail(name: str, thumbnail: str) -> Response:
    """A picture of the gallery. Its name is its content's hash, so it may be kept for long."""
    gallery: Gallery = current_app.extensions["gallery"]
    path = gallery.thumbnail(thumbnail)
    if path is None:
        raise errors.not_found(request.path)
    return send_file(path, mimetype="image/jpeg", max_age=THUMBNAIL_SECONDS, conditional=True)


@blueprint.post("/api/v1/models/<name>/recognise")
def recognise_api(name: str) -> Response:
    """The objects of a drawing with references; `?paper=true` cleans a photograph of paper first."""
    settings: Settings = current_app.extensions["settings"]
    model = sketch_model(name)
    picture = read_picture(request, settings.max_upload_bytes)
    if request.args.get("paper") == "true":
        return jsonify(recognise_paper(model, picture, photographs=True)[0])
    return jsonify(recognise(model, picture, photographs=True))


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
    page: bytes | None = None,
) -> Response:
    settings: Settings = current_app.extensions["settings"]
    unsplash: Unsplash = current_app.extensions["unsplash"]
    html = render_template(
        "_sketch_result.html" if wants_fragment() else "sketch.html",
        name=model.name,
        model=model,
        answer=answer,
        error=error,
        retry=isinstance(error, ModelServerError),
        page=f"data:image/png;base64,{base64.b64encode(page).decode('ascii')}" if page else None,
        photographs=unsplash.enabled,
        max_upload_bytes=settings.max_upload_bytes,
    )
    response = make_response(html, error.status if error else 200)
    response.vary.add("X-Fragment")
    if unsplash.enabled:
        allow_pictures(response, settings.unsplash_pictures)
    return finish(response, error) if error else response
