"""The front end before a stub of the model server, with a model of two classes and one of many."""

from __future__ import annotations

import json
import threading
from http.server import BaseHTTPRequestHandler

from werkzeug.serving import make_server

from frontend import create_app
from frontend.settings import Settings
from tests.frontend.model_server_stub import ModelServerStub, Reply, answer, card, examples
from tests.waiting import PATIENCE

MANY = [f"style_{number}" for number in range(25)]


class Site:
    """The front end before a stub; while `held` is clear the model does not answer."""

    def __init__(self) -> None:
        self.held = threading.Event()
        self.held.set()
        self.model_server = ModelServerStub()
        labels = [{"key": key, "title": {"en": key, "ko": key}} for key in MANY]
        self.model_server.models = {
            "landscape": (card(), examples()),
            "styles": (card() | {"name": "styles", "labels": labels, "class_metrics": []}, []),
        }
        self.model_server.reply = self.answer
        settings = Settings(model_server_url=self.model_server.address, models=("landscape", "styles"))
        self._server = make_server("127.0.0.1", 0, create_app(settings), threaded=True)
        self.address = f"http://127.0.0.1:{self._server.server_port}"
        threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True).start()

    def answer(self, request: BaseHTTPRequestHandler, body: bytes) -> Reply:
        self.held.wait(2 * PATIENCE)
        content = answer(explained="explanations" in request.path)
        if request.path.endswith("styles"):
            rest = dict.fromkeys(MANY[1:], 0.03 / 24)
            content |= {"class": MANY[0], "probabilities": {MANY[0]: 0.97} | rest}
            del content["prediction_set"]
        return 200, json.dumps(content).encode()

    def close(self) -> None:
        self.held.set()
        self._server.shutdown()
        self.model_server.close()
