"""What the application that answers the request was made with, as Flask's `current_app` gives the application.

For use within a request: a thread of one's own needs the object itself.
"""

from __future__ import annotations

from flask import current_app
from werkzeug.local import LocalProxy

from .catalogue import Catalogue
from .model_server import ModelServer
from .settings import Settings

settings: Settings = LocalProxy(lambda: current_app.extensions["settings"])  # type: ignore[assignment]
catalogue: Catalogue = LocalProxy(lambda: current_app.extensions["catalogue"])  # type: ignore[assignment]
model_server: ModelServer = LocalProxy(lambda: current_app.extensions["model_server"])  # type: ignore[assignment]
