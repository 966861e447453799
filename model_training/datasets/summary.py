"""What was read of a dataset, and what was left out: the lines before a training, and those of `hwapung data check`."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

from ..runtime.card import Text
from ..runtime.errors import make_printable
from ..translation import _, join, plain
from .findings import Finding
from .folders import Dataset

#: Classes that a line names.
SHOWN = 30


def summarise(dataset: Dataset) -> list[Text]:
    """Classes with their counts, by given splits where there are any; then a line for each finding."""
    used = [entry for entry in dataset.entries if entry.label]
    lines = [
        _(
            "{place}: {count} pictures in {classes} classes",
            place=make_printable(str(dataset.source)),
            count=len(used),
            classes=len(dataset.labels),
        )
    ]
    splits = sorted({entry.split or "" for entry in used}, key=["", "train", "validation", "test"].index)
    for split in splits:
        inside = [entry for entry in used if (entry.split or "") == split]
        counts = Counter(label for entry in inside for label in entry.labels)
        listed = join([plain(f"{label} {count:,}") for label, count in sorted(counts.items())], SHOWN)
        lines.append(_("{split}: {listed}", split=plain(split) if split else _("classes"), listed=listed))
    lines += [phrase(each) for each in dataset.findings]
    if dataset.unlabelled:
        lines.append(
            _(
                "A trained model says what the pictures without a class show: hwapung predict {path}",
                path=make_printable(str(dataset.unlabelled[0].parent / "*")),
            )
        )
    return lines


def phrase(finding: Finding) -> Text:
    return Text(en=str(finding), ko=str(replace(finding, what=_(finding.what).ko)))
