"""Long strips drawn by a program: panels of one manner with gutters between them, as a webtoon's episodes are."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from PIL import Image, ImageDraw

WIDTH = 690
#: Panels are drawn at this multiple and shrunk, so that lines are smooth.
_FINER = 2


def _draw_daily(pen: ImageDraw.ImageDraw, width: int, height: int, generator: np.random.Generator) -> None:
    """Flat bright colours and round heads in thick black lines."""
    sky = [(255, 226, 122), (150, 214, 240), (255, 190, 160), (178, 226, 160)][generator.integers(4)]
    pen.rectangle((0, 0, width, height), fill=sky)
    pen.rectangle((0, height * 0.78, width, height), fill=tuple(int(0.8 * each) for each in sky))
    for place in generator.permutation(3)[: generator.integers(1, 4)]:
        x, y, r = width * (0.2 + 0.3 * place), height * 0.55, width * generator.uniform(0.08, 0.12)
        shirt = tuple(generator.integers(60, 255, 3).tolist())
        pen.rounded_rectangle((x - r, y + r, x + r, height * 0.95), r / 2, shirt, "black", 10)
        pen.ellipse((x - r, y - r, x + r, y + r), (255, 232, 208), "black", 10)
        for side in (-0.35, 0.35):
            pen.ellipse((x + side * r - 9, y - 14, x + side * r + 9, y + 10), "black")
        pen.arc((x - r / 2, y - r / 4, x + r / 2, y + r / 1.7), 20, 160, "black", 8)
    x = width * generator.uniform(0.15, 0.5)
    pen.ellipse((x, height * 0.06, x + width * 0.38, height * 0.3), "white", "black", 8)
    for line in range(3):
        pen.line(
            (x + width * 0.08, height * (0.13 + 0.05 * line), x + width * 0.3, height * (0.13 + 0.05 * line)),
            "black",
            7,
        )


def _draw_thriller(pen: ImageDraw.ImageDraw, width: int, height: int, generator: np.random.Generator) -> None:
    """Night, rays of rain, a black shape with two red eyes."""
    for row in range(0, height, 8):
        shade = int(50 - 42 * row / height)
        pen.rectangle((0, row, width, row + 8), fill=(shade // 2, shade // 2, shade))
    for x, y in generator.uniform(0, 1, (160, 2)) * (width, height):
        pen.line((x, y, x - 30, y + 150), (96, 100, 122), 3)
    x, y, r = width * generator.uniform(0.3, 0.7), height * 0.5, width * generator.uniform(0.12, 0.18)
    edge = [(x + r * a, y + r * b) for a, b in ((-1, 0), (-0.6, -1.2), (0, -1), (0.5, -1.4), (1, 0))]
    pen.polygon([*edge, (x + 2.4 * r, height), (x - 2.4 * r, height)], fill=(4, 4, 8))
    for side in (-0.4, 0.4):
        pen.polygon(
            [(x + side * r, y - 10), (x + side * r + 60 * side, y - 34), (x + side * r + 80 * side, y)],
            fill=(214, 24, 24),
        )
    for _ in range(4):
        x = width * generator.uniform(0, 1)
        pen.polygon([(x, 0), (x + 20, 0), (x + generator.uniform(-200, 200), height * 0.35)], fill=(150, 10, 20))


def _draw_romance(pen: ImageDraw.ImageDraw, width: int, height: int, generator: np.random.Generator) -> None:
    """Pastel screen tone, petals, and a fine-lined face with long hair."""
    pen.rectangle((0, 0, width, height), fill=(255, 240, 246))
    for y in range(0, height, 40):
        for x in range(20 * (y // 40 % 2), width, 40):
            size = 4 + 9 * y / height
            pen.ellipse((x - size, y - size, x + size, y + size), (250, 214, 230))
    x, y, r = width * generator.uniform(0.35, 0.65), height * 0.5, width * generator.uniform(0.16, 0.2)
    hair = [(196, 142, 96), (120, 84, 70), (234, 196, 122)][generator.integers(3)]
    pen.ellipse((x - 1.3 * r, y - 1.4 * r, x + 1.3 * r, y + 2.2 * r), hair, (150, 100, 110), 4)
    pen.ellipse((x - 0.9 * r, y - r, x + 0.9 * r, y + 1.1 * r), (255, 236, 228), (180, 120, 120), 4)
    for side in (-0.4, 0.4):
        pen.ellipse((x + side * r - 34, y - 26, x + side * r + 34, y + 56), "white", (90, 50, 70), 4)
        pen.ellipse((x + side * r - 20, y - 14, x + side * r + 20, y + 46), (120, 90, 180))
        pen.ellipse((x + side * 1.4 * r - 36, y + 0.45 * r, x + side * 1.4 * r + 36, y + 0.6 * r), (255, 190, 196))
    pen.arc((x - 40, y + 0.5 * r, x + 40, y + 0.75 * r), 20, 160, (190, 70, 90), 5)
    for x, y in generator.uniform(0, 1, (26, 2)) * (width, height):
        pen.chord((x, y, x + 44, y + 30), generator.integers(0, 180), 320, (255, 172, 198))


#: Class → how its panels are drawn.
MANNERS: dict[str, Callable[[ImageDraw.ImageDraw, int, int, np.random.Generator], None]] = {
    "daily": _draw_daily,
    "romance": _draw_romance,
    "thriller": _draw_thriller,
}


def draw_panel(manner: str, width: int, height: int, generator: np.random.Generator) -> Image.Image:
    """What is drawn is cut out of a larger scene, so that no two panels have one composition."""
    zoom = _FINER * generator.uniform(1.0, 2.2)
    scene = Image.new("RGB", (round(zoom * width), round(zoom * height)), "white")
    MANNERS[manner](ImageDraw.Draw(scene), *scene.size, generator)
    if generator.random() < 0.5:
        scene = scene.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
    size = (_FINER * width, _FINER * height)
    left, top = (int(generator.integers(whole - part + 1)) for whole, part in zip(scene.size, size, strict=True))
    return scene.crop((left, top, left + size[0], top + size[1])).reduce(_FINER)


def draw_strip(manners: list[str], seed: int, width: int = WIDTH) -> Image.Image:
    """A panel for each of `manners`, of one to one and a half times the width, on white or black."""
    generator = np.random.default_rng(seed)
    heights = (width * generator.uniform(0.9, 1.5, len(manners))).astype(int).tolist()
    gutter, margin = width // 6, width // 23
    paper = "black" if manners[0] == "thriller" else "white"
    strip = Image.new("RGB", (width, sum(heights) + gutter * (len(heights) + 1)), paper)
    top = gutter
    for manner, height in zip(manners, heights, strict=True):
        strip.paste(draw_panel(manner, width - 2 * margin, height, generator), (margin, top))
        top += height + gutter
    return strip
