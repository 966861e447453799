"""What every manner shares: noise, brush marks, paper, writing and seals.

Coordinates are pixels of the finished image, x to the right and y down. `unit` is the long side divided by 384, so
that a stroke `2 * unit` wide looks the same at every size.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

Array = NDArray[np.floating]
Rng = np.random.Generator
Box = tuple[int, int, int, int]

SUPERSAMPLING = 2


def fractal(rng: Rng, height: int, width: int, cells: tuple[float, float], octaves: int = 4) -> Array:
    """Fractal value noise of shape (height, width), mean about 0 and mostly within −1 … 1.

    `cells` is the number of lattice cells (down, across) of the coarsest octave; each octave doubles them and halves
    the amplitude (Perlin's 1/f sum). Unequal cells stretch the noise into grain.
    """
    total = np.zeros((2, 2), np.float32)
    for octave in range(octaves):
        shape = tuple(min(int(c * 2**octave) + 2, n) for c, n in zip(cells, (height, width), strict=True))
        total = enlarge(total, *shape) + rng.uniform(-1, 1, shape).astype(np.float32) / 2**octave
    return enlarge(total, height, width)


def enlarge(values: Array, height: int, width: int) -> Array:
    """Values interpolated smoothly to shape (height, width)."""
    return np.asarray(Image.fromarray(values).resize((width, height), Image.Resampling.BICUBIC))


def contour(rng: Rng, samples: int, cells: float, octaves: int = 4, gain: float = 0.5) -> Array:
    """One-dimensional fractal noise of shape (samples,), mostly within −1 … 1: ridges, banks, wavering lines."""
    where = np.linspace(0, 1, samples)
    total = np.zeros(samples)
    for octave in range(octaves):
        count = max(int(cells * 2**octave), 1) + 1
        position = where * (count - 1)
        left = np.minimum(position.astype(int), count - 2)
        step = position - left
        values = rng.uniform(-1, 1, count)
        smooth = step * step * (3 - 2 * step)
        total += gain**octave * (values[left] * (1 - smooth) + values[left + 1] * smooth)
    return total.astype(np.float32)


def smoothstep(low: float, high: float, values: Array) -> Array:
    """0 below `low`, 1 above `high`, and a smooth cubic between (also with `low` above `high`)."""
    step = np.clip((values - low) / (high - low), 0, 1)
    return (step * step * (3 - 2 * step)).astype(np.float32)


def ribbons(points: Array, widths: Array) -> Array:
    """Outlines, shape (n, 2k, 2), of n brush strokes along `points` (n, k, 2) with full widths `widths` (n, k)."""
    along = np.empty_like(points)
    along[:, 1:-1] = points[:, 2:] - points[:, :-2]
    along[:, 0], along[:, -1] = points[:, 1] - points[:, 0], points[:, -1] - points[:, -2]
    length = np.maximum(np.hypot(along[..., 0], along[..., 1]), 1e-6)
    normal = np.stack([-along[..., 1], along[..., 0]], -1) / length[..., None]
    offset = normal * (widths[..., None] / 2)
    return np.concatenate([points + offset, (points - offset)[:, ::-1]], 1).astype(np.float32)


def stroke(points: Array, width: Array | float) -> Array:
    """The outline (2k, 2) of one brush stroke along `points` (k, 2); see `ribbons`."""
    widths = np.broadcast_to(np.asarray(width, np.float32), points.shape[:1])
    return ribbons(points[None], widths[None])[0]


def stencil(box: Box, shapes: list[Array] | Array, values: list[float] | Array | float = 1.0) -> Array:
    """Coverage 0 … 1 inside `box` (left, top, right, bottom) of polygons; later shapes lie over earlier ones."""
    left, top, right, bottom = box
    image = Image.new("L", ((right - left) * SUPERSAMPLING, (bottom - top) * SUPERSAMPLING))
    draw = ImageDraw.Draw(image)
    fills = np.clip(np.broadcast_to(np.asarray(values), (len(shapes),)) * 255, 0, 255).astype(int).tolist()
    for flat, fill in zip(coordinates(shapes, (left, top)), fills, strict=True):
        draw.polygon(flat, fill=fill)
    return np.asarray(image.reduce(SUPERSAMPLING), np.float32) / 255


def coordinates(shapes: list[Array] | Array, origin: tuple[float, float] = (0, 0)) -> list[list[float]]:
    """Shapes (k, 2) as Pillow wants them: flat lists x, y, x, y … of supersampled pixels counted from `origin`."""
    if isinstance(shapes, np.ndarray):  # all of one length: one conversion for all
        return ((shapes - origin) * SUPERSAMPLING).reshape(len(shapes), 2 * shapes.shape[1]).tolist()
    return [((shape - origin) * SUPERSAMPLING).ravel().tolist() for shape in shapes]


def ellipses(x: Array, y: Array, across: Array | float, down: Array | float, points: int = 10) -> Array:
    """Ellipses (n, points, 2) around centres x, y (n,) with the given half axes."""
    turn = np.linspace(0, 2 * np.pi, points, endpoint=False)
    wide, high = np.broadcast_to(across, np.shape(x))[:, None], np.broadcast_to(down, np.shape(x))[:, None]
    centre = np.stack([x, y], -1)[:, None]
    return (centre + np.stack([wide * np.cos(turn), high * np.sin(turn)], -1)).astype(np.float32)


def bounds(shapes: list[Array] | Array, width: int, height: int, margin: float = 0.0) -> Box:
    """The pixel box around points (…, 2) or shapes, cut to the image; at least one pixel wide and high."""
    points = shapes if isinstance(shapes, np.ndarray) else np.concatenate(shapes)
    low = np.floor(points.reshape(-1, 2).min(0) - margin).astype(int)
    high = np.ceil(points.reshape(-1, 2).max(0) + margin).astype(int)
    left, top = min(max(int(low[0]), 0), width - 1), min(max(int(low[1]), 0), height - 1)
    return left, top, max(min(int(high[0]), width), left + 1), max(min(int(high[1]), height), top + 1)


def writing(rng: Rng, x: float, y: float, columns: int, rows: int, cell: float) -> list[Array]:
    """Strokes that look like brush writing, in columns from the right to the left; `x, y` is the upper right corner.

    Not one of the marks is a real character: each cell gets a few of the strokes that characters are made of.
    """
    kinds = np.array([[0.1, 0.2, 0.9, 0.15], [0.15, 0.5, 0.85, 0.47], [0.5, 0.05, 0.48, 0.95], [0.5, 0.3, 0.1, 0.9],
                      [0.5, 0.35, 0.92, 0.9], [0.2, 0.75, 0.8, 0.72], [0.25, 0.3, 0.27, 0.8], [0.75, 0.25, 0.72, 0.85],
                      [0.4, 0.1, 0.55, 0.25]])  # fmt: skip
    shapes: list[Array] = []
    for column in range(columns):
        for row in range(rows if column < columns - 1 else int(rng.integers(max(rows // 3, 1), rows + 1))):
            corner = np.array([x - (column + 1) * cell * 1.25, y + row * cell * 1.12]) + rng.normal(0, 0.04 * cell, 2)
            chosen = rng.choice(len(kinds), int(rng.integers(3, 7)), replace=False)
            ends = kinds[chosen].reshape(-1, 2, 2) + rng.normal(0, 0.04, (len(chosen), 2, 2))
            widths = rng.uniform(0.08, 0.2, (len(chosen), 2)) * cell
            shapes.extend(ribbons((corner + ends * cell).astype(np.float32), widths.astype(np.float32)))
    return shapes


def seal(rng: Rng, x: float, y: float, side: float) -> tuple[list[Array], list[float]]:
    """A square seal with its upper left corner at x, y: shapes and their darkness (1 printed, 0 left blank)."""
    square = np.array([[0, 0], [1, 0], [1, 1], [0, 1]], np.float32)
    shapes = [square * side + (x, y)]
    values = [1.0]
    relief = rng.random() < 0.5
    if relief:
        shapes.append(square * side * 0.8 + (x + side * 0.1, y + side * 0.1))
        values.append(0.1)
    signs = writing(rng, x + side * 1.02, y + side * 0.1, 2, 2, side * 0.37)
    return [*shapes, *signs], [*values, *([0.9 if relief else 0.1] * len(signs))]


def paper(rng: Rng, height: int, width: int, colour: tuple[int, int, int], age: float, weave: float = 0.0) -> Array:
    """An aged sheet, float32 (3, height, width) in 0 … 1: fibres, stains, darker edges; `weave` > 0 makes it silk."""
    long = max(height, width)
    stains = fractal(rng, height, width, (7 * height / long, 7 * width / long), 5)
    fibres = rng.standard_normal((height, width), np.float32)
    fibres += fractal(rng, height, width, (height / 2, width / 12), 1)
    fibres += fractal(rng, height, width, (height / 12, width / 2), 1)
    y = np.linspace(-1, 1, height, dtype=np.float32)[:, None]
    x = np.linspace(-1, 1, width, dtype=np.float32)[None, :]
    dark = age * (0.035 * stains + 0.12 * np.maximum(x**12, y**12) + 0.03) + (0.008 + weave) * fibres
    # Age browns a sheet: it takes blue first.
    return np.stack([c / 255 * (1 - take * dark) for c, take in zip(colour, (0.7, 1.0, 1.4), strict=True)])


def fan(height: int, width: int, folding: bool) -> Array:
    """Coverage 0 … 1 (height, width) of a fan leaf: a folding fan's sector, or else a round fan."""
    if not folding:
        turn = np.linspace(0, 2 * np.pi, 120)
        centre, radius = np.array([width, height]) / 2, np.array([width, height]) * 0.48
        leaf = centre + radius * np.stack([np.cos(turn), np.sin(turn)], 1)
    else:
        turn = np.linspace(np.pi * 1.11, np.pi * 1.89, 60)
        ring = np.stack([np.cos(turn), np.sin(turn)], 1)
        outer = min(0.51 * width, 0.95 * height)
        leaf = np.concatenate([ring * outer, ring[::-1] * outer * 0.42]) + np.array([width / 2, outer + 0.02 * height])
    return stencil((0, 0, width, height), [leaf.astype(np.float32)])


def mount(leaf: Array, coverage: Array, backing: Array) -> Array:
    """A fan leaf (3, height, width) laid on `backing`, with the shadow of its rim; `coverage` from `fan`."""
    rim = 1 - 1.2 * coverage * (1 - coverage)
    return (leaf * coverage + backing * (1 - coverage)) * rim


def to_image(pixels: Array) -> Image.Image:
    """Float pixels (3, height, width), cut to 0 … 1, as an RGB image."""
    planes = (np.clip(pixels, 0, 1) * 255 + 0.5).astype(np.uint8)
    return Image.merge("RGB", [Image.fromarray(plane) for plane in planes])


def spline(points: list[tuple[float, float]] | Array, samples: int = 8) -> Array:
    """A smooth curve through the points (Catmull–Rom), with `samples` points for each stretch between two of them."""
    knots = np.asarray(points, np.float64)
    padded = np.concatenate([2 * knots[:1] - knots[1:2], knots, 2 * knots[-1:] - knots[-2:-1]])
    t = np.linspace(0, 1, samples, endpoint=False)[None, :, None]
    a, b, c, d = (padded[k : len(padded) - 3 + k, None] for k in range(4))
    curve = 0.5 * (2 * b + (c - a) * t + (2 * a - 5 * b + 4 * c - d) * t**2 + (3 * b - a - 3 * c + d) * t**3)
    return np.concatenate([curve.reshape(-1, 2), knots[-1:]]).astype(np.float32)
