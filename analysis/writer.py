"""A document as a folder: the page, charts and sheets as PNG, tables as CSV, and the page's pictures.

The page is small, so that it is there at once on a telephone, and what it shows is loaded as it comes into view. Its
script reads no file: from the disk it may not, nor in the front end's sandbox. What it needs is packed into the page.
Script and style are files, so that no policy has to allow what is written into a page.
"""

from __future__ import annotations

import base64
import csv
import io
import json
import shutil
import warnings
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import jinja2
import numpy as np
from PIL import Image

from model_training.runtime.card import Text
from model_training.translation import plain

from .charts import sheet
from .document import Cell, Chart, Document, LabelReview, Part, Projection, Sheet, Table
from .metrics import Score
from .style import CLASS_COLOURS, DARK_CLASS_COLOURS, Language, Style, save, using_look
from .translation import _

TEMPLATES = Path(__file__).parent / "templates"
LANGUAGES: tuple[Language, ...] = ("en", "ko")
SHOWN_ROWS = 12
#: Of the page's pictures, beside it.
PICTURES = "pictures"


def write_document(document: Document, folder: Path, report: Callable[[int, int, str], None]) -> None:
    """`index.html` with `report.css` and `report.js`, each chart as `<name>.png` and `<name>.ko.png`, each sheet as
    PNG, each table as CSV, and `pictures/`.

    `report` hears how many of how many sections are written, and which is next.
    """
    writer = _Writer(folder)
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(TEMPLATES), autoescape=True, trim_blocks=True, lstrip_blocks=True
    )
    shown = []
    for done, section in enumerate(document.sections):
        report(done, len(document.sections), section.title.en)
        shown.append((section, [writer.write(part) for part in section.parts]))
    report(len(shown), len(shown), "")
    page = environment.get_template("report.html").render(
        document=document,
        sections=shown,
        number=number,
        pack=pack,
        _=_,
    )
    (folder / "index.html").write_text(page, "utf-8", "backslashreplace")
    style = (TEMPLATES / "report.css").read_text("utf-8") + write_colours()
    (folder / "report.css").write_text(style, "utf-8")
    shutil.copyfile(TEMPLATES / "report.js", folder / "report.js")


def write_colours() -> str:
    """The classes' colours as CSS: those of `CLASS_COLOURS`, and on a dark page the others."""
    light, dark = (
        " ".join(f".c{number} {{ fill: {colour}; }}" for number, colour in enumerate(colours))
        for colours in (CLASS_COLOURS, DARK_CLASS_COLOURS)
    )
    return f"{light}\n@media (prefers-color-scheme: dark) {{ {dark} }}\n"


class _Writer:
    """Writes each part's files and returns what the page's template shows of it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.thumbnails: dict[str, str] = {}
        self.pictures = 0
        (folder / PICTURES).mkdir()

    def write(self, part: Part) -> dict[str, Any]:
        if isinstance(part, Chart):
            return {"kind": "chart", "title": part.title, "words": part.words} | self._chart(part)
        if isinstance(part, Table):
            return self._table(part)
        if isinstance(part, Sheet):
            return self._sheet(part)
        if isinstance(part, LabelReview):
            return self._review(part)
        return self._projection(part)

    def _chart(self, chart: Chart) -> dict[str, Any]:
        images: dict[str, dict[str, Any]] = {}
        for language in LANGUAGES:
            path = self.folder / (f"{chart.name}.png" if language == "en" else f"{chart.name}.{language}.png")
            with _using_look():
                width, height = save(chart.draw(Style(language)), path)
            images[language] = {"src": path.name, "width": width, "height": height}
        return {"name": chart.name, "images": images}

    def _table(self, table: Table) -> dict[str, Any]:
        content = to_csv(table)
        # With its mark, so that spreadsheets read Hangul; a file's name need not be text.
        encoded = content.encode("utf-8-sig", "backslashreplace")
        (self.folder / f"{table.name}.csv").write_bytes(encoded)
        return {
            "kind": "table",
            "name": table.name,
            "title": table.title,
            "header": table.header,
            "rows": [[_show(cell) for cell in row] for row in table.rows[:SHOWN_ROWS]],
            "total": len(table.rows),
        }

    def _sheet(self, part: Sheet) -> dict[str, Any]:
        images = part.images
        with _using_look():
            captions = [image.caption.en.replace(" · ", "\n") for image in images]
            figure = sheet([each.pixels for each in images], captions, [each.wrong for each in images])
            figure.savefig(self.folder / f"{part.name}.png", pil_kwargs={"compress_level": 3})
        shown = [
            self._picture(each.pixels, 224) | {"caption": each.caption, "wrong": each.wrong, "place": each.place}
            for each in images
        ]
        return {"kind": "sheet", "name": part.name, "title": part.title, "pictures": shown}

    def _review(self, part: LabelReview) -> dict[str, Any]:
        shown = [
            self._picture(each.pixels, 160) | {"place": each.place, "caption": each.caption, "suggested": label}
            for each, label in zip(part.images, part.suggested, strict=True)
        ]
        manifest = [list(pair) for pair in part.manifest]
        return {"kind": "review", "name": part.name, "title": part.title, "pictures": shown, "manifest": manifest}

    def _picture(self, pixels: np.ndarray, side: int) -> dict[str, Any]:
        """Writes uint8 (height, width, 3), shrunk to `side` pixels at most."""
        image = Image.fromarray(pixels)
        image.thumbnail((side, side), Image.Resampling.LANCZOS)
        self.pictures += 1
        address = f"{PICTURES}/{self.pictures:04d}.webp"
        image.save(self.folder / address, "WEBP", quality=75)
        return {"src": address, "width": image.width, "height": image.height}

    def _projection(self, part: Projection) -> dict[str, Any]:
        low, high = part.points.min(axis=0), part.points.max(axis=0)
        unit = (part.points - low) / np.where(high > low, high - low, 1)
        points = []
        for place, target, image in zip(unit, part.targets, part.images, strict=True):
            # One thumbnail serves both maps.
            if image.place not in self.thumbnails:
                self.thumbnails[image.place] = self._picture(image.pixels, 96)["src"]
            points.append(
                [
                    round(10 + 620 * float(place[0]), 1),
                    round(10 + 440 * float(1 - place[1]), 1),
                    int(target) % len(CLASS_COLOURS),
                    image.wrong,
                    self.thumbnails[image.place],
                    image.caption.en,
                    image.caption.ko,
                ]
            )
        drawn = self._chart(part.chart)
        words, title = part.chart.words, part.chart.title
        present = np.unique(part.targets).tolist()
        # Beyond as many classes as there are colours a legend would mislead.
        legend = [(each, part.names[each]) for each in present if len(part.names) <= len(CLASS_COLOURS)]
        return {"kind": "projection", "title": title, "words": words, "points": points, "legend": legend} | drawn


@contextmanager
def _using_look() -> Iterator[None]:
    """Letters that are missing are named on the page; matplotlib need not say it for each."""
    with using_look(), warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Glyph .* missing")
        yield


def to_csv(table: Table) -> str:
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\n")
    scored = [any(isinstance(row[column], Score) for row in table.rows) for column in range(len(table.header))]
    header: list[str] = []
    for name, is_score in zip(table.header, scored, strict=True):
        header += [name.en, f"{name.en} low", f"{name.en} high"] if is_score else [name.en]
    writer.writerow(header)
    for row in table.rows:
        line: list[object] = []
        for cell, is_score in zip(row, scored, strict=True):
            if isinstance(cell, Score):
                line += [_plain(cell.value), _plain(cell.low), _plain(cell.high)]
            elif is_score:
                line += [cell, "", ""]
            else:
                line.append(cell.en if isinstance(cell, Text) else _plain(cell) if isinstance(cell, float) else cell)
        writer.writerow(line)
    return buffer.getvalue()


def _plain(value: float) -> float | str:
    return "" if np.isnan(value) else round(float(value), 6)


def _show(cell: Cell) -> dict[str, Any]:
    if isinstance(cell, Score):
        if np.isnan(cell.value):
            return {"text": plain("\u2013"), "figure": True}
        span = f"{cell.low:.3f}–{cell.high:.3f}"
        return {"text": plain(f"{cell.value:.3f}"), "span": span, "figure": True}
    if isinstance(cell, Text):
        return {"text": cell, "figure": False}
    word = number(cell) if isinstance(cell, (int, float)) else cell
    return {"text": plain(word), "figure": isinstance(cell, (int, float))}


def number(value: float) -> str:
    """Counts with commas, shares with three places, – for what is not known."""
    if isinstance(value, int):
        return f"{value:,}"
    return "–" if np.isnan(value) else f"{value:.3f}"


def pack(content: object) -> str:
    """JSON, deflated, in base64: as a hundred thousand paths and labels are short enough to lie in a page."""
    return base64.b64encode(zlib.compress(json.dumps(content).encode(), 9)).decode("ascii")
