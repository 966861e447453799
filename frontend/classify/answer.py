"""A classifier's answer as its page shows it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from babel.lists import format_list
from flask_babel import format_percent

from ..catalogue import Model
from ..formatting import likelihood, title_of
from ..languages import language
from ..verdicts import UNKNOWN, UNLIKE, VerdictWords, words_of
from .neighbours import NeighbourView, view_neighbours
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
    `strip`: its panels, where it is a long one; `truncated`: its file ends early. `copied`: all of it as plain text.
    `neighbours`: the training pictures most like it."""

    title: str
    confidence: float
    verdict: str
    reason: str | None
    words: VerdictWords | None
    milliseconds: float
    rows: tuple[Row, ...]
    heatmap: str | None
    copied: str
    candidates: Candidates | None = None
    origin: OriginView | None = None
    precomputed: bool = False
    true_title: str | None = None
    strip: StripView | None = None
    truncated: bool = False
    neighbours: tuple[NeighbourView, ...] = ()


def view_answer(answer: dict[str, Any], model: Model, *, true_label: str | None = None) -> AnswerView:
    """Turn a model's JSON answer into what the page shows, most probable class first."""
    unknown = answer["verdict"] == UNKNOWN
    explanation = None if unknown else answer.get("explanation")
    unsorted = (
        Row(title_of(model, key), probability, key == answer["class"])
        for key, probability in answer["probabilities"].items()
    )
    rows = tuple(sorted(unsorted, key=lambda row: -row.probability))
    words = words_of(model, answer)
    return AnswerView(
        title=title_of(model, answer["class"]),
        confidence=answer["confidence"],
        verdict=answer["verdict"],
        reason=answer.get("reason", UNLIKE) if unknown else None,
        words=words,
        milliseconds=answer["processing_time_ms"],
        rows=rows,
        heatmap=f"data:{explanation['media_type']};base64,{explanation['data']}" if explanation else None,
        copied=write_out(words, [(row.title, row.probability) for row in rows], answer),
        candidates=view_candidates(answer, model),
        # An example is a copy of its picture, without what the file said.
        origin=view_origin(answer.get("provenance")) if true_label is None else None,
        precomputed=true_label is not None,
        true_title=title_of(model, true_label) if true_label is not None else None,
        strip=view_strip(answer, model),
        truncated="truncated" in answer.get("warnings", ()),
        neighbours=view_neighbours(answer, model),
    )


def write_out(words: VerdictWords | None, rows: Iterable[tuple[str, float]], answer: dict[str, Any]) -> str:
    """An answer as lines of plain text: the verdict, each class (title, probability), and which model said so."""
    verdict = [f"{words.title}. {words.text}"] if words else []
    classes = [f"{title}: {likelihood(probability)}" for title, probability in rows]
    return "\n".join([*verdict, *classes, f"{answer['model']} {answer['version']}"])


def view_candidates(answer: dict[str, Any], model: Model) -> Candidates | None:
    """The prediction set where it is worth a line: one class is the answer itself, and many are no help."""
    found = answer.get("prediction_set")
    if found is None or not 1 < len(found["classes"]) <= MOST_CANDIDATES:
        return None
    titles = [title_of(model, key) for key in found["classes"]]
    return Candidates(
        str(format_percent(found["coverage"], "#,##0.#%")), format_list(titles, style="or", locale=language())
    )
