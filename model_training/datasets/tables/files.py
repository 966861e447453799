"""What a cell says of a picture → the file: written on other systems, in other places, in other letters."""

from __future__ import annotations

import os
import re
import unicodedata
from pathlib import Path, PureWindowsPath
from urllib.parse import unquote, urlsplit

from ...runtime.errors import DatasetError
from ...runtime.image import SUFFIXES
from ..file_kinds import is_system
from ..findings import Findings
from ..names import decode_name, fold_name, fold_path
from ..spellings import spell_path

_ADDRESS = re.compile(r"(?i)file:")
#: Of this machine, a bucket or a server.
_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]+:/")


class FileFinder:
    """Finds files below `root`. The folder is listed once, and only when a name is not there as it is written."""

    def __init__(self, root: str, findings: Findings) -> None:
        self._root = root
        self._findings = findings
        self._by_name: dict[str, list[str]] | None = None

    def find(self, given: str, place: str) -> str | None:
        """The file's whole path without `.` and `..`, None where there is none.

        Raises `DatasetError`, which names the `place` of the cell, where the name fits several files.
        """
        name = _read_address(given)
        # In strings, since a `Path` for each try would take most of the time.
        for form in dict.fromkeys((name, name.replace("\\", "/"))):
            file = os.path.normpath(os.path.join(self._root, form))  # noqa: PTH118
            if os.path.isfile(file):  # noqa: PTH113
                return file
        spelt = dict.fromkeys((name.replace("\\", "/"), *spell_path(given)))
        return next((found for each in spelt if (found := self._search(given, each, place))), None)

    def has(self, given: str) -> bool:
        """Whether there is such a file, or several."""
        try:
            return self.find(given, "") is not None
        except DatasetError:
            return True

    def _search(self, given: str, name: str, place: str) -> str | None:
        asked = [part for part in fold_path(os.path.normpath(name)).split("/") if part not in {"", "."}]
        if not asked:
            return None
        whole = not PureWindowsPath(name).drive and not name.startswith("/")
        best: list[str] = []
        most = 0
        without_suffix = not _is_image(asked[-1])
        for file in self._list().get(asked[-1], ()):
            parts = fold_path(file).split("/")
            if without_suffix:
                parts[-1] = asked[-1]
            same = _count_same(asked, parts)
            # cat/1.jpg is not dog/1.jpg: all parts of the one or of the other, or a folder besides the name.
            if same < min(len(asked), len(parts)) and (whole or same < 2):
                continue
            best = [*best, file] if same == most else [file] if same > most else best
            most = max(same, most)
        if not best:
            return None
        if len(best) > 1:
            raise DatasetError(
                f"{place}: {given} may be {best[0]} or {best[1]}.",
                "Write the whole path from the manifest's folder on.",
            )
        self._tell(given, asked, best[0], most)
        return os.path.normpath(os.path.join(self._root, best[0]))  # noqa: PTH118

    def _tell(self, given: str, asked: list[str], place: str, same: int) -> None:
        parts = place.split("/")
        stem, suffix = os.path.splitext(parts[-1])  # noqa: PTH122
        if same < max(len(asked), len(parts)):
            self._findings.add("paths in the manifest that were found by their end", given)
        elif not asked[-1].endswith(fold_name(suffix)):
            self._findings.add("names in the manifest without a suffix", given)
        elif (meant := decode_name(stem)) != stem and meant is not None:
            self._findings.add("names of files that an archive left in another encoding, read", meant)
        elif unicodedata.normalize("NFC", stem) not in unicodedata.normalize("NFC", given):
            self._findings.add("names in the manifest in another case", given)

    def _list(self) -> dict[str, list[str]]:
        """Folded name, with and without suffix → places from the root on."""
        if self._by_name is None:
            self._by_name = {}
            for folder, folders, files in os.walk(self._root):
                folders[:] = sorted(each for each in folders if not is_system(each))
                inside = os.path.relpath(folder, self._root)
                for file in sorted(files):
                    place = file if inside == "." else f"{inside.replace(os.sep, '/')}/{file}"
                    name = fold_name(file)
                    for key in {name, os.path.splitext(name)[0]} if _is_image(name) else {name}:  # noqa: PTH122
                        self._by_name.setdefault(key, []).append(place)
        return self._by_name


def _is_image(name: str) -> bool:
    return os.path.splitext(name)[1].lower() in SUFFIXES  # noqa: PTH122


def _read_address(given: str) -> str:
    """`file:///home/a%20b.jpg` → `/home/a b.jpg`."""
    if not _ADDRESS.match(given):
        return given
    try:
        path = unquote(urlsplit(given).path)
    except ValueError:  # brackets that are no address of the sixth version
        return given
    return path[1:] if re.match(r"/[A-Za-z]:", path) else path


def _count_same(one: list[str], other: list[str]) -> int:
    """How many parts are the same, from the end on."""
    same = 0
    while same < min(len(one), len(other)) and one[-1 - same] == other[-1 - same]:
        same += 1
    return same


def is_elsewhere(given: str) -> bool:
    """Whether a path is one of another machine's."""
    return bool(PureWindowsPath(given).drive or _SCHEME.match(given)) or Path(given).is_absolute()
