"""How numbers and texts look on a page."""

from __future__ import annotations

from datetime import datetime

from flask import Flask, request
from flask_babel import format_date, format_decimal, format_percent, gettext

from . import wording
from .catalogue import Model
from .languages import NAMES, language
from .reports import find_report

#: What a file chooser offers. Without HEIC and `image/*`, so that a telephone sends its HEIC pictures as JPEG.
ACCEPTED = "image/jpeg,image/png,image/webp,image/gif,image/bmp,image/tiff,image/avif"


def wants_fragment() -> bool:
    """Whether a script asks for the answer alone."""
    return "X-Fragment" in request.headers


def title_of(model: Model, key: str) -> str:
    """The title of a class in the page's language; of several, which an example of a multi-label model holds with `;`
    between them, all titles."""
    keys = key.split(";") if model.card.get("task") == "multi_label" else [key]
    return ", ".join(model.title_of(each, language()) for each in keys)


def percent(value: float) -> str:
    """0…1 as a percentage with one decimal."""
    return str(format_percent(value, "#,##0.0%"))


def likelihood(value: float) -> str:
    """A probability as a percentage, which is never 100% or 0%: a model is not certain, its figures are rounded."""
    if value >= 0.9995:
        return f"> {percent(0.999)}"
    if value < 0.0005:
        return f"< {percent(0.001)}"
    return percent(value)


def number(value: float, digits: int = 0) -> str:
    """A number in the page's language with at most so many decimals."""
    return str(format_decimal(value, "#,##0." + "#" * digits if digits else "#,##0"))


def duration(milliseconds: float) -> str:
    """A time with the unit that suits it: 21.4 ms, 1.1 s."""
    if milliseconds < 1000:
        return f"{number(milliseconds, 1)} ms"
    return gettext("%(seconds)s s", seconds=number(milliseconds / 1000, 1))


def day(moment: str) -> str:
    """An ISO 8601 moment as a date; as it is where it is none."""
    try:
        return str(format_date(datetime.fromisoformat(moment), "long"))
    except ValueError:
        return moment


def text(texts: dict[str, str]) -> str:
    """A card's text in the page's language."""
    return texts[language()]


def init_app(app: Flask) -> None:
    filters = (percent, likelihood, number, duration, day, text)
    app.jinja_env.filters.update({each.__name__: each for each in filters})
    app.jinja_env.globals.update(
        language=language,
        language_names=NAMES,
        languages_on_offer=app.extensions["settings"].languages,
        accepted=ACCEPTED,
        limits=app.extensions["settings"],
        title_of=title_of,
        find_report=find_report,
        wording=wording,
    )
    app.jinja_env.trim_blocks = True
    app.jinja_env.lstrip_blocks = True
