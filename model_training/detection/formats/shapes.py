"""What tools draw instead of boxes → the box around it: corners x0, y0, x1, y1 in the units of what is given."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from .parsing import dictionary, numbers, sequence

Box = tuple[float, float, float, float]


def box_from_corners(x0: object, y0: object, x1: object, y1: object) -> Box | None:
    """Two opposite corners in any order; None where one of the four is no number."""
    found = numbers([x0, y0, x1, y1])
    return around(found) if found else None


def box_from_size(left: object, top: object, width: object, height: object) -> Box | None:
    """None where one of the four is no number or an extent is below 0."""
    found = numbers([left, top, width, height])
    if found is None or min(found[2:]) < 0:
        return None
    return found[0], found[1], found[0] + found[2], found[1] + found[3]


def around(outline: Sequence[float]) -> Box | None:
    """The box around x, y, x, y, …; None below two points."""
    if len(outline) < 4 or len(outline) % 2:
        return None
    return min(outline[::2]), min(outline[1::2]), max(outline[::2]), max(outline[1::2])


def around_points(points: object) -> Box | None:
    """The box around [[x, y], …]; None where one of them is no point."""
    flat: list[float] = []
    for point in sequence(points):
        pair = numbers(point)
        if pair is None or len(pair) != 2:
            return None
        flat += pair
    return around(flat)


def around_turned(box: Box, degrees: float, pivot: tuple[float, float]) -> Box:
    """The upright box around one that was turned clockwise by `degrees` about `pivot`."""
    sine, cosine = math.sin(math.radians(degrees)), math.cos(math.radians(degrees))
    corners = [(x - pivot[0], y - pivot[1]) for x in box[::2] for y in box[1::2]]
    xs = [pivot[0] + x * cosine - y * sine for x, y in corners]
    ys = [pivot[1] + x * sine + y * cosine for x, y in corners]
    return min(xs), min(ys), max(xs), max(ys)


def around_mask(mask: object) -> Box | None:
    """The box around a mask in COCO's run lengths: `size` [height, width] and `counts`, column by column, the first run
    outside, as numbers or as COCO's string of six bits a letter. None where they don't fill the mask or it is empty.
    """
    content = dictionary(mask)
    size = numbers(content.get("size"))
    counts = content.get("counts")
    runs = _unpack(counts) if isinstance(counts, str) else numbers(counts)
    if size is None or len(size) != 2 or not runs or min(runs) < 0:
        return None
    height, ends = size[0], np.cumsum(runs)
    if not height or ends[-1] != size[0] * size[1]:
        return None
    first, last = ends[:-1:2], ends[1::2] - 1  # of each run inside
    kept = last >= first[: len(last)]
    first, last = first[: len(last)][kept], last[kept]
    if not len(first):
        return None
    left, right = first // height, last // height
    whole = left != right  # a run that goes on in the next column touches its foot and the next one's head
    top = 0.0 if whole.any() else float((first % height).min())
    bottom = height if whole.any() else float((last % height).max()) + 1
    return float(left.min()), top, float(right.max()) + 1, bottom


def _unpack(text: str) -> list[float] | None:
    """COCO's string: five bits a letter from the lowest, the sixth says that more follow; from the fourth number on
    each is the difference to the last but one (pycocotools, rleFrString)."""
    runs: list[float] = []
    value, shift = 0, 0
    for letter in text:
        bits = ord(letter) - 48
        if not 0 <= bits < 64 or shift > 60:
            return None
        value |= (bits & 31) << shift
        shift += 5
        if not bits & 32:
            if bits & 16:
                value -= 1 << shift
            runs.append(value + (runs[-2] if len(runs) > 2 else 0))
            value, shift = 0, 0
    return None if shift else runs


def around_ellipse(x: object, y: object, across: object, down: object, *, degrees: float = 0) -> Box | None:
    """Of its centre and its radii along x and y, turned about the centre by `degrees`; None where one is no number."""
    found = numbers([x, y, across, down])
    if found is None:
        return None
    sine, cosine = math.sin(math.radians(degrees)), math.cos(math.radians(degrees))
    width = math.hypot(found[2] * cosine, found[3] * sine)
    height = math.hypot(found[2] * sine, found[3] * cosine)
    return found[0] - width, found[1] - height, found[0] + width, found[1] + height


def around_centred(x: object, y: object, width: object, height: object, *, degrees: float = 0) -> Box | None:
    """A box by its centre and size, turned about the centre; None where one is no number or an extent is below 0."""
    found = numbers([x, y, width, height])
    if found is None or min(found[2:]) < 0:
        return None
    x0, y0 = found[0] - found[2] / 2, found[1] - found[3] / 2
    box = x0, y0, x0 + found[2], y0 + found[3]
    return around_turned(box, degrees, (found[0], found[1])) if degrees else box
