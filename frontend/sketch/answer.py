"""An answer about a drawing as its page shows it."""

from __future__ import annotations

from dataclasses import dataclass

from ..catalogue import Model
from ..formatting import title_of
from ..verdicts import UNKNOWN, say_unknown
from .recognition import Answer


@dataclass(frozen=True)
class ObjectView:
    """One recognised object as the page shows it. `box`: x, y, width and height in percent of the square sheet, in
    whose middle the image lies; None for the whole of it. `doubt`: of an unknown object why, and what it is nearest to;
    else None."""

    key: str
    title: str
    confidence: float
    others: tuple[tuple[str, float], ...]
    box: tuple[float, float, float, float] | None
    references: tuple[Answer, ...]
    doubt: str | None = None


@dataclass(frozen=True)
class SketchView:
    """An answer about a drawing as the page shows it. `truncated`: its file ends early."""

    objects: tuple[ObjectView, ...]
    verdict: str
    milliseconds: float
    gallery_state: str | None
    truncated: bool


def view_sketch(answer: Answer, model: Model) -> SketchView:
    """Turn an answer, with or without references, into what the page shows."""
    side = max(answer["width"], answer["height"])
    left, top = (side - answer["width"]) / 2, (side - answer["height"]) / 2

    def view(found: Answer) -> ObjectView:
        box: tuple[float, float, float, float] | None = None
        if found["box"]:
            x0, y0, x1, y1 = found["box"]
            box = (100 * (left + x0) / side, 100 * (top + y0) / side, 100 * (x1 - x0) / side, 100 * (y1 - y0) / side)
        title = title_of(model, found["class"])
        others = sorted(found["probabilities"].items(), key=lambda item: -item[1])
        return ObjectView(
            key=found["class"],
            title=title,
            confidence=found["confidence"],
            others=tuple((title_of(model, key), p) for key, p in others if key != found["class"])[:2],
            box=box,
            references=tuple(found.get("references", ())),
            doubt=say_unknown(found, title) if found.get("verdict") == UNKNOWN else None,
        )

    return SketchView(
        objects=tuple(view(found) for found in answer["objects"]),
        verdict=answer["verdict"],
        milliseconds=answer["processing_time_ms"],
        gallery_state=answer.get("sources", {}).get("gallery", {}).get("state"),
        truncated="truncated" in answer.get("warnings", ()),
    )
