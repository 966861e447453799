"""`POST /api/v1/models/<name>/video`, and the same for the page: the answer is a stream of server-sent events."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, get_args

from flask import Blueprint, Flask, Response, current_app, render_template, request
from flask_babel import lazy_gettext as _

from .. import errors, openapi
from ..catalogue import Model
from ..current import catalogue, model_server, settings
from ..errors import ModelServerError
from ..events import Event, stream
from ..failures import finish
from ..formatting import title_of
from ..languages import remember_language
from ..model_server import read_answer
from ..patience import grant_time
from ..places import Places, open_places
from ..settings import Settings
from ..tasks import Link, add_link
from ..uploads import read_image
from ..verdicts import say_part
from .analysis import RATES, Analysis, Wish
from .openapi import describe
from .sampling import Sampling
from .upload import receive_video

blueprint = Blueprint("video", __name__)
#: The task whose models are asked about the frames.
TASK = "classification"
blueprint.after_request(remember_language)


def _look_up(name: str) -> tuple[Model, ModelServerError | None]:
    """As `Catalogue.look_up`. Raises `RequestError`: `unknown_model`, or `no_video_model` where its task is another."""
    model, error = catalogue.look_up(name)
    if model.card and model.card["task"] != TASK:
        raise errors.no_video_model(name)
    return model, error


def _model(name: str) -> Model:
    model, error = _look_up(name)
    if error:
        raise error
    return model


@blueprint.post("/api/v1/models/<name>/video")
def classify(name: str) -> Response:
    """Events as JSON."""
    return _stream(_model(name), lambda event: event.data)


@blueprint.get("/models/<name>/video")
def show(name: str) -> Response:
    model, error = _look_up(name)
    page = render_template("video/page.html", model=model, error=error, settings=settings)
    response = Response(page, error.status if error else 200)
    return finish(response, error) if error else response


@blueprint.post("/models/<name>/video")
def ask(name: str) -> Response:
    """The same events for the page: with their words in the visitor's language."""
    model = _model(name)

    def put_into_words(event: Event) -> dict[str, Any]:
        match event.kind:
            case "frame":
                return event.data | {"words": say_part(event.data, model)}
            case "result":
                return event.data | {"html": render_template("video/_result.html", result=event.data, model=model)}
            case "waiting" | "error":
                return event.data | {"html": render_template("_error.html", error=event.data["error"])}
        return event.data

    return _stream(model, put_into_words)


@blueprint.post("/models/<name>/video/heatmap")
def explain(name: str) -> str:
    """The part of the page with where the model looked in one frame.

    It comes without an answer: the frame has its own, from the stream, and keeps it. The image of the form is the one
    that was answered, byte for byte.
    """
    model = _model(name)
    answer = read_answer(name, model_server.explain(name, read_image(request, settings.max_upload_bytes)))
    if "explanation" not in answer:
        raise errors.model_failed(name)
    explanation = answer["explanation"]
    return render_template(
        "video/_heatmap.html",
        title=title_of(model, explanation["class"]),
        heatmap=f"data:{explanation['media_type']};base64,{explanation['data']}",
    )


def _stream(model: Model, tell: Callable[[Event], dict[str, Any]]) -> Response:
    """Receive the video, begin, and answer with the events. All that can be said against it is said before."""
    places: Places = current_app.extensions["video_places"]
    wish = _read_wish(settings)
    grant_time(request.environ, settings.video_timeout)
    file = receive_video(request, settings.video_max_bytes)
    place = None
    try:
        place = places.take()  # once all of the upload is here: who sends slowly keeps nobody waiting
        if place is None:
            raise errors.too_many_videos(settings.video_places)
        analysis = Analysis(file, model, current_app.extensions["model_server"], settings, wish)
    except BaseException:
        file.close()
        if place:
            place.close()
        raise

    return stream(analysis.events(), tell, place.close, analysis.close)


def _read_wish(settings: Settings) -> Wish:
    rate = request.args.get("rate", settings.video_rate, type=_to_rate)
    sampling: Any = request.args.get("sampling", "even")
    if sampling not in get_args(Sampling):
        raise errors.wrong_parameter("sampling", "even or scene")
    images = request.args.get("images", "false")
    if images not in ("true", "false"):
        raise errors.wrong_parameter("images", "true or false")
    return Wish(rate, sampling, images == "true")


def _to_rate(text: str) -> float:
    try:
        rate = float(text)
    except ValueError:
        rate = 0.0
    if not RATES[0] <= rate <= RATES[1]:
        raise errors.wrong_parameter("rate", f"frames a second, from {RATES[0]} to {RATES[1]:g}")
    return rate


def init_app(app: Flask, settings: Settings) -> None:
    app.extensions["video_places"] = open_places(app, "video", settings.video_places)
    app.register_blueprint(blueprint)
    openapi.register(app, describe)
    add_link(app, TASK, Link("video.show", _("Ask about a video instead")))
