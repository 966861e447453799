"""What the API under /api/v1 says of the models and of itself; each task's package has its questions."""

from __future__ import annotations

from flask import Blueprint, Response, current_app, jsonify

from .catalogue import Catalogue
from .openapi import describe_api
from .settings import Settings

blueprint = Blueprint("api", __name__, url_prefix="/api/v1")


@blueprint.get("/models")
def models() -> Response:
    """Every model by name; its title and summary where its card is known, else the code of the error in the way."""
    catalogue: Catalogue = current_app.extensions["catalogue"]
    entries: list[dict[str, object]] = []
    for name in catalogue.names:
        model, error = catalogue.look_up(name)
        if error:
            entries.append({"name": name, "error": error.code})
        else:
            entries.append({key: model.card[key] for key in ("name", "version", "title", "summary", "labels")})
    return jsonify(models=entries)


@blueprint.get("/models/<name>")
def card(name: str) -> Response:
    catalogue: Catalogue = current_app.extensions["catalogue"]
    return jsonify(catalogue.model(name).card)


@blueprint.get("/openapi.json")
def openapi() -> Response:
    settings: Settings = current_app.extensions["settings"]
    return jsonify(describe_api(settings, current_app.extensions["api_parts"]))
