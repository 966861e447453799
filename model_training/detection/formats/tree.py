"""The files of a folder of labelled pictures, and the picture that a label file means by whatever it writes."""

from __future__ import annotations

import os
from collections import defaultdict
from collections.abc import Iterable, Sequence
from itertools import takewhile
from pathlib import Path, PurePosixPath

from ...datasets.file_kinds import judge_file
from ...datasets.findings import Findings
from ...datasets.names import fold_name
from ...datasets.spellings import spell_path
from ...datasets.tree import read_tree


class Tree:
    """Below `root`, sorted: `pictures` by content, `others` by their suffix in small letters (`.txt`: …)."""

    def __init__(self, root: Path, findings: Findings) -> None:
        self.root = root
        self.pictures: list[Path] = []
        self.others: dict[str, list[Path]] = defaultdict(list)
        self._seen: set[Path] = set()
        self._by_name: dict[str, list[Path]] = defaultdict(list)
        self._by_stem: dict[str, list[Path]] = defaultdict(list)
        self.add(root, findings)

    def add(self, folder: Path, findings: Findings) -> None:
        """The files of another folder, too, which a dataset file names. What several links lead to is read once."""
        for inside in read_tree(folder).walk():
            if (real := inside.path.resolve()) in self._seen:
                continue
            self._seen.add(real)
            findings.extend(inside.left_out)
            for path in inside.images:
                self.pictures.append(path)
                self._by_name[fold_name(path.name)].append(path)
                self._by_stem[fold_name(path.stem)].append(path)
            for path in inside.others:
                self.others[path.suffix.lower()].append(path)

    def find(self, names: Iterable[str], near: Path) -> Path | None:
        """The picture that one of `names` means, the first that does; `near` is the file that says so.

        A name may be a path from anywhere on any system, an address, or lack its folder, its suffix or its case.
        Of several pictures that a name fits, the one whose folders are most alike is meant; None where that is not
        a single one.
        """
        for name in names:
            for spelling in spell_path(name):
                if (found := self._look_up(spelling, near)) is not None:
                    return found
        return None

    def _look_up(self, name: str, near: Path) -> Path | None:
        try:
            direct = Path(os.path.normpath(near.parent / name))
            if direct.is_file() and judge_file(direct, Findings()) == "image":
                return direct
        except (OSError, ValueError):  # too long a name, or one with a zero in it
            return None
        last = fold_name(PurePosixPath(name).name)
        stem = fold_name(PurePosixPath(name).stem)
        found = self._by_name.get(last) or self._by_stem.get(last) or self._by_stem.get(stem)
        return _most_alike(found, PurePosixPath(name).parts, near) if found else None


def locate(folder: Path, given: str) -> Path | None:
    """The folder or file that `given` means, seen from `folder`: inside it, whatever `..` says before (Roboflow's do);
    else as it is; else by the end of its path, since paths of another machine end like ours."""
    slashed = given.replace("\\", "/")
    parts = [part for part in slashed.split("/") if part not in ("", ".", "..")]
    ends = [folder.joinpath(*parts[start:]) for start in range(len(parts))]
    direct = Path(os.path.normpath(folder / slashed))
    try:
        return next((place for place in (*ends[:1], direct, *ends[1:]) if place.exists()), None)
    except (OSError, ValueError):  # too long a name, or one with a zero in it
        return None


def _most_alike(found: Sequence[Path], parts: Sequence[str], near: Path) -> Path | None:
    def likeness(path: Path) -> tuple[int, int, int]:
        folders = [fold_name(part) for part in path.parts[:-1]]
        wanted = [fold_name(part) for part in parts[:-1]]
        ending = _count_shared(folders[::-1], wanted[::-1])
        around = [fold_name(part) for part in near.with_suffix("").parts]
        return ending, _count_shared(folders, around), len(set(folders) & set(around))

    ranked = sorted(found, key=likeness)
    return None if len(ranked) > 1 and likeness(ranked[-1]) == likeness(ranked[-2]) else ranked[-1]


def _count_shared(one: Sequence[str], other: Sequence[str]) -> int:
    """How many of the first are the same."""
    return sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], zip(one, other, strict=False)))
