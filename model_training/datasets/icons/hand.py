"""An icon's lines → a drawing as a hand would make it: the idea of the icon, none of its precision.

The whole is tilted, slanted and stretched, and bent by a smooth field of shifts, so that lines that meet still nearly
meet. Then each line goes its own way: it is placed beside its place, wavers, cuts corners, begins elsewhere, ends early
or overshoots, breaks off and goes on, and grows thicker and thinner under the pen.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageChops, ImageDraw

from .strokes import SPACING, Outline, Points

Rng = np.random.Generator
Floats = NDArray[np.floating]

_SCALE = 2  # drawn so much larger, then shrunk: soft edges
_FILLS = 0.8  # of the page's side is what the drawing takes
_SMALL = 0.12  # a line so long, in parts of the drawing, is a detail that may be forgotten


def draw(outlines: Sequence[Outline], rng: Rng, side: int = 160) -> Image.Image:
    """A drawing on white, grey ("L"), `side` pixels a side. The same icon and generator's state give the same image."""
    move = _choose_pose(rng)
    width = float(np.exp(rng.uniform(np.log(0.009), np.log(0.035))))  # of the pen, in parts of the drawing
    ink = int(rng.integers(0, 90))
    lines, areas = [each for each in outlines if not each.area], [each for each in outlines if each.area]
    page = Image.new("L", (side * _SCALE, side * _SCALE), 255)
    pen = ImageDraw.Draw(page)
    strokes = [stroke for line in lines for stroke in _draw_line(line, rng, len(lines))]
    moved = [move(stroke) for stroke in strokes] + [move(each.points) for each in areas]
    if not moved:
        return draw(outlines, rng, side)
    every = np.concatenate(moved)
    low, high = every.min(0), every.max(0)
    factor = _FILLS * page.width / max(float((high - low).max()), 1e-6)
    placed = [(points - (low + high) / 2) * factor + page.width / 2 for points in moved]
    for points in placed[: len(strokes)]:
        _press(pen, points, width * _FILLS * page.width * _draw_pressure(len(points), rng), ink)
    if areas:
        mask = _fill([(points, each.area) for points, each in zip(placed[len(strokes) :], areas, strict=True)], page)
        page.paste(ink, mask=mask)
        for points in placed[len(strokes) :]:  # the filled line is thin: a thicker pen goes around it
            _press(pen, points, np.full(len(points), max(1.0, (width - 0.012) * _FILLS * page.width)), ink)
        _rub_out(pen, placed[len(strokes) :], width * page.width, rng)
    return page.resize((side, side), Image.Resampling.BOX)


class _Pose:
    """A linear map and a smooth field of shifts on the plane; points (k, 2) → (k, 2)."""

    def __init__(self, matrix: Floats, waves: Floats, phases: Floats, sizes: Floats) -> None:
        self.matrix, self.waves, self.phases, self.sizes = matrix, waves, phases, sizes

    def __call__(self, points: Points) -> Points:
        return (points @ self.matrix + np.sin(points @ self.waves + self.phases) @ self.sizes).astype(np.float32)


def _choose_pose(rng: Rng) -> _Pose:
    turn, slant = np.radians(rng.normal(0, (7, 6)))
    stretch = np.exp(rng.normal(0, 0.11))
    rotation = np.array([[np.cos(turn), np.sin(turn)], [-np.sin(turn), np.cos(turn)]])
    matrix = np.array([[stretch, 0], [np.tan(slant), 1 / stretch]]) @ rotation
    count = 6
    lengths, ways = np.exp(rng.uniform(np.log(0.35), np.log(1.8), count)), rng.uniform(0, 2 * np.pi, count)
    waves = 2 * np.pi / lengths * np.stack([np.cos(ways), np.sin(ways)])
    sizes = rng.normal(0, 1, (count, 2)) * (0.024 * lengths * rng.uniform(0.3, 1.3))[:, None]
    return _Pose(matrix, waves, rng.uniform(0, 2 * np.pi, count), sizes)


def _draw_line(line: Outline, rng: Rng, lines: int) -> Iterator[Points]:
    """The strokes (k, 2) that a hand makes of one line; none where a detail is forgotten."""
    points: Floats = line.points
    count = len(points)
    length = (count - 1) * SPACING
    if length < _SMALL and lines > 2 and rng.random() < 0.12:
        return
    if line.closed and count > 8:
        points = np.roll(points[:-1], -int(rng.integers(count - 1)), 0)
        over = int(rng.normal(0.5, 2.5))  # positive: past the beginning; negative: a gap is left
        points = np.concatenate([points, points[: 1 + over]]) if over >= 0 else points[:over]
    elif count > 8:
        points = _end_elsewhere(_end_elsewhere(points, rng)[::-1], rng)[::-1]
    points = _smooth(points, float(rng.exponential(0.9)))
    waver = _noise(len(points), 0.12, rng) * 0.009 + _noise(len(points), 0.03, rng) * 0.0025
    points = points + waver * rng.uniform(0.4, 1.6) + rng.normal(0, 0.011, 2)
    middle = points.mean(0)
    points = (points - middle) * np.exp(rng.normal(0, 0.035, 2)) + middle
    if length > 0.4 and rng.random() < 0.3:
        gap, at = int(rng.integers(2, 6)), int(rng.integers(len(points) // 5, 4 * len(points) // 5))
        yield points[:at].astype(np.float32)
        points = points[at + gap :] + rng.normal(0, 0.008, 2)
    if len(points) > 1:
        yield points.astype(np.float32)


def _end_elsewhere(points: Floats, rng: Rng) -> Floats:
    """The line ends a little early or runs on as it went."""
    change = int(np.clip(rng.normal(0.3, 1.8), -3, 5))
    if change <= 0:
        return points[: len(points) + change]
    step = (points[-1] - points[-4]) / 3
    return np.concatenate([points, points[-1] + step * np.arange(1, change + 1)[:, None]])


def _smooth(points: Floats, spread: float) -> Floats:
    """A running mean of the line with Gaussian weights of so many points' spread; the ends stay."""
    reach = int(3 * spread)
    if reach < 1 or len(points) < 4:
        return points
    weights = np.exp(-0.5 * (np.arange(-reach, reach + 1) / spread) ** 2)
    padded = np.pad(points, ((reach, reach), (0, 0)), "reflect", reflect_type="odd")
    return np.stack([np.convolve(padded[:, axis], weights / weights.sum(), "valid") for axis in (0, 1)], 1)


def _noise(count: int, wave: float, rng: Rng) -> Floats:
    """Smooth noise (count, 2) along a line, spread about 1; it changes within `wave` of the drawing's side."""
    knots = max(2, round(count * SPACING / wave) + 1)
    where, values = np.linspace(0, knots - 1, count), rng.normal(0, 1, (knots, 2))
    left = np.minimum(where.astype(int), knots - 2)
    step = (where - left)[:, None]
    return values[left] + (values[left + 1] - values[left]) * step * step * (3 - 2 * step)


def _draw_pressure(count: int, rng: Rng) -> Floats:
    """Factors (count,) of the pen's width along a stroke, which may begin and end thinner."""
    pressure = 1 + 0.22 * _noise(count, 0.2, rng)[:, 0]
    taper = int(rng.integers(1, 8)) if rng.random() < 0.4 else 0
    if taper and count > 3 * taper:
        pressure[:taper] *= np.linspace(0.4, 1, taper)
        pressure[-taper:] *= np.linspace(1, 0.4, taper)
    return np.clip(pressure, 0.45, 1.7)


def _press(pen: ImageDraw.ImageDraw, points: Points, widths: Floats, ink: int) -> None:
    """Straight pieces with round joints: `widths` (k,) in pixels."""
    for (x, y), radius in zip(points.tolist(), (widths / 2).tolist(), strict=True):
        pen.ellipse((x - radius, y - radius, x + radius, y + radius), fill=ink)
    ends = np.concatenate([points[:-1], points[1:]], 1).tolist()
    for piece, width in zip(ends, widths[:-1].tolist(), strict=True):
        pen.line(piece, fill=ink, width=max(1, round(width)))


def _fill(outlines: Sequence[tuple[Points, int]], page: Image.Image) -> Image.Image:
    """A mask ("1") of the areas: outlines of one number by the even-odd rule."""
    whole = Image.new("1", page.size)
    for number in sorted({area for _, area in outlines}):
        mask = Image.new("1", page.size)
        for points, area in outlines:
            if area == number and len(points) > 2:
                one = Image.new("1", page.size)
                ImageDraw.Draw(one).polygon(points.ravel().tolist(), fill=1)
                mask = ImageChops.logical_xor(mask, one)
        whole = ImageChops.logical_or(whole, mask)
    return whole


def _rub_out(pen: ImageDraw.ImageDraw, outlines: Sequence[Points], width: float, rng: Rng) -> None:
    """Short breaks in what was filled."""
    for _ in range(int(rng.integers(0, 4))):
        points = outlines[int(rng.integers(len(outlines)))]
        x, y = points[int(rng.integers(len(points)))].tolist()
        radius = width * float(rng.uniform(0.6, 1.1))
        pen.ellipse((x - radius, y - radius, x + radius, y + radius), fill=255)
