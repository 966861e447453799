"""Pictures sorted into folders, and heatmaps: files whose names come from the pictures', so that a run that goes on
writes the same ones again."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

from model_training.runtime.card import Card
from model_training.runtime.errors import DatasetError, ImageError, OutputError
from model_training.runtime.files import replacing

from ..model import Answer, overlay
from .items import Item
from .sources import Source

#: Bytes of a name that leave room for a suffix and a mark.
_LONGEST, _LONGEST_PATH = 180, 2000
#: Where a picture goes that no class was named for.
_NO_CLASS = "none"


def check_apart(folder: Path, source: Source) -> None:
    """Raises `DatasetError` where what is written would be read, or the other way round."""
    written = folder.resolve()
    for each in source.folders:
        read = each.resolve()
        if written.is_relative_to(read) or read.is_relative_to(written):
            raise DatasetError(f"{folder}: the pictures of {each} are read there.", "Give a folder beside it.")


def check_explains(card: Card) -> None:
    """Raises `OutputError` for a model without heatmaps."""
    if card.task in ("sketch", "detection"):
        raise OutputError(
            f"{card.name} draws no heatmaps: its boxes say where an object was seen.", "Leave --explain out."
        )


class Sorter:
    """`CLASS/VERDICT/` with links to the pictures, or with copies of them: always of those in an archive."""

    def __init__(self, folder: Path, *, copy: bool) -> None:
        self.folder = folder
        self.copy = copy

    def place(self, item: Item, answer: Answer | ImageError) -> None:
        """A picture that could not be read has no place. Raises `OSError` where nothing can be written."""
        if isinstance(answer, ImageError):
            return
        for folder in dict.fromkeys(_choose_folders(answer)):
            path = self.folder / folder / make_safe(item.place)
            if item.file is not None and not self.copy:
                path.parent.mkdir(parents=True, exist_ok=True)
                with replacing(path) as temporary:
                    temporary.unlink(missing_ok=True)
                    temporary.symlink_to(item.file.absolute())
                continue
            try:
                data = item.read()
            except ImageError:  # gone since it was answered
                return
            with replacing(path) as temporary:
                temporary.write_bytes(data)


def draw_heatmap(folder: Path, item: Item, answer: Answer | ImageError) -> None:
    """The picture under its heatmap, unless it is unknown. Raises `OSError`."""
    if isinstance(answer, ImageError) or "explanation" not in answer or answer["verdict"] == "unknown":
        return
    path = folder / make_safe(item.place)
    try:
        image = overlay(item.read(), answer["explanation"])
    except ImageError:
        return
    with replacing(path.with_name(path.name + ".png")) as temporary:
        image.save(temporary, "PNG")


def make_safe(place: str) -> PurePosixPath:
    """A relative path below any folder. Where a part had to be changed, a mark keeps the result apart from others'."""
    parts = place.split("/")
    safe = [_shorten(each) for each in parts if each not in ("", ".", "..")]
    if len(os.fsencode(place)) > _LONGEST_PATH:
        safe = safe[-1:]
    if safe == parts:
        return PurePosixPath(*safe)
    *folders, name = safe or ["picture"]
    mark = hashlib.blake2b(place.encode("utf-8", "surrogatepass"), digest_size=5).hexdigest()
    named = PurePosixPath(name)
    return PurePosixPath(*folders, f"{named.stem}-{mark}{named.suffix}")


def _choose_folders(answer: Answer) -> Iterator[PurePosixPath]:
    """Of an unknown picture the class is only the nearest one, so its reason stands there."""
    verdict = answer["verdict"]
    if verdict == "unknown":
        yield PurePosixPath("unknown", answer["reason"])
        return
    if "objects" in answer:
        named = [each["class"] for each in answer["objects"]]
    else:
        named = answer["labels"] if "labels" in answer else [answer["class"]]
    for each in named or [_NO_CLASS]:
        yield make_safe(each) / verdict


def _shorten(part: str) -> str:
    name = PurePosixPath(part.replace("\0", "_"))
    if len(os.fsencode(name)) <= _LONGEST:
        return str(name)
    return os.fsdecode(os.fsencode(name.stem)[: _LONGEST - 50]) + name.suffix[:12]
