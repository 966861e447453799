"""What makes the pages an application that can be installed: manifest, service worker, the page shown offline.

Manifests follow https://www.w3.org/TR/appmanifest/. The one here opens the site; a task may have others.
"""

from __future__ import annotations

from flask import Blueprint, Response, current_app, render_template, request, url_for
from flask_babel import gettext as _

from .languages import language, remember_language

blueprint = Blueprint("pwa", __name__)
blueprint.after_request(remember_language)

PAPER = "#f3ecdd"
#: file → (size, purpose)
ICONS = {
    "icon-192.png": ("192x192", "any"),
    "icon-512.png": ("512x512", "any"),
    "icon-maskable-512.png": ("512x512", "maskable"),
}


@blueprint.get("/app.webmanifest")
def manifest() -> Response:
    """The site as an application."""
    return make_manifest(
        _("Hwapung"),
        _("Recognises a painting by its style and shows which parts of the picture the answer depends on."),
        "/",
    )


def make_manifest(title: str, description: str, start: str) -> Response:
    """An application that opens at the path `start`."""
    content = {
        "id": start,
        "name": title,
        "short_name": _("Hwapung"),
        "description": description,
        "lang": language(),
        "dir": "ltr",
        "start_url": start,
        "scope": "/",
        "display": "standalone",
        "background_color": PAPER,
        "theme_color": PAPER,
        "icons": [
            {"src": url_for("static", filename=f"icons/{file}"), "sizes": size, "type": "image/png", "purpose": purpose}
            for file, (size, purpose) in ICONS.items()
        ],
    }
    return Response(current_app.json.dumps(content), content_type="application/manifest+json")


@blueprint.get("/service-worker.js")
def service_worker() -> Response:
    """From the root, because a service worker rules over the folder that it lies in."""
    response = current_app.send_static_file("service-worker.js")
    response.cache_control.no_cache = True
    return response


@blueprint.get("/offline")
def offline() -> str:
    """Kept by the service worker and shown where a page can't be had."""
    return render_template("offline.html", address=request.path)
