"""Does an image show a page of text? Lines of many small strokes, evenly spaced, with empty paper between them."""

from __future__ import annotations

import numpy as np
from PIL import Image

_FEWEST_LINES = 6
#: Of the darkest against the paper, in grey levels.
_CONTRAST = 60
#: Changes between ink and paper that a line of text has at least, along it.
_FEWEST_STROKES = 12
LEVELS = np.arange(256)


def looks_like_text(grey: Image.Image) -> bool:
    """`grey`: of any size from some 64 pixels on; smaller ones show no letters.

    The lines may run across or down, and be dark on light or light on dark.
    """
    # All that tells a page from a picture is in the histogram; nearly every picture is done with here.
    counts = count_levels(grey)
    total = int(counts.sum())
    turned = _median(counts) < float((counts * LEVELS).sum()) / total  # the paper is what there is more of
    if turned:
        counts = counts[::-1]
    paper = _median(counts)
    darkest = max(0, paper - _CONTRAST // 2)
    share = float(counts[:darkest].sum()) / total
    quiet = counts[darkest:]
    uneven = float((quiet * np.abs(LEVELS[darkest:] - paper)).sum()) / max(1, int(quiet.sum()))
    # A page is paper for the most part, and even paper: a painting's sky is not.
    if not 0.02 < share < 0.4 or uneven > 10:
        return False
    levels = np.asarray(grey)
    ink = levels > 255 - darkest if turned else levels < darkest
    return _has_lines(ink) or _has_lines(ink.T)


def count_levels(grey: Image.Image) -> np.ndarray:
    """How many pixels have each level, int (256,)."""
    return np.array(grey.histogram())


def _median(counts: np.ndarray) -> int:
    """Of the levels that a histogram, int (256,), counts."""
    below = np.cumsum(counts)
    return int(np.searchsorted(below, below[-1] / 2))


def _has_lines(ink: np.ndarray) -> bool:
    """Whether rows of `ink`, bool (height, width), fall into lines with gaps between them."""
    profile = ink.mean(1)
    filled = profile > 0.2 * np.quantile(profile, 0.9)
    edges = np.flatnonzero(np.diff(np.concatenate([[False], filled, [False]]).astype(np.int8)))
    starts, ends = edges[::2], edges[1::2]
    if len(starts) < _FEWEST_LINES:
        return False
    heights, pitch = ends - starts, np.diff(starts)
    # Lines of one height at one distance; a heading or a gap between paragraphs is no exception to the middle ones.
    even = np.median(np.abs(pitch - np.median(pitch))) <= 0.25 * np.median(pitch)
    alike = np.median(np.abs(heights - np.median(heights))) <= 0.4 * np.median(heights)
    strokes = [
        int(np.abs(np.diff(ink[start:end].astype(np.int8), axis=1)).sum(1).max())
        for start, end in zip(starts, ends, strict=True)
    ]
    return bool(even and alike and np.median(strokes) >= _FEWEST_STROKES)
