"""What the pages say about an answer's verdict: the card's words where it has its own, else those of `wording.py`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from flask_babel import gettext

from . import wording
from .catalogue import Model
from .formatting import likelihood, text, title_of

UNKNOWN = "unknown"
#: The reason of an unknown answer that names none: archives of before there were reasons give none.
UNLIKE = "unlike"


@dataclass(frozen=True)
class VerdictWords:
    """`leads`: the title is the headline; else the class is."""

    title: str
    text: str
    leads: bool


def words_of(model: Model, answer: Mapping[str, Any]) -> VerdictWords | None:
    """The words for an answer's verdict, and for its reason where it is unknown; None for a verdict that nobody knows.

    A recipe's words for `unknown` are about what is unlike its training pictures, not about a blank or a tiny one.
    """
    verdict, reason = answer["verdict"], answer.get("reason", UNLIKE)
    told = model.card.get("verdicts", {}).get(verdict)
    if told is not None and (verdict != UNKNOWN or reason == UNLIKE):
        return VerdictWords(text(told["title"]), text(told["text"]), told["instead_of_class"] or verdict == UNKNOWN)
    if verdict == UNKNOWN:
        return VerdictWords(str(wording.UNKNOWN), str(wording.REASONS.get(reason, wording.REASONS[UNLIKE])), leads=True)
    # With an interval, as that of a strip's panels, its lower end decides.
    own = (wording.VIDEO_VERDICTS if answer.get("interval") else wording.VERDICTS).get(verdict)
    return VerdictWords(str(own[0]), str(own[1]), leads=False) if own else None


def say_unknown(answer: Mapping[str, Any], title: str) -> str:
    """Why something is unknown, in a few words, and what it is nearest to. `title`: its class's."""
    reason = wording.SHORT_REASONS.get(answer.get("reason", UNLIKE), wording.SHORT_REASONS[UNLIKE])
    return str(gettext("%(reason)s; the nearest class is %(title)s", reason=reason, title=title))


def say_part(answer: Mapping[str, Any], model: Model) -> str:
    """What the model said of a frame of a film, or a panel of a strip, in a few words of the visitor's language."""
    if "error" in answer:
        return str(wording.NO_FRAME_ANSWER)
    title = title_of(model, answer["class"])
    if answer["verdict"] == UNKNOWN:
        return say_unknown(answer, title)
    return f"{title}, {likelihood(answer['confidence'])} · {wording.SHORT_VERDICTS.get(answer['verdict'], '')}"
