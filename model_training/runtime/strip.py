"""A long strip, such as an episode of a webtoon, cut into panels along its long side."""

from __future__ import annotations

from itertools import groupby, pairwise

import numpy as np
from PIL import Image

from .drawing import PixelBox

#: A change of where `cut_strip` cuts must raise this number: caches are keyed by it.
STRIP_VERSION = 1
#: A panel is so many times as long as the strip is wide, at least and at most.
SHORTEST, LONGEST = 0.5, 2.0
#: A strip that is too narrow for its length gets longer panels.
MOST_PANELS = 200
#: The deviation of the grey levels up to which a row is of one colour; JPEG leaves a little where there is nothing.
_GUTTER = 3.0
_ROWS_AT_ONCE = 4096


def cut_strip(image: Image.Image) -> list[PixelBox]:
    """The panels of an image, one after the other without a gap; the image itself where it is no strip.

    A strip is longer than `LONGEST` times its width, upright or lying. It is cut in the middle of the widest gutter
    (rows of one colour) that lets the panel be of a proper length, or at the quietest row where there is none.
    `image`: RGB. Boxes are left, top, right, bottom in its pixels.
    """
    lying = image.width > image.height
    length, width = max(image.size), max(min(image.size), int(np.ceil(max(image.size) / MOST_PANELS / SHORTEST)))
    shortest, longest = round(SHORTEST * width), round(LONGEST * width)
    if length <= longest:
        return [(0, 0, *image.size)]
    unrest = _measure_unrest(image, lying)
    cuts = [0]
    while length - cuts[-1] > longest:
        low, high = cuts[-1] + shortest, min(cuts[-1] + longest, length - shortest)
        cuts.append(low + _find_cut(unrest[low : high + 1]))
    cuts.append(length)
    return [(start, 0, end, image.height) if lying else (0, start, image.width, end) for start, end in pairwise(cuts)]


def _measure_unrest(image: Image.Image, lying: bool) -> np.ndarray:
    """float32 (length,): the deviation of the grey levels across the strip at each place along it."""
    grey = np.asarray(image.convert("L"))
    rows = grey.T if lying else grey
    starts = range(0, len(rows), _ROWS_AT_ONCE)  # floats of all rows would be four times the image
    return np.concatenate([rows[start : start + _ROWS_AT_ONCE].std(1, dtype=np.float32) for start in starts])


def _find_cut(unrest: np.ndarray) -> int:
    """The middle of the widest gutter, else the quietest row."""
    widest, cut, at = 0, int(unrest.argmin()), 0
    for is_gutter, rows in groupby((unrest <= _GUTTER).tolist()):
        count = len(list(rows))
        if is_gutter and count > widest:
            widest, cut = count, at + count // 2
        at += count
    return cut
