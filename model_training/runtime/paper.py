"""A photograph of a drawing on paper → the drawing: paper white, strokes dark, the desk around it gone.

The paper's brightness at each place is what a grey closing (a maximum, then a minimum over a window wider than any
stroke) leaves; divided by it, shadows and the lamp's fall-off disappear. What remains darker than the paper's own grain
is ink. An image that is mostly "ink" or mostly grey is no drawing on paper.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

#: Longest side of what comes out, and of the image in which the paper's brightness is found.
SIDE = 1024
SMALL_SIDE = 128
#: Of the small image: a filled area wider than this is taken for the page's own colour.
WINDOW = 21

#: Darkness relative to the paper (0…1) from which a pixel is ink, and from which it is black.
FAINTEST = 0.10
BLACKEST = 0.55
#: What is darker than the paper but no stroke: shading, or a photograph's tones.
TONES = (0.05, 0.25)
#: Shares of a drawing's page that ink and tones cover. With these limits 100 of 100 real drawings and 53 of 57 drawn
#: scenes pass, and of 100 each 10 landscape paintings (many are ink on paper), 1 other painting, 6 small photographs.
LEAST_INK = 0.0002
MOST_INK = 0.5
MOST_TONES = 0.16
#: The paper's grain is spread no wider than this: what is wider is texture.
COARSEST_GRAIN = 0.03
#: Brightness against the page's, below which a place is no paper even in shadow.
DARK = 0.45
#: Brightness against its surroundings', below which a thick mark at the border is a strip of the desk.
STRIP = 0.8
#: Brightness of neighbours, one against the other, from which the page ends between them.
STEP = 1.5
#: A page darker than this (0…255) is not paper.
DARKEST_PAPER = 70

Small = NDArray[Any]


@dataclass(frozen=True)
class Cleaned:
    """`image`: the cleaned page in grey; `is_drawing`: whether there is ink on paper at all."""

    image: Image.Image
    is_drawing: bool


def clean(photograph: Image.Image) -> Cleaned:
    """Clean an upright photograph of a page; what comes out has no more than `SIDE` pixels a side."""
    grey = photograph.convert("L")
    if max(grey.size) > SIDE:
        grey = grey.resize(_scaled(grey.size, SIDE), Image.Resampling.BOX, reducing_gap=2)
    values = np.asarray(grey, np.float32)
    small = np.asarray(grey.resize(_scaled(grey.size, SMALL_SIDE), Image.Resampling.BOX))
    brightness = _spread(_spread(small, np.maximum, WINDOW), np.minimum, WINDOW)
    page = _page(brightness)
    # A large filled area is dark too, but inside the page: there the page is as bright as it must at least be.
    least = DARK * float(np.percentile(brightness, 90))
    brightness = np.where(_reaches_border(brightness < least), brightness, np.maximum(brightness, least))
    # Dark strips at the border that are narrower than the window are the desk's.
    strips = _spread(_spread(small < STRIP * brightness, np.minimum, 3), np.maximum, 3)
    page &= ~_spread(_reaches_border(strips), np.maximum, 5)
    on_paper = np.asarray(Image.fromarray(page).resize(grey.size, Image.Resampling.NEAREST))
    if not on_paper.any():
        on_paper = np.ones_like(on_paper)
    paper = np.asarray(Image.fromarray(brightness.astype(np.float32)).resize(grey.size, Image.Resampling.BICUBIC))
    paper = np.maximum(paper, 1)
    darkness = np.clip(1 - values / paper, 0, 1) * on_paper

    # The paper's grain is spread as its lighter half is: ink lies in the darker half only.
    lighter = (values / paper)[on_paper] - 1
    grain = float(np.sqrt(np.mean(np.square(lighter[lighter > 0])))) if (lighter > 0).any() else 0.0
    grain = min(grain, COARSEST_GRAIN)
    faintest = max(FAINTEST, 4 * grain)
    ink = darkness > faintest
    tones = (darkness > max(TONES[0], 2.5 * grain)) & (darkness < TONES[1])
    ink_share, tone_share = ink.sum() / on_paper.sum(), tones.sum() / on_paper.sum()
    is_drawing = LEAST_INK <= ink_share <= MOST_INK and tone_share <= MOST_TONES
    is_drawing = bool(is_drawing and np.median(paper[on_paper]) >= DARKEST_PAPER)
    blackest = float(np.clip(np.percentile(darkness[ink], 80), faintest + 0.1, BLACKEST)) if ink.any() else BLACKEST
    page = 255 * (1 - np.clip((darkness - faintest / 2) / (blackest - faintest / 2), 0, 1))
    return Cleaned(Image.fromarray(page.astype(np.uint8)), is_drawing)


def _scaled(size: tuple[int, int], side: int) -> tuple[int, int]:
    """A size with the same proportions whose longer side is `side`, never larger than it was."""
    factor = min(1, side / max(size))
    return max(1, round(size[0] * factor)), max(1, round(size[1] * factor))


def _spread(values: Small, pick: np.ufunc, width: int) -> Small:
    """The maximum or minimum of (H, W) over a square of `width` (odd) pixels, in O(log width) shifts of the image."""
    for axis in (0, 1):
        margin = [(0, 0), (0, 0)]
        margin[axis] = (width // 2, width // 2)
        values = np.pad(values, margin, "edge")
        known = 1
        while known < width:  # each pixel knows the extreme of so many pixels from itself on
            step = min(known, width - known)
            head, tail = [slice(None)] * 2, [slice(None)] * 2
            head[axis], tail[axis] = slice(None, -step), slice(step, None)
            values = pick(values[tuple(head)], values[tuple(tail)])
            known += step
    return values


def _page(brightness: Small) -> NDArray[np.bool_]:
    """The page: what is connected with its brightest place without a sharp step of the brightness. The edge of a shadow
    is softer than that of a page, so a page in half shadow stays whole; and so does a dark area that it encloses."""
    steps = _spread(brightness, np.maximum, 5) >= STEP * _spread(brightness, np.minimum, 5).astype(np.float32)
    brightest = np.unravel_index(np.where(steps, 0, brightness).argmax(), brightness.shape)
    bright = _connected(~steps, (int(brightest[0]), int(brightest[1])))
    return ~_reaches_border(~bright)


def _connected(mask: NDArray[np.bool_], seed: tuple[int, int]) -> NDArray[np.bool_]:
    """The part of a mask (H, W) that is connected with the pixel `seed` (row, column)."""
    image = Image.fromarray(mask.astype(np.uint8)).copy()  # one that can be written
    ImageDraw.floodfill(image, (seed[1], seed[0]), 2)
    return np.asarray(image) == 2


def _reaches_border(mask: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Those parts of a mask (H, W) that are connected with the image's border."""
    return _connected(np.pad(mask, 1, constant_values=True), (0, 0))[1:-1, 1:-1]
