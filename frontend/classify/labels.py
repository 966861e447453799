"""The answer of a model that names several labels, as its page shows it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from babel.lists import format_list
from flask_babel import format_percent

from .. import wording
from ..catalogue import Model
from ..formatting import title_of
from ..languages import language
from ..verdicts import UNKNOWN, UNLIKE, VerdictWords, words_of
from .answer import write_out
from .neighbours import NeighbourView, view_neighbours
from .origin import OriginView, view_origin
from .strip import StripView, view_strip

#: The task of the models' cards.
TASK = "multi_label"
MOST_IN_SET = 5


@dataclass(frozen=True)
class LabelRow:
    """One label; `probability` and `threshold`, from which on it is named, are in 0…1."""

    title: str
    probability: float
    threshold: float
    chosen: bool


@dataclass(frozen=True)
class LabelSet:
    """Labels, as "one and another", of which on average at most `risk`, "10%", of a picture's own are missed."""

    risk: str
    titles: str


@dataclass(frozen=True)
class LabelsView:
    """An answer as the page shows it. `labels` are those that it names, best first; `nearest` is the title of the most
    probable one. `heatmap`, of the label `explained`, is a data URI of a transparent image, or None, as where the model
    does not know the picture. `others`: the set of labels where it holds more than the answer does, else None. `reason`
    says why the picture is unknown, else None; `copied` all of it as plain text; `origin` what its file states; `strip`
    its panels, where it is long; `truncated`: its file ends early; `neighbours`: the training pictures most like it."""

    labels: tuple[LabelRow, ...]
    nearest: str
    verdict: str
    reason: str | None
    words: VerdictWords | None
    milliseconds: float
    rows: tuple[LabelRow, ...]
    heatmap: str | None
    explained: str
    copied: str
    others: LabelSet | None
    origin: OriginView | None
    precomputed: bool
    true_title: str | None
    strip: StripView | None
    truncated: bool
    neighbours: tuple[NeighbourView, ...]


def view_labels(answer: dict[str, Any], model: Model, *, true_label: str | None = None) -> LabelsView:
    """Turn a model's JSON answer into what the page shows, most probable label first."""
    thresholds = {each["key"]: each["threshold"] for each in model.card["decisions"]}
    unknown = answer["verdict"] == UNKNOWN
    by_key = {
        key: LabelRow(title_of(model, key), probability, thresholds[key], key in answer["labels"] and not unknown)
        for key, probability in answer["probabilities"].items()
    }
    rows = tuple(sorted(by_key.values(), key=lambda row: -row.probability))
    explanation = None if unknown else answer.get("explanation")
    words = _choose_words(model, answer)
    return LabelsView(
        labels=tuple(by_key[key] for key in answer["labels"]),
        nearest=rows[0].title,
        verdict=answer["verdict"],
        reason=answer.get("reason", UNLIKE) if unknown else None,
        words=words,
        milliseconds=answer["processing_time_ms"],
        rows=rows,
        heatmap=f"data:{explanation['media_type']};base64,{explanation['data']}" if explanation else None,
        explained=by_key[explanation["class"]].title if explanation else "",
        copied=write_out(words, [(row.title, row.probability) for row in rows], answer),
        others=_view_set(answer, model),
        # An example is a copy of its picture, without what the file said.
        origin=view_origin(answer.get("provenance")) if true_label is None else None,
        precomputed=true_label is not None,
        true_title=title_of(model, true_label) if true_label is not None else None,
        strip=view_strip(answer, model),
        truncated="truncated" in answer.get("warnings", ()),
        neighbours=view_neighbours(answer, model),
    )


def _choose_words(model: Model, answer: dict[str, Any]) -> VerdictWords | None:
    """The card's words for a verdict, else those for several labels, else those for any picture."""
    verdict = answer["verdict"]
    own = wording.LABEL_VERDICTS.get(verdict if answer["labels"] or verdict == UNKNOWN else "none")
    if verdict in model.card.get("verdicts", {}) or own is None:
        return words_of(model, answer)
    return VerdictWords(str(own[0]), str(own[1]), leads=False)


def _view_set(answer: dict[str, Any], model: Model) -> LabelSet | None:
    found = answer.get("prediction_set")
    if found is None or set(found["classes"]) <= set(answer["labels"]) or len(found["classes"]) > MOST_IN_SET:
        return None
    titles = [title_of(model, key) for key in found["classes"]]
    return LabelSet(str(format_percent(found["risk"], "#,##0.#%")), format_list(titles, locale=language()))
