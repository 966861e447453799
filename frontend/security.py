"""Who may ask, and headers that keep a page to itself.

No form needs a CSRF token: there are no accounts, no state that a request could change, and the language cookie is the
only cookie. But answers cost time, so a page of another site can't make its visitors' browsers ask for them.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache, partial
from typing import TYPE_CHECKING, Any

from flask import Flask, Response, request
from werkzeug.middleware.proxy_fix import ProxyFix

from . import errors, metrics
from .settings import Settings

if TYPE_CHECKING:
    from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

#: They are asked by address, and say nothing that is of use elsewhere.
ANY_HOST = ("health.healthz", "health.readyz", metrics.ENDPOINT)
SAFE_METHODS = ("GET", "HEAD", "OPTIONS")
#: Scripts ask for these; each may cost a request to somebody else.
ASKED_BY_SCRIPTS = ("sketch.photographs", "sketch.references_api")
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

PAGE_POLICY = CONTENT_SECURITY_POLICY.format(images="")
#: A service worker asks for what it keeps under the policy that its script came with.
PAGES = ("text/html", "image/svg+xml", "text/javascript")
#: What is no page loads nothing and is shown nowhere.
NO_PAGE = "default-src 'none'; frame-ancestors 'none'"
HEADERS = (
    ("X-Content-Type-Options", "nosniff"),
    ("X-Frame-Options", "DENY"),
    ("Referrer-Policy", "no-referrer"),
    ("Cross-Origin-Opener-Policy", "same-origin"),
    ("Cross-Origin-Resource-Policy", "same-origin"),
    ("Permissions-Policy", "camera=(self), microphone=(), geolocation=(), payment=(), usb=(), browsing-topics=()"),
)
#: A year, for this name alone: what lies below it is not ours to say.
HSTS = ("Strict-Transport-Security", "max-age=31536000")


def check_request(hosts: tuple[str, ...]) -> None:
    """Raises `RequestError`: `unknown_host`, `cross_site`."""
    environ = request.environ
    host = environ.get("HTTP_HOST", "")
    if not is_ours(host, hosts) and request.endpoint not in ANY_HOST:
        raise errors.unknown_host(host)
    asks = environ["REQUEST_METHOD"] not in SAFE_METHODS or request.endpoint in ASKED_BY_SCRIPTS
    if asks and _is_cross_site(environ, host):
        raise errors.cross_site()


@lru_cache(256)
def is_ours(host: str, names: tuple[str, ...]) -> bool:
    name = (host if host.endswith("]") else host.rpartition(":")[0] or host).lower()
    return any(each in ("*", name) or (each.startswith(".") and f".{name}".endswith(each)) for each in names)


def _is_cross_site(environ: dict[str, Any], host: str) -> bool:
    """By what every browser sends of its own accord (https://www.w3.org/TR/fetch-metadata/); programs send neither."""
    site = environ.get("HTTP_SEC_FETCH_SITE")
    if site is not None:
        return site not in ("same-origin", "none")
    origin = environ.get("HTTP_ORIGIN")
    return origin is not None and origin.partition("://")[2] != host


def keep_redirects_here(response: Response) -> Response:
    """A redirect of ours names a path alone: who asked by another name is not sent there."""
    if 300 <= response.status_code < 400 and (place := response.location) and place.startswith(request.host_url):
        response.location = "/" + place.removeprefix(request.host_url)
    return response


class HeaderAdder:
    """Gives every answer its headers, whoever made it, unless it has them: a report brings a policy of its own. It
    works on what is sent, since this is on the way of each prediction."""

    def __init__(self, app: WSGIApplication) -> None:
        self._app = app

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        def start(status: str, headers: list[tuple[str, str]], *error: Any) -> Any:
            names = {name for name, _ in headers}
            headers += [each for each in HEADERS if each[0] not in names]
            if "Content-Security-Policy" not in names:
                kind = next((value for name, value in headers if name == "Content-Type"), "")
                policy = PAGE_POLICY if kind.startswith(PAGES) else NO_PAGE
                headers.append(("Content-Security-Policy", policy))
            if environ["wsgi.url_scheme"] == "https":
                headers.append(HSTS)
            return start_response(status, headers, *error)

        return self._app(environ, start)


def allow_images(response: Response, hosts: str) -> Response:
    """Let one page show images from other hosts too."""
    policy = CONTENT_SECURITY_POLICY.format(images=f" {hosts}")
    response.headers["Content-Security-Policy"] = policy
    return response


def init_app(app: Flask, settings: Settings) -> None:
    app.before_request(partial(check_request, settings.hosts))
    app.after_request(keep_redirects_here)
    app.wsgi_app = HeaderAdder(app.wsgi_app)  # type: ignore[method-assign]
    if settings.trusted_proxies:
        hops = settings.trusted_proxies
        app.wsgi_app = ProxyFix(app.wsgi_app, x_for=hops, x_proto=hops, x_host=hops)  # type: ignore[method-assign]
