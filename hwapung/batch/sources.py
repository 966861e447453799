"""What a person names (folders, archives, lists, buckets, pictures) → pictures one by one, few of them in memory at a
time."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from model_training.datasets.findings import Findings
from model_training.runtime.errors import DatasetError

from .archives import open_archive
from .buckets import is_bucket, walk_bucket
from .folders import walk_folder
from .items import Item, check_file, make_item
from .lists import walk_list

ARCHIVE, LIST = ".zip", ".txt"


@dataclass(frozen=True)
class Source:
    """`walk`: the pictures, in the same order as long as nothing changes; what is left out goes into the findings.
    `words`: for people; `fingerprint`: the same for the same paths; `folders`: those that are walked."""

    words: str
    fingerprint: str
    folders: tuple[Path, ...]
    walk: Callable[[Findings], Iterator[Item]]

    def refuse_empty(self) -> DatasetError:
        """What to raise where no picture was found."""
        return DatasetError(f"{self.words}: there is no picture.", "Name a folder, a zip or a list of pictures.")


def open_source(names: Sequence[str | Path]) -> Source:
    """All that is named, one after the other. Raises `DatasetError` for a folder, archive or list that can't be read;
    a picture that can't be is an item whose `read` says so."""
    walks: list[Callable[[Findings], Iterator[Item]]] = []
    folders = []
    for name in names:
        # Of several sources a picture's place has to say which one it comes from.
        above = "" if len(names) == 1 else f"{name}/"
        path = Path(name)
        if isinstance(name, str) and is_bucket(name):
            walks.append(lambda left_out, name=name, above=above: walk_bucket(name, above, left_out))  # type: ignore[misc]
        elif path.is_dir():
            folders.append(path)
            walks.append(lambda left_out, path=path, above=above: walk_folder(path, above, left_out))  # type: ignore[misc]
        elif path.suffix.lower() == ARCHIVE:
            archive = open_archive(path)
            walks.append(lambda left_out, archive=archive, above=above: archive.walk(above, left_out))  # type: ignore[misc]
        elif path.suffix.lower() == LIST:
            check_file(path, "Give a text file with a path on each line.")
            walks.append(lambda left_out, path=path: walk_list(path))  # type: ignore[misc]
        else:
            walks.append(lambda left_out, path=path: iter([make_item(path)]))  # type: ignore[misc]

    def walk(left_out: Findings) -> Iterator[Item]:
        for each in walks:
            yield from each(left_out)

    named = [f"{name}\0{name if is_bucket(str(name)) else Path(name).absolute()}" for name in names]
    digest = hashlib.sha256("\n".join(named).encode("utf-8", "surrogatepass")).hexdigest()[:16]
    words = str(names[0]) if len(names) == 1 else f"{names[0]} and {len(names) - 1:,} more"
    return Source(words, digest, tuple(folders), walk)


def holds_many(name: str) -> bool:
    """Whether what is named holds many pictures, or may."""
    path = Path(name)
    return is_bucket(name) or path.is_dir() or path.suffix.lower() in (ARCHIVE, LIST)
