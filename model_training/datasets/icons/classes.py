"""Which icons show what people draw, by the table `classes.csv`: class → set → the icons' names in it.

Chosen by eye. Every class has three icons or more without OpenMoji's, so that a split by icon has one for each side.
OpenMoji's names are code points in hexadecimal digits. The classes' titles are the recipe's (`sketch_demo_classifier`).
"""

from __future__ import annotations

import csv
from collections.abc import Mapping
from pathlib import Path

from .sets import ICON_SETS

_TABLE = Path(__file__).with_name("classes.csv")


def _read_table() -> dict[str, dict[str, tuple[str, ...]]]:
    """Classes and sets in the table's order."""
    with _TABLE.open(encoding="ascii", newline="") as file:
        return {row["class"]: {name: tuple(row[name].split()) for name in ICON_SETS} for row in csv.DictReader(file)}


CLASSES: Mapping[str, Mapping[str, tuple[str, ...]]] = _read_table()
