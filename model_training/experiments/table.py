"""The table that every comparison ends in: printed, and written as CSV and JSON."""

from __future__ import annotations

import csv
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from rich.table import Table

from ..progress import console, print_whole
from ..runtime.files import replacing, write_text


@dataclass(frozen=True)
class Comparison:
    """A table for people, and what it was made of for programs.

    The first column names the row; `notes` are sentences that belong under the table. `results`: for each training its
    unrounded figures. `figure`: a chart, where there is one.
    """

    title: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    notes: tuple[str, ...]
    results: tuple[dict[str, Any], ...]
    figure: Figure | None = None

    def show(self) -> None:
        table = Table(title=self.title, title_justify="left")
        for number, column in enumerate(self.columns):
            numbers = all(row[number][:1] in "+-–0123456789" for row in self.rows)  # an empty cell, too
            table.add_column(column, justify="right" if number and numbers else "left", no_wrap=not number)
        for row in self.rows:
            table.add_row(*row)
        print_whole(table)
        for note in self.notes:
            console.print(note, markup=False)

    def as_json(self) -> str:
        content = {name: getattr(self, name) for name in ("title", "columns", "rows", "notes", "results")}
        return json.dumps(content, ensure_ascii=False, indent=2) + "\n"

    def write(self, place: Path) -> list[Path]:
        """Write `place`.csv, `place`.json and, with a chart, `place`.png; returns the files."""
        table, everything, chart = (place.with_name(place.name + suffix) for suffix in (".csv", ".json", ".png"))
        with replacing(table) as temporary, temporary.open("w", encoding="utf-8", newline="") as file:
            csv.writer(file).writerows([self.columns, *self.rows])
        write_text(everything, self.as_json())
        if self.figure is None:
            return [table, everything]
        with replacing(chart) as temporary:
            self.figure.savefig(temporary, format="png", dpi=150)
        return [table, everything, chart]


def say_interval(figure: tuple[float, float, float], *, signed: bool = False) -> str:
    """Value, low and high as `0.613 (0.580 … 0.646)`; an infinite interval is left out."""
    value, low, high = figure
    form = "+.3f" if signed else ".3f"
    return f"{value:{form}}" + (f" ({low:{form}} … {high:{form}})" if np.isfinite(low) else "")
