"""A zip's pictures, read where they are: nothing is unpacked, so a name in it leads nowhere."""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache, partial
from pathlib import Path

from model_training.datasets.file_kinds import HEAD, is_system, judge_name, read_format
from model_training.datasets.findings import Findings
from model_training.datasets.tree import LEFT_OUT
from model_training.runtime.errors import DatasetError, ImageError
from model_training.runtime.image import MAX_BYTES
from zips.archive import Archive, Entry, EntryError, ZipError

from .items import Item, check_file

#: How often a whole archive may hold its own size: pictures don't shrink much, and drawings not a hundred times.
_MOST_GROWTH = 200
#: Its table of contents is read as a whole, some 600 bytes an entry.
_MOST_ENTRIES = 500_000


class PictureArchive:
    """An open zip; made by `open_archive`."""

    def __init__(self, path: Path, archive: Archive) -> None:
        self.path = path
        self.archive = archive

    def __reduce__(self) -> tuple[object, ...]:
        """Another process opens the file itself, once for all of its pictures."""
        return _reopen, (self.path,)

    def walk(self, above: str, left_out: Findings) -> Iterator[Item]:
        """In the archive's own order. `above`: what a place begins with."""
        for entry in self.archive:
            *folders, last = entry.name.split("/")
            if any(is_system(each) for each in folders if each not in (".", "..")):
                left_out.add("files in folders of the system, left out", last)
            elif entry.is_link:
                left_out.add("links in an archive left out", last)
            else:
                kind = judge_name(last, partial(self._sniff, entry), left_out)
                if kind == "image":
                    yield Item(f"{self.path}/{entry.name}", f"{above}{entry.name}", partial(self._read, entry))
                elif kind == "other":
                    left_out.add(LEFT_OUT, last)

    def _read(self, entry: Entry) -> bytes:
        try:
            return self.archive.read(entry, MAX_BYTES + 1)
        except EntryError as error:
            if error.is_encrypted:
                words, remedy = "The picture is encrypted in its archive.", "Unpack the archive, and give the folder."
                raise ImageError(words, remedy) from None
            words = f"The picture can't be taken from its archive ({error})."
            raise ImageError(words, "Make the archive again.") from None

    def _sniff(self, entry: Entry) -> str | None:
        try:
            return read_format(self.archive.read(entry, HEAD))
        except EntryError:
            return None


def open_archive(path: Path) -> PictureArchive:
    """Raises `DatasetError` for what is no zip, or one that is not made to be read."""
    check_file(path, "Give a zip of pictures.")
    try:
        file = path.open("rb")
        archive = Archive(file, _MOST_ENTRIES, _MOST_GROWTH * path.stat().st_size + MAX_BYTES)
    except OSError as error:
        raise DatasetError(f"{path}: this is no whole zip ({error}).", "Make the archive again.") from None
    except ZipError as error:
        said = {"broken": "this is no whole zip ({}).", "entries": "the archive has {}."}
        words = said.get(error.kind, "the archive would become {} of pictures.").format(error)
        remedy = "Make the archive again." if error.kind == "broken" else "Unpack it, and give the folder."
        raise DatasetError(f"{path}: {words}", remedy) from None
    return PictureArchive(path, archive)


@lru_cache(maxsize=8)
def _reopen(path: Path) -> PictureArchive:
    return open_archive(path)
