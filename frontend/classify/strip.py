"""The panels of a strip as the page shows them: a timeline like that of a video's frames."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from ..catalogue import Model
from ..verdicts import UNKNOWN, say_part

#: Colours that the page has for classes; those after them share one more.
HUES = 6


@dataclass(frozen=True)
class PanelView:
    """A panel's bar: `start` and `length` are shares of the strip, `height` of the timeline, 0…1; `hue` is the number
    of its class's colour, or `unknown`; `box`: where in the picture it lies."""

    box: tuple[int, ...]
    start: float
    length: float
    height: float
    hue: str
    pale: bool
    words: str


@dataclass(frozen=True)
class StripView:
    """`interval`: of the confidence, 0…1, or None. `lying`: the strip goes from left to right."""

    panels: tuple[PanelView, ...]
    lying: bool
    interval: tuple[float, float] | None


def view_strip(answer: dict[str, Any], model: Model) -> StripView | None:
    """None for an answer about a picture."""
    if "panels" not in answer:
        return None
    keys = [label["key"] for label in model.card["labels"]]
    lying = answer["width"] > answer["height"]
    whole = max(answer["width"], answer["height"])
    panels = []
    for panel in answer["panels"]:
        left, top, right, bottom = panel["box"]
        start, end = (left, right) if lying else (top, bottom)
        unknown = panel["verdict"] == UNKNOWN
        best = max(panel["probabilities"], key=panel["probabilities"].get)
        confidence = panel["probabilities"][best]
        panels.append(
            PanelView(
                tuple(panel["box"]),
                start / whole,
                (end - start) / whole,
                1.0 if unknown else confidence,
                UNKNOWN if unknown else str(min(keys.index(best), HUES)),
                not unknown and panel["verdict"] != "sure",
                say_part({"class": best, "confidence": confidence, **panel}, model),
            )
        )
    interval = answer.get("interval")
    return StripView(tuple(panels), lying, (interval[0], interval[1]) if interval else None)
