"""The first labelled pages with their boxes drawn on: wrong boxes are seen at a glance, and nowhere else so early."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path

from matplotlib import font_manager
from PIL import Image, ImageDraw, ImageFont, ImageOps

from ..fonts import FAMILIES
from ..runtime.files import replacing
from ..runtime.image import decode
from .annotations import Scene

PAGES = 10
#: Longer side of a drawn page in pixels, whatever the picture's: names are as large on every page.
_SIDE = 1024
_LETTERS = 17
_LONGEST_NAME = 40
#: Between a name and the edge of its tag.
_PADDING = 5
#: Of the line below the page, which names its file.
_FOOT = 32
_PAPER, _INK = "#fbf7ed", "#201d19"
#: A colour for each class, in turn; all are dark enough for white letters.
_COLOURS = ("#b3001b", "#00558c", "#2d6a00", "#7a3e9d", "#a35200", "#00706b", "#8c004c", "#4a4a4a")

Corners = tuple[float, float, float, float]


def draw_pages(scenes: Sequence[Scene], classes: Sequence[str], folder: Path) -> list[Path]:
    """Write the first `PAGES` scenes that have a box to `folder`, 01.png and on, and return their paths."""
    drawn = [scene for scene in scenes if len(scene.boxes)][:PAGES]
    paths = [folder / f"{number:02d}.png" for number in range(1, len(drawn) + 1)]
    for scene, path in zip(drawn, paths, strict=True):
        with replacing(path) as partial:
            _draw(scene, [_shorten(name) for name in classes]).save(partial, "PNG")
    return paths


def _shorten(name: str) -> str:
    shown = "".join(letter for letter in name if letter.isprintable())
    return shown if len(shown) <= _LONGEST_NAME else f"{shown[: _LONGEST_NAME - 1]}…"


def _draw(scene: Scene, classes: Sequence[str]) -> Image.Image:
    """All boxes first and then all names, so that no line crosses a name."""
    picture = ImageOps.contain(decode(scene.path.read_bytes(), at_least=2 * _SIDE), (_SIDE, _SIDE))
    page = Image.new("RGB", (picture.width, picture.height + _FOOT), _PAPER)
    page.paste(picture)
    pen = ImageDraw.Draw(page)
    font = ImageFont.truetype(font_manager.findfont(FAMILIES[0]), _LETTERS)
    across, down = picture.width / scene.width, picture.height / scene.height
    boxes = [(x0 * across, y0 * down, x1 * across - 1, y1 * down - 1) for x0, y0, x1, y1 in scene.boxes.tolist()]
    kinds = scene.classes.tolist()
    for box, kind in zip(boxes, kinds, strict=True):
        _frame(pen, box, _COLOURS[kind % len(_COLOURS)])
    taken: list[Corners] = []
    for box, kind in zip(boxes, kinds, strict=True):
        size = (pen.textlength(classes[kind], font) + 2 * _PADDING, _LETTERS + 2 * _PADDING)
        tag = _place_tag(box, size, picture.size, taken)
        taken.append(tag)
        pen.rectangle(tag, _COLOURS[kind % len(_COLOURS)], "white")
        pen.text((tag[0] + _PADDING, (tag[1] + tag[3]) / 2), classes[kind], "white", font, anchor="lm")
    _sign(pen, page, scene.path.name, Counter(classes[kind] for kind in kinds), font)
    return page


def _frame(pen: ImageDraw.ImageDraw, box: Corners, colour: str) -> None:
    """A line of 3 pixels inside the box, between two of white, so that it is seen on any picture."""
    left, top, right, bottom = box[0], box[1], max(box[0], box[2]), max(box[1], box[3])
    pen.rectangle((left - 1, top - 1, right + 1, bottom + 1), outline="white", width=5)
    pen.rectangle((left, top, right, bottom), outline=colour, width=3)


def _place_tag(box: Corners, size: tuple[float, float], page: tuple[int, int], taken: Sequence[Corners]) -> Corners:
    """Where a name covers no other one and stays on the page: above its box, in it, below it; else above."""
    width, height = size
    left = max(0.0, min(box[0], page[0] - 1 - width))

    def places() -> Iterator[Corners]:
        for top in (box[1] - height, box[1], box[3], box[3] - height):
            if 0 <= top <= page[1] - 1 - height:
                yield left, top, left + width, top + height

    free = (tag for tag in places() if not any(_overlap(tag, other) for other in taken))
    above = max(0.0, box[1] - height)
    return next(free, (left, above, left + width, above + height))


def _overlap(one: Corners, other: Corners) -> bool:
    return one[0] < other[2] and other[0] < one[2] and one[1] < other[3] and other[1] < one[3]


def _sign(
    pen: ImageDraw.ImageDraw, page: Image.Image, file: str, counts: Counter[str], font: ImageFont.FreeTypeFont
) -> None:
    """Below the page: its file, and how many boxes of each class it has."""
    told = " · ".join([_shorten(file), *(f"{name} {count}" for name, count in counts.items())])
    while told and pen.textlength(told, font) > page.width - 2 * _PADDING:
        told = told[:-2] + "…" if len(told) > 2 else ""
    pen.text((_PADDING, page.height - _FOOT / 2), told, _INK, font, anchor="lm")
