"""The section on what the served model says of the files as they are: its verdicts, and why pictures are unknown to it.

The other sections start from pixels that fit the network. A verdict also depends on what they no longer show, such as a
picture's size and compression, so the model is asked again, about bytes.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import get_args

import numpy as np

from model_training.progress import follow
from model_training.runtime.card import Reason, Text
from model_training.runtime.classifier import Classifier
from model_training.runtime.errors import ImageError
from model_training.translation import plain

from .document import CannotComputeError, Section, Table
from .predictions import Evaluated, Predictions
from .translation import _

#: Of more pictures so many are asked about, evenly spread: enough for a share to a few percent.
MOST = 500
_BATCH = 16

_REASONS: dict[Reason, Text] = {
    "unlike": _("unlike the training pictures"),
    "blank": _("one colour, or almost"),
    "tiny": _("a side under 32 pixels"),
    "long": _("too long and narrow"),
    "text": _("a scan of text"),
    "finer": _("much more detailed"),
    "coarser": _("fewer pixels"),
    "softer": _("blurrier"),
    "compressed": _("more strongly compressed"),
}


def verdicts(found: Evaluated, unlike: Sequence[tuple[str, Evaluated]]) -> Section:
    """`unlike`: name → images that the model is not made for."""
    classifier = Classifier.load(found.bundle, found.device)
    test = found.predictions.of("test")
    asked = [(_("test pictures"), test, found.root)] if len(test) else []
    asked += [(plain(name), each.predictions, each.root) for name, each in unlike]
    if not asked:
        raise CannotComputeError(_("There is no test picture."))
    rows = [(name, count_verdicts(classifier, _choose_files(some, root))) for name, some, root in asked]
    reasons = [reason for reason in get_args(Reason) if any(counts[reason] for _name, counts in rows)]
    section = Section("verdicts", _("Verdicts"))
    section.words.append(
        _(
            "The model as it is served was asked about the files as they are, about {most} of each kind at most. Of "
            "an unknown picture it says why, and the nearest class.",
            most=MOST,
        )
    )
    section.parts.append(
        Table(
            "verdicts",
            _("Pictures by verdict, and unknown ones by reason"),
            (
                _("pictures of"),
                _("pictures"),
                _("sure"),
                _("not sure"),
                _("unknown"),
                *(_REASONS[each] for each in reasons),
            ),
            [
                (
                    name,
                    counts.total(),
                    counts["sure"],
                    counts["unsure"],
                    counts.total() - counts["sure"] - counts["unsure"],
                    *(counts[reason] for reason in reasons),
                )
                for name, counts in rows
            ],
        )
    )
    return section


def count_verdicts(classifier: Classifier, files: Sequence[Path]) -> Counter[str]:
    """How many of the files are `sure`, how many `unsure`, and how many are unknown for each reason; those that can't
    be read are left out."""
    counts: Counter[str] = Counter()
    with follow("Asking for verdicts") as step:
        for start in range(0, len(files), _BATCH):
            answers = classifier.answer([file.read_bytes() for file in files[start : start + _BATCH]])
            counts.update(
                str(answer.get("reason", answer["verdict"])) for answer in answers if not isinstance(answer, ImageError)
            )
            step.update(min(start + _BATCH, len(files)), len(files))
    return counts


def _choose_files(some: Predictions, root: Path) -> list[Path]:
    spread = np.unique(np.linspace(0, len(some) - 1, min(MOST, len(some))).astype(int))
    return [root / some.places[row] for row in spread]
