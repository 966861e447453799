"""Labelled scenes out of single-object drawings: a page, some drawings on it, and the box of each.

A detector wants hundreds of labelled scenes; single drawings with one label are far easier to have. Everything random
hangs on the seed and the scene's number, so that scene 17 is the same on every run.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image, ImageFilter, ImageOps
from pydantic import BaseModel, ConfigDict, Field

from ..runtime.drawing import ink_box
from ..runtime.image import decode
from .annotations import Scene

_TRIES = 12
_PAPER = 200  # grey above which a pixel is paper
_LARGEST = 320  # drawings are kept at no more than this many pixels a side


class Composer(BaseModel):
    """How scenes are composed. Lengths are in parts of the page's longer side."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    scenes: int = Field(1000, ge=0, description="composed scenes an epoch")
    objects: tuple[int, int] = Field((2, 7), description="least and most drawings on a page")
    scale: tuple[float, float] = Field((0.06, 0.6), description="longer side of a drawing whose own size is not known")
    resize: float = Field(0.35, ge=0, description="spread of the natural logarithm of changes to a size that is known")
    overlap: float = Field(0.25, ge=0, le=1, description="largest share of a drawing that another may cover")
    stroke_width: tuple[int, int] = Field(
        (-2, 1), description="pixels added on either side of a stroke; negative: paler by 15%"
    )
    paper: tuple[float, float] = Field((0.85, 1.0), description="darkest and brightest paper, 0…1")
    white: float = Field(0.5, ge=0, le=1, description="share of pages of pure white")
    height: float = Field(0.6, gt=0, le=1, description="the flattest page's height; below a page there is white")
    colour: float = Field(0.2, ge=0, le=1, description="share of drawings whose strokes get another colour")


@dataclass(frozen=True)
class Drawing:
    """One object on white, cut to its strokes: RGB, with the index of its class.

    `size`: its longer side in parts of its page's longer side, where it comes from a page.
    """

    image: Image.Image
    label: int
    size: float | None = None


@dataclass(frozen=True)
class Composed:
    """A page and what is on it: `boxes` float32 (n, 4) in pixels, `classes` int64 (n,)."""

    image: Image.Image
    boxes: np.ndarray
    classes: np.ndarray


def read_drawing(path: Path, label: int) -> Drawing | None:
    """A file with one object; None where there is no stroke in it."""
    return cut_out(decode(path.read_bytes()), label)


def crop_scene(scene: Scene) -> list[Drawing]:
    """The objects of a labelled scene as single drawings. Objects on a dark or filled ground are left out: laid on
    another page they would bring a rectangle of it along."""
    page = decode(scene.path.read_bytes())
    drawings: list[Drawing] = []
    for box, label in zip(scene.boxes, scene.classes, strict=True):
        crop = page.crop(tuple(round(float(value)) for value in box))  # type: ignore[arg-type]
        grey = np.asarray(crop.convert("L"))
        if (
            min(grey.shape) >= 8
            and (grey > _PAPER).mean() > 0.3
            and (drawing := cut_out(crop, int(label), max(page.size)))
        ):
            drawings.append(drawing)
    return drawings


def cut_out(image: Image.Image, label: int, page: int | None = None) -> Drawing | None:
    """`page`: the longer side of the page that `image` is a part of, in pixels."""
    box = ink_box(image)
    if box is None:
        return None
    drawing = image.crop(box)
    size = max(drawing.size) / page if page else None
    drawing.thumbnail((_LARGEST, _LARGEST), Image.Resampling.BOX)
    return Drawing(drawing, label, size)


def compose(drawings: Sequence[Drawing], settings: Composer, size: tuple[int, int], seed: int, number: int) -> Composed:
    """Scene `number` of `seed`: drawings scaled, turned, mirrored and laid on a page of `size` (width, height).

    Strokes are laid on by the darker of the two pixels, as ink on ink. A class is drawn first and then one of its
    drawings, so that every class is equally frequent however many drawings it has.
    """
    generator = np.random.default_rng((seed, number))
    width, height = size[0], round(size[1] * generator.uniform(settings.height, 1))
    page = Image.new("RGB", size, "white")
    page.paste(_paper(settings, (width, height), generator))
    by_class: dict[int, list[Drawing]] = {}
    for drawing in drawings:
        by_class.setdefault(drawing.label, []).append(drawing)
    labels = sorted(by_class)
    boxes: list[tuple[int, int, int, int]] = []
    classes: list[int] = []
    for _ in range(int(generator.integers(settings.objects[0], settings.objects[1] + 1))):
        label = labels[int(generator.integers(len(labels)))]
        chosen = by_class[label][int(generator.integers(len(by_class[label])))]
        pixels = _vary(chosen, settings, max(size), generator)
        if pixels is None or pixels.width >= width or pixels.height >= height:
            continue
        for _ in range(_TRIES):
            left = int(generator.integers(0, width - pixels.width))
            top = int(generator.integers(0, height - pixels.height))
            box = (left, top, left + pixels.width, top + pixels.height)
            if all(_covered(box, other) <= settings.overlap for other in boxes):
                below = np.asarray(page.crop(box))
                page.paste(Image.fromarray(np.minimum(below, np.asarray(pixels))), box[:2])
                boxes.append(box)
                classes.append(label)
                break
    return Composed(page, np.array(boxes, np.float32).reshape(-1, 4), np.array(classes, np.int64))


def _paper(settings: Composer, size: tuple[int, int], generator: np.random.Generator) -> Image.Image:
    """A page of one brightness, slightly tinted, now and then with grain."""
    if generator.random() < settings.white:
        return Image.new("RGB", size, "white")
    tone = 255 * generator.uniform(*settings.paper)
    colour = np.clip(tone + generator.normal(0, 3, 3), 0, 255)
    pixels = np.broadcast_to(colour, (size[1], size[0], 3))
    if generator.random() < 0.3:
        pixels = pixels + generator.normal(0, 4, (size[1], size[0], 1))
    return Image.fromarray(np.clip(pixels, 0, 255).astype(np.uint8))


def _vary(drawing: Drawing, settings: Composer, side: int, generator: np.random.Generator) -> Image.Image | None:
    """One drawing in another size, angle, stroke width and colour, cut to its strokes again."""
    image = drawing.image
    if drawing.size is None:
        longer = side * np.exp(generator.uniform(*np.log(settings.scale)))
    else:
        longer = side * min(0.95, drawing.size * np.exp(generator.normal(0, settings.resize)))
    factor = longer / max(image.size)
    if generator.random() < 0.5:
        image = ImageOps.mirror(image)
    image = image.rotate(float(generator.normal(0, 6)), Image.Resampling.BILINEAR, expand=True, fillcolor="white")
    stretch = float(np.exp(generator.normal(0, 0.1)))
    wanted = (max(4, round(image.width * factor * stretch)), max(4, round(image.height * factor / stretch)))
    image = image.resize(wanted, Image.Resampling.BILINEAR)
    thicker = int(generator.integers(settings.stroke_width[0], settings.stroke_width[1] + 1))
    if thicker > 0:
        image = image.filter(ImageFilter.MinFilter(2 * thicker + 1))
    elif thicker < 0:
        image = Image.blend(image, Image.new("RGB", image.size, "white"), 0.15 * -thicker)
    if generator.random() < settings.colour:
        ink = generator.uniform(0, 190, 3)
        pixels = np.asarray(image, np.float32) / 255
        image = Image.fromarray((255 * pixels + ink * (1 - pixels)).clip(0, 255).astype(np.uint8))
    box = ink_box(image)
    return image.crop(box) if box else None


def _covered(box: tuple[int, int, int, int], other: tuple[int, int, int, int]) -> float:
    """The share of the smaller box that the two have in common, 0…1."""
    across = min(box[2], other[2]) - max(box[0], other[0])
    down = min(box[3], other[3]) - max(box[1], other[1])
    areas = ((each[2] - each[0]) * (each[3] - each[1]) for each in (box, other))
    return max(0, across) * max(0, down) / max(1, min(areas))
