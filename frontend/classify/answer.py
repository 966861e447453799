"""A classifier's answer as its page shows it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from babel.lists import format_list
from flask_babel import format_percent

from ..catalogue import Model
from ..formatting import title_of
from ..languages import language
from ..verdicts import UNKNOWN, UNLIKE, VerdictWords, words_of
from .origin import OriginView, view_origin
from .strip import StripView, view_strip

MOST_CANDIDATES = 5


@dataclass(frozen=True)
class Row:
    """One class of an answer; `probability` is in 0…1."""

    title: str
    probability: float
    chosen: bool


@dataclass(frozen=True)
class Candidates:
    """The classes, as "one or another", among which the true one is in `coverage`, "90%", of cases."""

    coverage: str
    titles: str


@dataclass(frozen=True)
class AnswerView:
    """An answer as the page shows it. `heatmap` is a data URI of a transparent image, or None: where the model looked
    says nothing about a picture that it does not know. `candidates` says what else it may be, None where that says
    nothing; `origin` what its file states. `reason`: why the picture is unknown, else None.
    `strip`: its panels, where it is a long one; `truncated`: its file ends early."""

    title: str
    confidence: float
    verdict: str
    reason: str | None
    words: VerdictWords | None
    milliseconds: float
    rows: tuple[Row, ...]
    heatmap: str | None
    candidates: Candidates | None = None
    origin: OriginView | None = None
    precomputed: bool = False
    true_title: str | None = None
    strip: StripView | None = None
    truncated: bool = False


def view_answer(answer: dict[str, Any], model: Model, *, true_label: str | None = None) -> AnswerView:
    """Turn a model's JSON answer into what the page shows, most probable class first."""
    unknown = answer["verdict"] == UNKNOWN
    explanation = None if unknown else answer.get("explanation")
    rows = (
        Row(title_of(model, key), probability, key == answer["class"])
        for key, probability in answer["probabilities"].items()
    )
    return AnswerView(
        title=title_of(model, answer["class"]),
        confidence=answer["confidence"],
        verdict=answer["verdict"],
        reason=answer.get("reason", UNLIKE) if unknown else None,
        words=words_of(model, answer),
        milliseconds=answer["processing_time_ms"],
        rows=tuple(sorted(rows, key=lambda row: -row.probability)),
        heatmap=f"data:{explanation['media_type']};base64,{explanation['data']}" if explanation else None,
        candidates=view_candidates(answer, model),
        # An example is a copy of its picture, without what the file said.
        origin=view_origin(answer.get("provenance")) if true_label is None else None,
        precomputed=true_label is not None,
        true_title=title_of(model, true_label) if true_label is not None else None,
        strip=view_strip(answer, model),
        truncated="truncated" in answer.get("warnings", ()),
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
