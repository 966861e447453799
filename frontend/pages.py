"""The first page and the models' addresses. Each model's task says how its page looks (tasks.py). A script asks for the
answer alone by the header `X-Fragment`; without scripts the same views give whole pages, so every text and every error
is written once, in the templates."""

from __future__ import annotations

import base64

from flask import Blueprint, Response, current_app, render_template, request

from . import errors
from .catalogue import Example, Model
from .current import catalogue, settings
from .errors import FrontEndError
from .languages import remember_language
from .tasks import find_task
from .uploads import read_image

blueprint = Blueprint("pages", __name__)
blueprint.after_request(remember_language)

#: The form field in which a page without scripts keeps the image for another try.
KEPT = "kept"


@blueprint.get("/")
def home() -> str | Response:
    """The catalogue; with a single model, its page."""
    if len(catalogue.names) == 1:
        return show_model(catalogue.names[0])
    return render_template("home.html", models=[model for model, _ in catalogue.look_up_all()])


@blueprint.get("/robots.txt")
def show_robots() -> Response:
    """Who looks for it from a report, whose sandbox is another origin, is to get it, too."""
    response = current_app.send_static_file("robots.txt")
    response.headers["Cross-Origin-Resource-Policy"] = "cross-origin"
    return response


@blueprint.get("/models/<name>")
def show_model(name: str) -> Response:
    model, error = catalogue.look_up(name)
    return find_task(model).show(model, error)


@blueprint.post("/models/<name>")
def ask(name: str) -> Response:
    """The answer for the image of the form."""
    model, unknown = catalogue.look_up(name)
    task = find_task(model)
    image = b""
    try:
        image = _read_kept() or read_image(request, settings.max_upload_bytes)
        if unknown:
            raise unknown
        return task.ask(model, image)
    except FrontEndError as error:
        return task.show(model, error, image)


def _read_kept() -> bytes:
    """The image of the form's field, or nothing. Raises `RequestError` (`wrong_parameter`, `picture_too_large`)."""
    try:
        image = base64.b64decode(request.form.get(KEPT, ""), validate=True)
    except ValueError:
        raise errors.wrong_parameter(KEPT, "a picture in base64") from None
    if len(image) > settings.max_upload_bytes:
        raise errors.picture_too_large(settings.max_upload_bytes)
    return image


@blueprint.get("/models/<name>/examples/<example>")
def show_example(name: str, example: str) -> Response:
    """An example with its precomputed answer: the model is not asked."""
    model, found = _example(name, example)
    return find_task(model).show_example(model, found)


@blueprint.get("/models/<name>/examples/<example>/picture")
def example_image(name: str, example: str) -> Response:
    found = _example(name, example)[1]
    response = Response(found.image, content_type=found.media_type)
    response.cache_control.max_age = 3600
    response.add_etag()
    response.make_conditional(request)
    return response


def _example(name: str, example: str) -> tuple[Model, Example]:
    """Raises `RequestError` (`unknown_model`, `not_found`), `ModelServerError`."""
    model = catalogue.model(name)
    for found in model.examples:
        if found.name == example:
            return model, found
    raise errors.not_found(request.path)
