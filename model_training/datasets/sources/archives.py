"""Images that come as whole sets: a folder that a service's own client has filled."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import partial
from pathlib import Path

from ...runtime.errors import DatasetError
from ..file_kinds import is_system
from ..split_names import is_filler, read_split
from ..tree import read_tree
from .collect import Candidate, SourceImage


def list_images(folder: Path, name: str, only: str = "") -> list[Path]:
    """The images below the folder of the set `name`, or below its subfolder `only`, by their content, sorted.

    Raises `DatasetError` where there is none.
    """
    if not folder.is_dir():  # a client that found nothing to bring makes no folder
        where = f" in {only}" if only else ""
        raise DatasetError(
            f"{name}: the set has no picture file{where}.",
            "Check --only; sets that keep their pictures inside Parquet files can't be taken.",
        )
    place = folder / only
    if not place.resolve().is_relative_to(folder.resolve()) or not place.is_dir():
        raise DatasetError(
            f"{only}: the set has no such folder.", f"It has {', '.join(_subfolders(folder)) or 'none'}."
        )
    images = sorted(read_tree(place).list_images())
    if not images:
        raise DatasetError(f"{name}: there is no picture in {place}.", "Give another folder or another set.")
    return images


def candidates(
    folder: Path, images: Iterable[Path], name: str, label: str | None, url: str, licence: str
) -> Iterator[Candidate]:
    """`name` and `url` are the set's. The label is `label`, else the folder that an image is in: not `Training`, not
    `images`."""
    for path in images:
        place = path.relative_to(folder).as_posix()
        folders = [each for each in path.relative_to(folder).parts[:-1] if not read_split(each) and not is_filler(each)]
        chosen = label or (folders[-1] if folders else name)
        yield Candidate(f"{name}/{place}", partial(_load, path, chosen, f"{url}#{place}", licence))


def _load(path: Path, label: str, url: str, licence: str) -> SourceImage:
    return SourceImage(path.read_bytes(), label, path.stem, "", url, licence)


def _subfolders(folder: Path) -> list[str]:
    return sorted(each.name for each in folder.iterdir() if each.is_dir() and not is_system(each.name))
