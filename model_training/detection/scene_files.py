"""Single drawings → a folder of composed, labelled scenes in YOLO's format, to train a detector on."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np

from ..datasets.folders import Dataset
from ..runtime.errors import DatasetError
from ..runtime.files import replacing, write_text
from .annotations import Scene
from .composer import Composed, Composer, Drawing, compose, read_drawing
from .exports import format_boxes, write_yolo_records

#: The drawings are dealt to so many parts, and a scene is composed of one part's: parts are what a split divides.
PARTS = 10


def write_scenes(
    folder: Path,
    drawings: Dataset,
    settings: Composer,
    size: tuple[int, int],
    seed: int,
    group: str | None,
    progress: Callable[[int, int], None],
) -> None:
    """Write `settings.scenes` pages of `size` (width, height) to `folder/images`, their boxes to `folder/labels`, the
    classes to `data.yaml` and each page's part to `groups.csv`, by which no drawing is on two sides of a split.

    `group` is the manifest's column whose drawings stay in one part. Scenes that are there already are kept.
    Raises `DatasetError` where there are too few drawings.
    """
    parts = _deal(drawings, group, seed)
    pages = [folder / "images" / f"scene-{number:05d}.png" for number in range(settings.scenes)]
    done = 0
    for part, indices in parts.items():
        own = range(part, settings.scenes, len(parts))
        missing = [number for number in own if not pages[number].exists()]
        material = _read(drawings, indices, len(own) * settings.objects[1]) if missing else []
        if missing and not material:
            raise DatasetError(f"{drawings.source}: there is no stroke in the drawings.", "Give drawings on white.")
        for number in missing:
            _write(compose(material, settings, size, seed, number), pages[number])
            progress(done := done + 1, settings.scenes)
        done += len(own) - len(missing)
    groups = {page.stem: f"part-{number % len(parts)}" for number, page in enumerate(pages)}
    write_yolo_records(folder, drawings.labels, groups)


def _deal(drawings: Dataset, group: str | None, seed: int) -> dict[int, list[int]]:
    """Part → rows of its drawings; every group is in one part."""
    names = [
        entry.columns.get(group, "") or entry.path.name if group else entry.path.name for entry in drawings.entries
    ]
    order = sorted(set(names))
    parts = min(PARTS, len(order))
    if parts < 3:
        raise DatasetError(f"{drawings.source}: {len(order)} drawings are too few to compose scenes of.", "Add some.")
    place = {order[row]: rank % parts for rank, row in enumerate(np.random.default_rng(seed).permutation(len(order)))}
    dealt: dict[int, list[int]] = {part: [] for part in range(parts)}
    for row, name in enumerate(names):
        dealt[place[name]].append(row)
    return dealt


def _read(drawings: Dataset, rows: list[int], most: int) -> list[Drawing]:
    """`most` of the drawings, spread over the list: more than its scenes can hold need not be decoded."""
    chosen = [rows[at] for at in np.linspace(0, len(rows) - 1, min(most, len(rows))).round().astype(int)]
    index = {label: number for number, label in enumerate(drawings.labels)}
    entries = (drawings.entries[row] for row in chosen)
    found = (read_drawing(entry.path, index[entry.label]) for entry in entries if entry.label in index)
    return [drawing for drawing in found if drawing is not None]


def _write(page: Composed, path: Path) -> None:
    """The boxes first: a page that is there has them."""
    width, height = page.image.size
    scene = Scene(path, width, height, page.boxes, page.classes, path.stem)
    write_text(path.parents[1] / "labels" / f"{path.stem}.txt", format_boxes(scene))
    with replacing(path) as partial:
        page.image.save(partial, "PNG")
