"""The API under /api/v1. The model's JSON goes through as the bytes it came in: nothing here parses it."""

from __future__ import annotations

from collections.abc import Callable

from flask import Blueprint, Response, current_app, jsonify, request

from .catalogue import Catalogue
from .errors import ModelServerError
from .model_server import ModelServer, Reply
from .openapi import describe_api
from .settings import Settings
from .uploads import read_picture

blueprint = Blueprint("api", __name__, url_prefix="/api/v1")


def _forward(name: str, ask: Callable[[str, bytes], Reply]) -> Response:
    settings: Settings = current_app.extensions["settings"]
    catalogue: Catalogue = current_app.extensions["catalogue"]
    catalogue.check_name(name)
    reply = ask(name, read_picture(request, settings.max_upload_bytes))
    return Response(reply.body, reply.status, content_type="application/json")


@blueprint.post("/models/<name>/predict")
def predict(name: str) -> Response:
    server: ModelServer = current_app.extensions["model_server"]
    return _forward(name, server.predict)


@blueprint.post("/models/<name>/explain")
def explain(name: str) -> Response:
    server: ModelServer = current_app.extensions["model_server"]
    return _forward(name, server.explain)


@blueprint.get("/models")
def models() -> Response:
    """Every model by name; its title and summary where its card is known, else the code of the error in the way."""
    catalogue: Catalogue = current_app.extensions["catalogue"]
    entries: list[dict[str, object]] = []
    for name in catalogue.names:
        try:
            card = catalogue.model(name).card
        except ModelServerError as error:
            entries.append({"name": name, "error": error.code})
        else:
            entries.append({key: card[key] for key in ("name", "version", "title", "summary", "labels")})
    return jsonify(models=entries)


@blueprint.get("/models/<name>")
def card(name: str) -> Response:
    catalogue: Catalogue = current_app.extensions["catalogue"]
    return jsonify(catalogue.model(name).card)


@blueprint.get("/openapi.json")
def openapi() -> Response:
    settings: Settings = current_app.extensions["settings"]
    return jsonify(describe_api(settings))
