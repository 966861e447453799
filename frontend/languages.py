"""The language of the pages: what the visitor chose, else what the browser asks for, else the first of ours."""

from __future__ import annotations

from flask import Flask, Response, g, request
from flask_babel import Babel

from .current import settings

COOKIE = "language"
COOKIE_AGE = 365 * 24 * 3600
NAMES = {"en": "English", "ko": "한국어"}


def choose_language() -> str:
    """`?lang=`, then the cookie, then Accept-Language."""
    for wish in (request.args.get("lang"), request.cookies.get(COOKIE)):
        if wish in settings.languages:
            return str(wish)
    return request.accept_languages.best_match(settings.languages) or settings.languages[0]


def remember_language(response: Response) -> Response:
    """Keep a language that was chosen by `?lang=`."""
    wish = request.args.get("lang")
    if wish in settings.languages:
        secure = request.is_secure
        response.set_cookie(COOKIE, str(wish), max_age=COOKIE_AGE, samesite="Lax", httponly=True, secure=secure)
    response.vary.update(("Accept-Language", "Cookie"))
    return response


def language() -> str:
    """The language of this request's page, chosen once."""
    if "language" not in g:
        g.language = choose_language()
    return str(g.language)


def init_app(app: Flask) -> None:
    Babel(app, locale_selector=language, default_translation_directories="translations")
