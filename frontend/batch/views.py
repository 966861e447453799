"""`POST /api/v1/models/<name>/batch`: many pictures, answered by a stream of server-sent events."""

from __future__ import annotations

from flask import Blueprint, Flask, Response, current_app, request

from .. import errors, openapi
from ..current import catalogue, settings
from ..events import stream
from ..patience import grant_time
from ..places import Places, open_places
from ..settings import Settings
from .openapi import describe
from .upload import receive_pictures
from .words import tell_words
from .work import Work

blueprint = Blueprint("batch", __name__)


@blueprint.post("/api/v1/models/<name>/batch")
def predict(name: str) -> Response:
    """All that can be said against the whole of it is said before the stream begins."""
    catalogue.check_name(name)
    grant_time(request.environ, settings.batch_timeout)
    sent = receive_pictures(request, settings)
    places: Places = current_app.extensions["batch_places"]
    place = places.take()
    if place is None:
        sent.close()
        raise errors.too_many_batches(settings.batch_places)
    work = Work(sent, name, current_app.extensions["model_server"], current_app.extensions["settings"])
    return stream(work.events(), lambda event: event.data, place.close, work.close)


def init_app(app: Flask, settings: Settings) -> None:
    app.extensions["batch_places"] = open_places(app, "batch", settings.batch_places)
    app.register_blueprint(blueprint)
    app.jinja_env.globals.update(batch_words=tell_words, settings_of_batch=settings)
    openapi.register(app, describe)
