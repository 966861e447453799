"""What the page's scripts need to say of many pictures, in the visitor's language: they have no words of their own."""

from __future__ import annotations

from typing import Any

from flask_babel import gettext as _

from .. import wording
from ..catalogue import Model
from ..formatting import title_of


def tell_words(model: Model) -> dict[str, Any]:
    """`{…}` in a text is filled by the script."""
    return {
        "titles": {label["key"]: title_of(model, label["key"]) for label in model.card["labels"]},
        "verdicts": {
            **{key: str(words) for key, words in wording.SHORT_VERDICTS.items()},
            "unknown": _("Unknown"),
            "failed": _("No answer"),
            "corrected": _("corrected"),
            "waiting": _("waiting"),
            "left": _("not asked"),
        },
        "reasons": {key: str(words) for key, words in wording.SHORT_REASONS.items()},
        "errors": {
            **{code: [str(each) for each in words] for code, words in wording.ERRORS.items()},
            "unreadable": [_("This file can’t be read."), _("It may have been moved or changed: choose it again.")],
        },
        "count": _("{count} pictures"),
        "one": _("1 picture"),
        "progress": _("{done} of {all}"),
        "left": _("about {time} left"),
        "seconds": _("{count} s"),
        "minutes": _("{count} min"),
        "done": _("Done in {time}."),
        "cancelled": _("Cancelled. What was answered stays."),
        "stopped": _("Stopped. What was answered stays."),
        "left_out": _("Files left out because they are no pictures: {count}"),
        "nearest": _("nearest: {title}"),
        "none": _("no label"),
        "place": _("{number} of {all}"),
        "saving": _("Packing: {percent}"),
    }
