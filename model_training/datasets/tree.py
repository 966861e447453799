"""A folder on the disk → its images by content, and whatever is left out, counted."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Collection, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from ..runtime.errors import DatasetError
from ..translation import _
from .file_kinds import Kind, is_system, judge_file
from .findings import Findings

#: Beside the classes, and read: it says that a program drew the images.
MARKER = "procedural.json"
LEFT_OUT = _("other files left out").en


@dataclass
class Folder:
    """`images`: of this folder itself, sorted; `folders`: those inside, sorted, but for the system's and hidden ones;
    `others`: its notes, tables and programs, sorted; `left_out`: its files of other kinds, and all of the system's and
    hidden folders in it; `kinds`: how many of its files are of each kind."""

    path: Path
    images: list[Path] = field(default_factory=list)
    folders: list[Folder] = field(default_factory=list)
    others: list[Path] = field(default_factory=list)
    left_out: Findings = field(default_factory=Findings)
    kinds: Counter[Kind] = field(default_factory=Counter)

    @property
    def name(self) -> str:
        return self.path.name

    @property
    def filled(self) -> list[Folder]:
        """The folders inside that hold images, at any depth."""
        return [each for each in self.folders if each.holds_images]

    @property
    def holds_images(self) -> bool:
        return bool(self.images) or any(each.holds_images for each in self.folders)

    def walk(self) -> Iterator[Folder]:
        """This folder and all below it."""
        yield self
        for each in self.folders:
            yield from each.walk()

    def list_images(self) -> list[Path]:
        return [path for each in self.walk() for path in each.images]

    def count_kinds(self) -> Counter[Kind]:
        """Of the files at any depth."""
        return sum((each.kinds for each in self.walk()), Counter())

    def list_left_out(self, used: Collection[Path] = ()) -> Findings:
        """All that is no image and not among those `used`, at any depth."""
        findings = Findings()
        for each in self.walk():
            findings.extend(each.left_out)
            for path in each.others:
                if path not in used:
                    findings.add(LEFT_OUT, path.name)
        return findings


def read_tree(root: Path) -> Folder:
    """List a folder. Links to folders are followed, but for those that lead back above themselves.

    Raises `DatasetError` for a folder that is missing or can't be opened.
    """
    if not root.is_dir():
        raise DatasetError(
            f"{root}: there is no such folder.", "Give --data FOLDER, with one folder of pictures per class."
        )
    return _read(root, frozenset())


def _read(path: Path, above: frozenset[str]) -> Folder:
    folder = Folder(path)
    inside = above | {os.path.realpath(path)}
    try:
        with os.scandir(path) as listing:
            found = sorted(listing, key=lambda each: each.name)
    except OSError as error:
        raise DatasetError(f"{path}: can't be opened ({error.strerror}).", "Let it be read, or remove it.") from None
    for each in found:
        place = path / each.name
        if not each.is_dir():
            if each.name == MARKER and not above:
                continue
            kind = judge_file(place, folder.left_out)
            folder.kinds[kind] += 1
            if kind == "image":
                folder.images.append(place)
            elif kind == "other":
                folder.others.append(place)
        elif os.path.realpath(place) in inside:
            folder.left_out.add("links to a folder above them, left out", each.name)
        elif is_system(each.name):
            count_files(place, folder.left_out, hidden=each.name.startswith("."))
        else:
            folder.folders.append(_read(place, inside))
    return folder


def count_files(folder: Path, left_out: Findings, *, hidden: bool) -> None:
    """Count the files of a folder that is hidden or the system's as left out."""
    for _folder, _folders, files in os.walk(folder):
        if files and hidden:
            left_out.add("files in hidden folders, left out", folder.name, len(files))
        elif files:
            left_out.add("files in folders of the system, left out", folder.name, len(files))
