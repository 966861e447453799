"""What was read of a dataset, and what was left out: the lines before a training, and those of `hwapung data check`."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from PIL import Image

from ..runtime.card import Text
from ..runtime.image import FORMATS
from ..translation import _, plain
from .findings import Finding
from .folders import Dataset


def summarise(dataset: Dataset) -> list[Text]:
    """Classes with their counts, by given splits where there are any; then a line for each finding."""
    lines = [
        _(
            "{place}: {count} pictures in {classes} classes",
            place=dataset.source,
            count=len(dataset.entries),
            classes=len(dataset.labels),
        )
    ]
    splits = sorted({entry.split or "" for entry in dataset.entries}, key=["", "train", "validation", "test"].index)
    for split in splits:
        inside = [entry for entry in dataset.entries if (entry.split or "") == split]
        counts = Counter(label for entry in inside for label in entry.labels)
        listed = plain(", ".join(f"{label} {count:,}" for label, count in sorted(counts.items())))
        lines.append(_("{split}: {listed}", split=plain(split) if split else _("classes"), listed=listed))
    lines += [phrase(each) for each in dataset.findings]
    if dataset.unlabelled:
        lines.append(
            _(
                "A trained model says what the pictures without a class show: hwapung predict {path}",
                path=dataset.unlabelled[0].parent / "*",
            )
        )
    return lines


def phrase(finding: Finding) -> Text:
    return Text(en=str(finding), ko=str(replace(finding, what=_(finding.what).ko)))


@dataclass(frozen=True)
class Sizes:
    """In pixels (width, height), by area, of the images whose header can be read; `megabytes` of all files."""

    smallest: tuple[int, int]
    median: tuple[int, int]
    largest: tuple[int, int]
    megabytes: float


def measure_sizes(paths: Sequence[Path]) -> Sizes | None:
    """None where no header can be read."""
    sizes = []
    for path in paths:
        try:
            with Image.open(path, formats=FORMATS) as image:
                sizes.append(image.size)
        except Exception:  # a file that can't be decoded is told of elsewhere
            continue
    if not sizes:
        return None
    sizes.sort(key=lambda size: size[0] * size[1])
    megabytes = sum(path.stat().st_size for path in paths) / 1e6
    return Sizes(sizes[0], sizes[len(sizes) // 2], sizes[-1], megabytes)
