"""Hwapung's front end: pages and an API over a model server. Run it with `python -m frontend`."""

from __future__ import annotations

from flask import Flask

from . import (
    api,
    api_page,
    compression,
    failures,
    formatting,
    health,
    languages,
    limits,
    metrics,
    pages,
    pwa,
    reports,
    security,
)
from .admission import Admission
from .batch import views as batch_views
from .catalogue import Catalogue
from .classify import views as classify_views
from .model_server import ModelServer
from .places import common_folder
from .settings import FORM_OVERHEAD, Settings, read_settings
from .shedding import Shedder
from .sketch import views as sketch_views
from .video import views as video_views


def create_app(settings: Settings | None = None) -> Flask:
    """Make the application. Without `settings` they are read from the environment.

    Nothing is sent to the model server until the first request: it may start later.
    """
    settings = settings or read_settings()
    app = Flask(__name__)
    app.config.update(
        MAX_CONTENT_LENGTH=settings.max_upload_bytes + FORM_OVERHEAD,
        MAX_FORM_MEMORY_SIZE=settings.max_upload_bytes + FORM_OVERHEAD,
        BABEL_DEFAULT_LOCALE=settings.languages[0],
    )
    app.json.ensure_ascii = False  # type: ignore[attr-defined]
    admission = Admission(settings, common_folder())
    server = ModelServer(settings, admission)
    app.extensions |= {"settings": settings, "model_server": server, "catalogue": Catalogue(settings, server)}
    app.extensions["shedder"] = Shedder(admission, settings)
    app.extensions["readiness"] = health.Readiness(settings, server)

    compression.init_app(app)
    metrics.init_app(app, settings)
    security.init_app(app, settings)
    failures.init_app(app)
    languages.init_app(app)
    formatting.init_app(app)
    for part in (api, api_page, pages, pwa, health, reports):
        app.register_blueprint(part.blueprint)
    classify_views.init_app(app)
    sketch_views.init_app(app, settings)
    video_views.init_app(app, settings)
    batch_views.init_app(app, settings)
    limits.init_app(app, settings)
    return app
