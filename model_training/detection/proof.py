"""The first labelled pages with their boxes drawn on: wrong boxes are seen at a glance, and nowhere else so early."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from matplotlib import font_manager
from PIL import Image, ImageDraw, ImageFont

from ..fonts import FAMILIES
from ..runtime.files import replacing
from ..runtime.image import decode
from .annotations import Scene

PAGES = 10
#: Longer side of a drawn page in pixels.
_SIDE = 1024
#: A colour for each class, in turn; all are dark enough for white letters.
_COLOURS = ("#b3001b", "#00558c", "#2d6a00", "#7a3e9d", "#a35200", "#00706b", "#8c004c", "#4a4a4a")


def draw_pages(scenes: Sequence[Scene], classes: Sequence[str], folder: Path) -> list[Path]:
    """Write the first `PAGES` scenes that have a box to `folder`, 01.png and on, and return their paths."""
    drawn = [scene for scene in scenes if len(scene.boxes)][:PAGES]
    paths = [folder / f"{number:02d}.png" for number in range(1, len(drawn) + 1)]
    for scene, path in zip(drawn, paths, strict=True):
        with replacing(path) as partial:
            _draw(scene, classes).save(partial, "PNG")
    return paths


def _draw(scene: Scene, classes: Sequence[str]) -> Image.Image:
    page = decode(scene.path.read_bytes(), at_least=_SIDE)
    page.thumbnail((_SIDE, _SIDE))
    pen = ImageDraw.Draw(page)
    font = ImageFont.truetype(font_manager.findfont(FAMILIES[0]), 14)
    width, height = page.width / scene.width, page.height / scene.height
    for (x0, y0, x1, y1), kind in zip(scene.boxes.tolist(), scene.classes.tolist(), strict=True):
        colour = _COLOURS[kind % len(_COLOURS)]
        left, top, right, bottom = x0 * width, y0 * height, x1 * width - 1, y1 * height - 1
        pen.rectangle((left, top, max(left, right), max(top, bottom)), outline=colour, width=2)
        name = "".join(letter for letter in classes[kind][:40] if letter.isprintable())
        place = (left + 2, max(0, top - 18))
        pen.rectangle(pen.textbbox(place, name, font), fill=colour)
        pen.text(place, name, "white", font)
    return page
