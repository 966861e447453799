"""All that a training would read of a dataset, and whether it could: `hwapung data check`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from PIL import Image

from ..recipe import Recipe
from ..runtime.card import Text
from ..runtime.errors import DatasetError, make_printable
from ..runtime.image import FORMATS
from ..translation import _
from .contradictions import Contradiction
from .folders import Dataset
from .prepare import Prepared, list_images, prepare
from .summary import summarise, summarise_division

SHOWN = 10


@dataclass(frozen=True)
class Sizes:
    """In pixels (width, height), ordered by area, of the images whose header can be read; `megabytes` of all files."""

    smallest: tuple[int, int]
    median: tuple[int, int]
    largest: tuple[int, int]
    megabytes: float


@dataclass(frozen=True)
class Checked:
    """`dataset` as it lies there, with what was found while its files were read; `prepared` is None where `fault` says
    why nothing can be trained on it."""

    dataset: Dataset
    sizes: Sizes | None
    prepared: Prepared | None
    fault: DatasetError | None

    @property
    def contradictions(self) -> tuple[Contradiction, ...]:
        return self.prepared.contradictions if self.prepared else ()

    def as_json(self) -> dict[str, Any]:
        """For programs."""
        prepared, dataset = self.prepared, self.dataset
        return {
            "source": str(dataset.source),
            "pictures": {
                dataset.place(entry): {"classes": entry.labels, "split": entry.split} for entry in dataset.entries
            },
            "findings": [asdict(each) for each in dataset.findings],
            "unlabelled": [str(path) for path in dataset.unlabelled],
            "sizes": asdict(self.sizes) if self.sizes else None,
            "counts": prepared.provenance.counts if prepared else None,
            "unreadable": prepared.unreadable if prepared else None,
            "exact_duplicates": prepared.provenance.exact_duplicates if prepared else None,
            "near_duplicates": prepared.provenance.near_duplicates if prepared else None,
            "contradictions": [{"classes": each.labels, "files": each.places} for each in self.contradictions],
            "error": str(self.fault) if self.fault else None,
        }


def check_dataset(recipe: Recipe, place: Path, cache: Path) -> Checked:
    """Read everything as a training by `recipe` would, except that files which it would refuse are counted.

    Raises `DatasetError` where there is nothing to list.
    """
    listed = list_images(recipe.data, place)
    sizes = measure_sizes([entry.path for entry in listed.entries])
    lenient = recipe.data.model_copy(update={"unreadable": "skip", "contradictions": "keep"})
    try:
        prepared = prepare(recipe.model_copy(update={"data": lenient}), place, cache)
    except DatasetError as fault:
        return Checked(listed, sizes, None, fault)
    return Checked(replace(listed, findings=prepared.dataset.findings), sizes, prepared, None)


def measure_sizes(paths: Sequence[Path]) -> Sizes | None:
    """None where no header can be read."""
    sizes: list[tuple[int, int]] = []
    for path in paths:
        try:
            with Image.open(path, formats=FORMATS) as image:
                sizes.append(image.size)
        except Exception:  # decoders raise anything; what can't be decoded is counted by `prepare`
            continue
    if not sizes:
        return None
    sizes.sort(key=lambda size: size[0] * size[1])
    megabytes = round(sum(path.stat().st_size for path in paths) / 1e6, 3)
    return Sizes(sizes[0], sizes[len(sizes) // 2], sizes[-1], megabytes)


def phrase_checked(checked: Checked) -> list[Text]:
    """The summary, sizes, duplicates and contradictions."""
    lines = summarise(checked.dataset)
    if checked.sizes is not None:
        smallest, median, largest = (
            f"{width:,}×{height:,}"
            for width, height in (checked.sizes.smallest, checked.sizes.median, checked.sizes.largest)
        )
        lines.append(
            _(
                "sizes: {smallest} to {largest} pixels, the middle one {median}; {megabytes:,.1f} MB",
                smallest=smallest,
                largest=largest,
                median=median,
                megabytes=checked.sizes.megabytes,
            )
        )
    if checked.prepared is None:
        return lines
    lines += summarise_division(checked.prepared)
    for each in checked.contradictions[:SHOWN]:
        files = make_printable(", ".join(each.places))
        lines.append(_("  {classes}: {files}", classes=", ".join(each.labels), files=files))
    if checked.contradictions:
        lines.append(_("a training wants data.contradictions=drop, or keep"))
    return lines
