"""docs/results.md: all measured figures, from the files that the benchmarks wrote."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from .tables import HEAD, make_table

#: The headings of the page, in order.
SECTIONS = (
    "The verdict",
    "Webtoons", "AI-generated or real", "Sketches", "Data", "Training", "Search", "Serving", "Video", "Reports",
)  # fmt: skip
INTRODUCTION = """
# Results
Every figure that this project states about itself is on this page, and on no other. Each comes from a file under
[results/](results). Run the command that is given; `python -m tests.docs.generate --measured` then takes over what a
benchmark (`make …`) left; what a command of `hwapung` printed is written into its file by hand.
[data.md](data.md#pictures-of-the-benchmarks) says where the pictures are had. Intervals are 95%."""


def describe_results(folder: Path) -> str:
    """The page, of `folder`'s JSON files (`tests/benchmarks/results.py` writes such)."""
    reports = [json.loads(path.read_text("utf-8")) for path in sorted(folder.glob("*.json"))]
    lines = [HEAD, INTRODUCTION]
    for section in SECTIONS:
        lines += ["", f"## {section}"]
        for report in reports:
            if report["entry"]["section"] == section:
                lines += describe_report(report)
    return "\n".join(lines) + "\n"


def describe_report(report: dict[str, Any]) -> Iterator[str]:
    """One benchmark's lines: how it was measured, its tables, its sentences, its targets."""
    entry, figures = report["entry"], report["figures"]
    yield from ("", f"### {entry['title']}")
    yield f"On {entry['data']}; {report['setup']}." + (f" Machine: {report['machine']}." if report["machine"] else "")
    yield f"Measured on {report['date']} at commit {report['commit']}; `{entry['command']}` repeats it."
    for table in entry["tables"]:
        yield ""
        if table["caption"]:
            yield from (f"{fill_cell(table['caption'], figures)}:", "")
        columns, *rows = ([fill_cell(cell, figures) for cell in row] for row in (table["columns"], *table["rows"]))
        yield from make_table(columns, rows)
    if entry["notes"]:
        yield ""
    for note in entry["notes"]:
        yield "- " + fill(note, figures)
    targets = [(key, *target) for key, target in report["targets"].items() if key in figures]
    if targets:
        missed = {line.partition(" is ")[0] for line in report["missed"]}
        told = (
            f"`{key}` {sign.replace('>=', '≥').replace('<=', '≤')} {target:g}"
            + (f" (**missed**: {figures[key]:.4g})" if key in missed else " (met)")
            for key, sign, target in targets
        )
        yield from ("", "Targets: " + "; ".join(told) + ".")


def fill_cell(cell: str, figures: Mapping[str, float]) -> str:
    """A cell with its figures; a dash where one of them was not measured."""
    try:
        return fill(cell, figures)
    except KeyError:
        return "–"


def fill(words: str, figures: Mapping[str, float]) -> str:
    """Words with their figures, and a minus where Python writes a hyphen. Raises `KeyError` for one not measured."""
    return re.sub(r"(?<![\w.])-(?=\d)", "−", words.format_map(figures))
