"""What was read of a dataset, and what was left out: the lines before a training, and those of `hwapung data check`."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

from ..runtime.card import Text
from ..runtime.errors import make_printable
from ..translation import _, join, plain
from .findings import Finding
from .folders import Dataset
from .prepare import Prepared

#: Classes that a line names.
SHOWN = 30
_SPLITS = {"": _("classes"), "train": _("train"), "validation": _("validation"), "test": _("test")}


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
    splits = sorted({entry.split or "" for entry in used}, key=list(_SPLITS).index)
    for split in splits:
        inside = [entry for entry in used if (entry.split or "") == split]
        counts = Counter(label for entry in inside for label in entry.labels)
        listed = join([plain(f"{label} {count:,}") for label, count in sorted(counts.items())], SHOWN)
        lines.append(_("{split}: {listed}", split=_SPLITS[split], listed=listed))
    lines += [phrase(each) for each in dataset.findings]
    if dataset.unlabelled:
        lines.append(
            _(
                "A trained model says what the pictures without a class show: hwapung predict {path}",
                path=make_printable(str(dataset.unlabelled[0].parent / "*")),
            )
        )
    return lines


def summarise_division(prepared: Prepared) -> list[Text]:
    """How a training divides the images, and what it does without."""
    rows = {name: len(rows) for name, rows in prepared.rows.items()}
    provenance = prepared.provenance
    lines = [
        _(
            "a training divides them into {train} to train, {validation} to validate and {test} to test",
            train=rows["train"],
            validation=rows["validation"],
            test=rows["test"],
        ),
        _(
            "duplicates, kept on one side: {exact} exact, {near} near",
            exact=provenance.exact_duplicates,
            near=provenance.near_duplicates,
        ),
    ]
    if dropped := prepared.dataset.dropped:
        lines.append(_("classes left out because they are too small: {classes}", classes=", ".join(dropped)))
    if borrowed := provenance.validation_within_groups:
        lines.append(
            _(
                "classes with too few groups to validate on one of their own, so on pictures of training's: {classes}",
                classes=", ".join(borrowed),
            )
        )
    if prepared.set_aside:
        lines.append(
            _("set aside, since a duplicate or the group is in a later split: {count}", count=prepared.set_aside)
        )
    if prepared.unreadable:
        lines.append(_("files that can't be read: {count}", count=prepared.unreadable))
    if prepared.contradictions:
        lines.append(_("files that lie in several classes: {count}", count=len(prepared.contradictions)))
    return lines


def phrase(finding: Finding) -> Text:
    return Text(en=str(finding), ko=str(replace(finding, what=_(finding.what).ko)))
