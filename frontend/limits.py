"""At most so many predictions a time from one address. Off unless it is set: then a request pays nothing for it."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from flask import Flask, Response
from flask_limiter import Limiter, RequestLimit
from flask_limiter.util import get_remote_address

from . import errors
from .settings import Settings

if TYPE_CHECKING:
    from flask.typing import RouteCallable

#: Views that make the model work. They share one count.
LIMITED = (
    "classify.predict",
    "classify.explain",
    "pages.ask",
    "sketch.recognise_api",
    "sketch.clean_paper",
    "video.classify",
    "video.ask",
    "video.explain",
)


def _refuse(limit: RequestLimit) -> Response:
    raise errors.too_many_requests(str(limit.limit))


def init_app(app: Flask, settings: Settings) -> None:
    if not settings.rate_limit:
        return
    limiter = Limiter(get_remote_address, app=app, storage_uri=settings.rate_limit_storage, on_breach=_refuse)
    share = limiter.shared_limit(settings.rate_limit, scope="predictions")
    for endpoint in LIMITED:
        app.view_functions[endpoint] = cast("RouteCallable", share(app.view_functions[endpoint]))
