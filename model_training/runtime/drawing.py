"""Strokes on paper: where they are, and whether an image is a drawing at all."""

from __future__ import annotations

import numpy as np
from PIL import Image

#: Corners left, top, right, bottom in pixels; right and bottom are just outside.
Box = tuple[float, float, float, float]
PixelBox = tuple[int, int, int, int]

#: Around strokes that are classified, in parts of the longer side: enough that nothing touches the edge.
MARGIN = 0.1

_INK = 200  # a pixel counts as drawn on where one of its channels is darker: yellow is bright, but no paper
_SIDE = 256  # flatness is judged at this size, so that it does not hang on the camera's
_FLAT = 6  # of 255: paper and filled areas vary by less from pixel to pixel, photographs by more
_SMALLEST = 0.03  # of the page's longer side: anything smaller is a dot


def ink_box(image: Image.Image) -> PixelBox | None:
    """The smallest box around everything darker than paper, corners in pixels; None for an empty page."""
    return Image.fromarray(np.asarray(image).min(2) < _INK).getbbox()


def measure_flatness(image: Image.Image) -> float:
    """The share of pixels that hardly differ from their eight neighbours, 0…1: high where there is paper or one colour
    laid on, low in photographs and paintings."""
    small = image.copy()
    small.thumbnail((_SIDE, _SIDE), Image.Resampling.BILINEAR)
    pixels = np.asarray(small).astype(np.int16)
    if min(pixels.shape[:2]) < 3:
        return 0.0
    height, width = pixels.shape[0] - 2, pixels.shape[1] - 2
    around = np.stack([pixels[row : row + height, column : column + width] for row in range(3) for column in range(3)])
    return float(((around.max(0) - around.min(0)).max(-1) <= _FLAT).mean())


def has_drawing(image: Image.Image, min_flatness: float) -> bool:
    """False for an empty page, a dot, a page of one colour, and for what is not drawn: a photograph, a painting."""
    box = ink_box(image)
    if box is None or max(box[2] - box[0], box[3] - box[1]) < _SMALLEST * max(image.size):
        return False
    lowest, highest = np.asarray(image.crop(box).convert("L")).min(), np.asarray(image.convert("L")).max()
    return int(highest) - int(lowest) > 32 and measure_flatness(image) >= min_flatness


def crop_square(image: Image.Image, box: Box, margin: float) -> Image.Image:
    """The square around a box with `margin` (in parts of its longer side) on every side; white beyond the page.

    The object keeps its proportions and fills the same part of the square wherever and however large it was drawn.
    """
    side = max(1, round(max(box[2] - box[0], box[3] - box[1]) * (1 + 2 * margin)))
    left = round((box[0] + box[2] - side) / 2)
    top = round((box[1] + box[3] - side) / 2)
    square = Image.new("RGB", (side, side), "white")
    inside = (max(0, left), max(0, top), min(image.width, left + side), min(image.height, top + side))
    square.paste(image.crop(inside), (inside[0] - left, inside[1] - top))
    return square
