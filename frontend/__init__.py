"""Hwapung's front end: pages and an API over a model server. Run it with `python -m frontend`."""

from __future__ import annotations

from flask import Flask

from . import api, failures, health, languages, limits, metrics, pages, pwa, reports, security, sketch_pages, views
from .catalogue import Catalogue
from .gallery import Gallery
from .model_server import ModelServer
from .settings import Settings, read_settings
from .unsplash import Unsplash
from .video import views as video

#: Room in a form for what is around the picture: part headers, boundaries.
FORM_OVERHEAD = 2**16


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
    server = ModelServer(settings)
    app.extensions |= {"settings": settings, "model_server": server, "catalogue": Catalogue(settings, server)}
    app.extensions["readiness"] = health.Readiness(settings, server)

    app.extensions["gallery"] = Gallery(settings.gallery)
    app.extensions["unsplash"] = Unsplash(
        settings.unsplash_access_key.get_secret_value(), settings.unsplash_url, settings.unsplash_application
    )

    security.init_app(app, settings)
    failures.init_app(app)
    metrics.init_app(app)
    languages.init_app(app)
    views.init_app(app)
    app.register_blueprint(api.blueprint)
    app.register_blueprint(pages.blueprint)
    app.register_blueprint(sketch_pages.blueprint)
    app.register_blueprint(pwa.blueprint)
    app.register_blueprint(health.blueprint)
    app.register_blueprint(reports.blueprint)
    video.init_app(app, settings)
    limits.init_app(app, settings)
    return app
