"""An icon's SVG → its lines as points, whatever elements and transforms they are written in."""

from __future__ import annotations

import io
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from svgelements import SVG, Close, Line, Move, Path, Shape

from ...runtime.errors import DatasetError

Points = NDArray[np.float32]

#: Points of a line lie so far apart, in parts of the icon's longer side.
SPACING = 0.0125
_CURVE = np.linspace(0, 1, 24)[1:]


@dataclass(frozen=True)
class Outline:
    """One line or area of an icon: `points` float32 (k, 2), x and y, the whole icon within −0.5 … 0.5.

    `closed`: it ends where it begins. `area`: 0 for a line; areas of one number are filled together by the even-odd
    rule, so that an outline within another is a hole.
    """

    points: Points
    closed: bool
    area: int = 0


def read_icon(svg: bytes, name: str) -> tuple[Outline, ...]:
    """The icon's lines and areas; `name` is for errors. Raises `DatasetError` where there is none."""
    found: list[tuple[Points, bool, int]] = []
    for number, element in enumerate(SVG.parse(io.BytesIO(svg)).elements(), 1):
        if not isinstance(element, Shape):
            continue
        stroked, filled = (paint is not None and paint.value is not None for paint in (element.stroke, element.fill))
        if not (stroked or filled):
            continue
        for part in Path(element).as_subpaths():
            points, closed = _trace(Path(part))
            if len(points):
                found.append((points, closed or not stroked, 0 if stroked else number))
    if not found:
        raise DatasetError(f"{name}: the icon has no line.", "Fetch it again.")
    every = np.concatenate([points for points, _, _ in found])
    low, high = every.min(0), every.max(0)
    side = max(float((high - low).max()), 1e-6)
    return tuple(
        Outline(_space_evenly((points - (low + high) / 2) / side), closed, area) for points, closed, area in found
    )


def _trace(path: Path) -> tuple[Points, bool]:
    """A subpath's corners and points of its curves (k, 2), and whether it ends where it begins."""
    points: list[NDArray[np.float64]] = []
    for segment in path:
        if isinstance(segment, Move):
            points.append(np.array([[segment.end.x, segment.end.y]]))
        elif isinstance(segment, Line | Close):
            if segment.end is not None:
                points.append(np.array([[segment.end.x, segment.end.y]]))
        else:
            points.append(np.asarray(segment.npoint(_CURVE), np.float64).reshape(-1, 2))
    traced = np.concatenate(points) if points else np.empty((0, 2))
    closed = len(traced) > 2 and bool(np.hypot(*(traced[0] - traced[-1])) < 1e-3 * max(np.ptp(traced, 0).max(), 1e-6))
    return traced.astype(np.float32), closed


def _space_evenly(points: Points) -> Points:
    """The same line through points `SPACING` apart, two of them at least; a dot stays one point twice."""
    along = np.concatenate([[0], np.cumsum(np.hypot(*np.diff(points, axis=0).T))])
    where = np.linspace(0, along[-1], max(2, round(float(along[-1]) / SPACING) + 1))
    return np.stack([np.interp(where, along, points[:, axis]) for axis in (0, 1)], 1).astype(np.float32)
