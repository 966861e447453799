"""What the API under /api/v1 says of the models and of itself; each task's package has its questions."""

from __future__ import annotations

from flask import Blueprint, Response, current_app, jsonify

from .current import catalogue, settings
from .openapi import describe_api

blueprint = Blueprint("api", __name__, url_prefix="/api/v1")


@blueprint.get("/models")
def models() -> Response:
    """Every model by name; its title and summary where its card is known, else the code of the error in the way."""
    entries: list[dict[str, object]] = []
    for model, error in catalogue.look_up_all():
        if error:
            entries.append({"name": model.name, "error": error.code})
        else:
            entries.append({key: model.card[key] for key in ("name", "version", "title", "summary", "labels")})
    return jsonify(models=entries)


@blueprint.get("/models/<name>")
def card(name: str) -> Response:
    return jsonify(catalogue.model(name).card)


@blueprint.get("/openapi.json")
def openapi() -> Response:
    return jsonify(describe_api(settings, current_app.extensions["api_parts"]))
