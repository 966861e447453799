"""How numbers, texts and answers look on a page."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from babel.lists import format_list
from flask import Flask, request
from flask_babel import format_date, format_decimal, format_percent

from . import wording
from .catalogue import Model
from .languages import NAMES, language
from .reports import find_report

#: What a file dialogue offers. Named one by one, so that a telephone turns its own formats into one of these.
ACCEPTED = "image/jpeg,image/png,image/webp,image/gif,image/bmp,image/tiff,image/avif"

MOST_CANDIDATES = 5


@dataclass(frozen=True)
class Row:
    """One class of an answer; `probability` is in 0…1."""

    key: str
    title: str
    probability: float
    chosen: bool


@dataclass(frozen=True)
class VerdictView:
    """What the page says about answers of one verdict; `instead_of_class`: its title stands where the class does."""

    title: str
    text: str
    instead_of_class: bool = False


@dataclass(frozen=True)
class Candidates:
    """The classes, as "one or another", among which the true one is in `coverage`, "90%", of cases."""

    coverage: str
    titles: str


@dataclass(frozen=True)
class AnswerView:
    """An answer as the page shows it. `heatmap` is a data URI of a transparent picture, or None; `candidates` says what
    else it may be, None where that says nothing."""

    title: str
    confidence: float
    verdict: str
    words: VerdictView | None
    milliseconds: float
    rows: tuple[Row, ...]
    heatmap: str | None
    method: str | None
    candidates: Candidates | None = None
    precomputed: bool = False
    true_title: str | None = None


def view_answer(answer: dict[str, Any], model: Model, *, true_label: str | None = None) -> AnswerView:
    """Turn a model's JSON answer into what the page shows, most probable class first."""
    explanation = answer.get("explanation")
    rows = (
        Row(key, title_of(model, key), probability, key == answer["class"])
        for key, probability in answer["probabilities"].items()
    )
    return AnswerView(
        title=title_of(model, answer["class"]),
        confidence=answer["confidence"],
        verdict=answer["verdict"],
        words=words_of(model, answer["verdict"]),
        milliseconds=answer["processing_time_ms"],
        rows=tuple(sorted(rows, key=lambda row: -row.probability)),
        heatmap=f"data:{explanation['media_type']};base64,{explanation['data']}" if explanation else None,
        method=explanation["method"] if explanation else None,
        candidates=view_candidates(answer, model),
        precomputed=true_label is not None,
        true_title=title_of(model, true_label) if true_label is not None else None,
    )


def view_candidates(answer: dict[str, Any], model: Model) -> Candidates | None:
    """The prediction set where it is worth a line: one class is the answer itself, and many are no help."""
    found = answer.get("prediction_set")
    if found is None or not 1 < len(found["classes"]) <= MOST_CANDIDATES:
        return None
    titles = [title_of(model, key) for key in found["classes"]]
    return Candidates(
        str(format_percent(found["coverage"], "#,##0.#%")), format_list(titles, style="or", locale=language())
    )


def words_of(model: Model, verdict: str) -> VerdictView | None:
    """The card's words for a verdict, else the page's own; None for a verdict that neither knows."""
    told = model.card.get("verdicts", {}).get(verdict)
    if told is not None:
        return VerdictView(text(told["title"]), text(told["text"]), told["instead_of_class"])
    own = wording.VERDICTS.get(verdict)
    return VerdictView(str(own[0]), str(own[1])) if own else None


def wants_fragment() -> bool:
    """Whether a script asks for the answer alone."""
    return "X-Fragment" in request.headers


def title_of(model: Model, key: str) -> str:
    """The title of a class in the page's language."""
    return model.title_of(key, language())


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


def day(moment: str) -> str:
    """An ISO 8601 moment as a date; as it is where it is none."""
    try:
        return str(format_date(datetime.fromisoformat(moment), "long"))
    except ValueError:
        return moment


def text(texts: dict[str, str]) -> str:
    """A card's text in the page's language."""
    return texts[language()]


def named(names: dict[str, object], key: str) -> str:
    """A translated name, or the key itself in words."""
    return str(names.get(key) or key.replace("_", " "))


def init_app(app: Flask) -> None:
    app.jinja_env.filters.update(percent=percent, likelihood=likelihood, number=number, day=day, text=text)
    app.jinja_env.globals.update(
        language=language,
        language_names=NAMES,
        languages_on_offer=app.extensions["settings"].languages,
        accepted=ACCEPTED,
        title_of=title_of,
        named=named,
        find_report=find_report,
        wording=wording,
    )
    app.jinja_env.trim_blocks = True
    app.jinja_env.lstrip_blocks = True
