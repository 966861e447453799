"""KITTI's text files: a line an object, its class and fourteen numbers, of which the fourth to seventh are corners."""

from __future__ import annotations

from pathlib import Path

from ...runtime.errors import DatasetError
from .labelled import Labelled, Reading
from .parsing import numbers, read_text
from .shapes import box_from_corners
from .tree import Tree

NAME = "KITTI"
#: A word, truncation, occlusion, angle, the four corners and seven numbers of space; a score where a model found it
_COLUMNS = (15, 16)


def find_labels(tree: Tree) -> list[Path]:
    return [path for path in tree.others[".txt"] if _matches(path)]


def _matches(path: Path) -> bool:
    try:
        first = next((line for line in read_text(path).splitlines() if line.strip()), "")
    except DatasetError:
        return False
    return _split(first) is not None


def _split(line: str) -> tuple[str, list[float]] | None:
    name, *cells = line.split() or [""]
    values = numbers(cells)
    return (name, values) if values is not None and len(cells) + 1 in _COLUMNS and not name.isdecimal() else None


def read(path: Path, reading: Reading) -> None:
    """The picture is the one of the file's name, of several that of the left camera in colour (`image_2`). What is
    left out is among the findings."""
    image = Labelled(path, [f"image_2/{path.stem}", path.stem])
    for row, line in enumerate(read_text(path).splitlines(), 1):
        if not line.strip():
            continue
        found = _split(line)
        if found is None:
            raise DatasetError(f"{path}, line {row}: this is not a class and 14 numbers.", "Correct the line.")
        name, values = found
        if name == "DontCare":
            reading.lose("regions that are not to be cared for (DontCare), left out", image, path.name)
        else:
            reading.put(image, name, box_from_corners(*values[3:7]), path.name)
    reading.images.append(image)
