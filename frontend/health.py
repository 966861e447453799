"""/healthz: this process answers. /readyz: every model answers a real prediction."""

from __future__ import annotations

import base64
import threading
import time
from concurrent.futures import ThreadPoolExecutor

from flask import Blueprint, Response, current_app, jsonify, request

from .errors import FrontEndError
from .model_server import ModelServer
from .public import describe_way
from .settings import Settings

blueprint = Blueprint("health", __name__)

#: A grey PNG of 8×8 pixels.
PROBE_IMAGE = base64.b64decode(
    b"iVBORw0KGgoAAAANSUhEUgAAAAgAAAAICAAAAADhZOFXAAAAEElEQVR42mNsYIAAJgaKGAAmCACQtTEKkQAAAABJRU5ErkJggg=="
)


#: Seconds that a model may take over it. One that is only busy has shorter queues.
PATIENCE = 3.0


class Readiness:
    """What the last round of predictions said, for a few seconds; one round at a time, all models at once."""

    def __init__(self, settings: Settings, server: ModelServer) -> None:
        self._models = settings.models
        self._lifetime = settings.readiness_seconds
        self._server = server
        self._lock = threading.Lock()
        self._checked = 0.0
        self._states: dict[str, str] = {}

    def check(self) -> dict[str, str]:
        """Return model → `ready` or the code of the error that a prediction met."""
        with self._lock:
            if not self._states or time.monotonic() - self._checked >= self._lifetime:
                with ThreadPoolExecutor(len(self._models)) as pool:
                    self._states = dict(zip(self._models, pool.map(self._predict, self._models), strict=True))
                self._checked = time.monotonic()
            return self._states

    def _predict(self, name: str) -> str:
        try:
            reply = self._server.probe(name, PROBE_IMAGE, PATIENCE)
        except FrontEndError as error:
            return error.code
        return "ready" if reply.status == 200 else "model_failed"


@blueprint.get("/healthz")
def healthz() -> Response:
    way = describe_way(request.environ)
    return jsonify(alive=True, way=way) if way else jsonify(alive=True)


@blueprint.get("/readyz")
def readyz() -> tuple[Response, int]:
    readiness: Readiness = current_app.extensions["readiness"]
    states = readiness.check()
    ready = all(state == "ready" for state in states.values())
    return jsonify(ready=ready, models=states), 200 if ready else 503
