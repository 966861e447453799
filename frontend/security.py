"""Headers that keep a page to itself.

No form needs a CSRF token: there are no accounts, no state that a request could change, and the language cookie is the
only cookie. A feature that brings state must bring tokens with it.
"""

from __future__ import annotations

from flask import Flask, Response
from werkzeug.middleware.proxy_fix import ProxyFix

from .settings import Settings

CONTENT_SECURITY_POLICY = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "img-src 'self' data: blob:{images}",
        "media-src blob:",
        "connect-src 'self'",
        "manifest-src 'self'",
        "form-action 'self'",
        "base-uri 'none'",
        "frame-ancestors 'none'",
    )
)

PAGE_HEADERS = {
    "Content-Security-Policy": CONTENT_SECURITY_POLICY.format(images=""),
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), microphone=(), geolocation=()",
}


def add_headers(response: Response) -> Response:
    """JSON needs no more than to be taken for JSON; and every header costs time on the way of a prediction."""
    response.headers["X-Content-Type-Options"] = "nosniff"
    if response.mimetype != "application/json":
        for name, value in PAGE_HEADERS.items():
            response.headers.setdefault(name, value)  # a report brings a policy of its own
    return response


def allow_images(response: Response, hosts: str) -> Response:
    """Let one page show images from other hosts too."""
    policy = CONTENT_SECURITY_POLICY.format(images=f" {hosts}")
    response.headers["Content-Security-Policy"] = policy
    return response


def init_app(app: Flask, settings: Settings) -> None:
    app.after_request(add_headers)
    if settings.trusted_proxies:
        hops = settings.trusted_proxies
        app.wsgi_app = ProxyFix(app.wsgi_app, x_for=hops, x_proto=hops, x_host=hops)  # type: ignore[method-assign]
