"""Brush and ink: a sheet that takes pigment, and the rocks and far ranges that ink painters build up on it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .brush import Array, Box, Rng, bounds, contour, ellipses, fractal, ribbons, seal, smoothstep, stencil, writing

# How strongly each pigment takes red, green and blue at density 1 (Beer–Lambert: paper · exp(−density · absorption)).
PIGMENTS = {
    "ink": (2.3, 2.36, 2.4),
    "ochre": (0.25, 0.75, 1.5),
    "azure": (1.35, 0.75, 0.3),
    "malachite": (1.1, 0.45, 0.85),
    "cinnabar": (0.3, 1.8, 2.0),
}


class Sheet:
    """Pigment densities over a blank sheet; painting adds to them, and a nearer form first takes away what it hides."""

    def __init__(self, rng: Rng, width: int, height: int) -> None:
        self.rng, self.width, self.height = rng, width, height
        self.unit = max(width, height) / 384
        self.density: dict[str, Array] = {}
        cells = (8 * height / max(width, height), 8 * width / max(width, height))
        self.cloud = fractal(rng, height, width, cells, 4)
        self.grain = rng.random((height, width), np.float32)

    @property
    def whole(self) -> Box:
        """The box of the whole sheet."""
        return 0, 0, self.width, self.height

    def reserve(self, box: Box, coverage: Array) -> None:
        """Take `coverage` (0 … 1) of all that is already painted inside the box away."""
        left, top, right, bottom = box
        for density in self.density.values():
            density[top:bottom, left:right] *= 1 - coverage

    def add(self, pigment: str, box: Box, density: Array) -> None:
        """Lay a wash of the given density over the box."""
        left, top, right, bottom = box
        if pigment not in self.density:
            self.density[pigment] = np.zeros((self.height, self.width), np.float32)
        self.density[pigment][top:bottom, left:right] += density

    def mark(
        self,
        shapes: list[Array] | Array,
        values: Array | list[float] | float,
        dryness: float = 0.3,
        pigment: str = "ink",
    ) -> None:
        """Brush marks of the given darkness; a dry brush skips over the grain of the paper."""
        if len(shapes):
            box = bounds(shapes, self.width, self.height)
            left, top, right, bottom = box
            grain = self.grain[top:bottom, left:right]
            self.add(pigment, box, stencil(box, shapes, values) * (1 - dryness * grain))

    def hide(self, shapes: list[Array] | Array) -> None:
        """Reserve the inside of the shapes as blank paper."""
        box = bounds(shapes, self.width, self.height)
        self.reserve(box, stencil(box, shapes))

    def mist(self, level: float, thickness: float, strength: float) -> None:
        """Drifting mist: blank paper around the height `level`, torn by the cloud noise."""
        y = np.arange(self.height, dtype=np.float32)[:, None]
        band = np.exp(-(((y - level) / thickness + 0.7 * self.cloud) ** 2))
        self.reserve(self.whole, np.clip(strength * band, 0, 1))

    def darkness(self, left: float, top: float, right: float, bottom: float) -> float:
        """How much ink lies on average in a part of the sheet."""
        part = self.density["ink"][max(int(top), 0) : int(bottom) + 1, max(int(left), 0) : int(right) + 1]
        return float(part.mean())

    def inscribe(self, x: float, y: float, columns: int, rows: int, cell: float, seals: int) -> None:
        """Columns of writing with the upper right corner at x, y, and red seals below the last column."""
        if columns:
            self.mark(writing(self.rng, x, y, columns, rows, cell), 0.75, 0.2)
        for index in range(seals):
            side = cell * self.rng.uniform(1.2, 1.7)
            top = y + (rows * (columns > 0) + 0.6 + 1.9 * index) * cell * 1.12
            shapes, values = seal(self.rng, x - side, top, side)
            self.mark(shapes, np.array(values) * 0.9, 0.35, "cinnabar")

    def dry(self, ground: Array) -> Array:
        """The finished image on `ground`, both float (3, height, width)."""
        absorption = np.array([PIGMENTS[name] for name in self.density], np.float32)
        taken = np.tensordot(absorption.T, np.stack(list(self.density.values())), 1)
        return ground * np.exp(-taken)


@dataclass
class Hand:
    """A painter's way with rocks.

    `texture` is the cun: "hemp" (long soft fibres), "axe" (broad chopped wedges), "rain" (short dabs), "dots" (Mi
    Fu's level dots, without outlines), "sweep" (broad wet overlapping strokes). `ink` is the
    darkness of lines, `wet` that of washes, `line` the width of outlines, `moss` the share of rocks dotted with moss,
    `tint` a pigment over the ink and `colour` its density.
    """

    texture: str
    ink: float
    wet: float
    line: float
    moss: float = 0.0
    tint: str | None = None
    colour: float = 0.0


def rock_outline(
    rng: Rng, x: float, base: float, width: float, height: float, power: float, rough: float, cells: float = 5
) -> Array:
    """A ridge (n, 2) from left foot over the crown to right foot; `power` < 1 gives needles, > 2 domes."""
    across = np.linspace(-1, 1, 73)
    skew = rng.uniform(-0.35, 0.35)
    form = 1 - np.clip(np.abs(across - skew * (1 - across**2)), 0, 1) ** power
    relief = contour(rng, 73, cells, 4, 0.55) * rough
    crown = np.clip(form * (1 + 0.5 * relief * np.minimum(form * 3, 1) + 0.25 * relief), 0, None)
    return np.stack([x + across * width / 2, base - height * crown], 1).astype(np.float32)


def rock(sheet: Sheet, ridge: Array, hand: Hand, near: float, foot: float = 0.45) -> None:
    """One body of rock below `ridge`: hides what is behind, fades at its foot, takes wash, texture and outline.

    `near` (0 far … 1 near) scales ink; `foot` is the share of the height over which the rock dissolves into mist.
    """
    rng = sheet.rng
    base = float(ridge[:, 1].max())
    crown = ridge[ridge[:, 1].argmin()]
    height, half = max(base - float(crown[1]), 1.0), max(float(np.ptp(ridge[:, 0])) / 2, 1.0)
    box = bounds(ridge, sheet.width, sheet.height)
    left, top, right, bottom = box
    if right - left < 4 or bottom - top < 4:
        return
    x = np.arange(left, right, dtype=np.float32)[None, :] + 0.5
    y = np.arange(top, bottom, dtype=np.float32)[:, None] + 0.5
    cloud, grain = sheet.cloud[top:bottom, left:right], sheet.grain[top:bottom, left:right]
    body = stencil(box, [ridge]) * (1 - smoothstep(base - foot * height, base, y + 0.3 * foot * height * cloud))
    sheet.reserve(box, body)
    depth = (y - np.interp(x, ridge[:, 0], ridge[:, 1]).astype(np.float32)) / height
    light = rng.choice([-1.0, 1.0])
    shade = np.clip(0.65 + 0.45 * light * np.clip((x - crown[0]) / half, -1, 1) + 0.35 * cloud, 0.08, 1.4)
    rim = np.exp(-depth / 0.28)  # a wet wash is loaded at the ridge and pulled down with clear water
    sheet.add("ink", box, hand.wet * near * body * shade * (0.2 + 0.8 * rim))
    if hand.tint:
        sheet.add(hand.tint, box, hand.colour * body * (0.45 + 0.55 * rim + 0.25 * cloud))
    shapes, values, dryness = cun(rng, ridge, float(crown[0]), hand.texture, sheet.unit)
    sheet.add("ink", box, hand.ink * near * stencil(box, shapes, values) * body * (1 - dryness * grain))
    fade = 1 - smoothstep(base - max(foot, 0.1) * height, base, ridge[:, 1] + 0.25 * foot * height)
    if hand.line > 0:
        pressure = np.clip(hand.line * (0.75 + 0.6 * contour(rng, 73, 9, 2)), 0.2, None) * (0.45 + 0.55 * near)
        runs = np.arange(0, 72, 6)[:, None] + np.arange(7)  # the brush is lifted twelve times along a ridge
        edge = ribbons(ridge[runs], (pressure * sheet.unit)[runs])
        tone = fade[runs[:, 3]] * rng.uniform(0.55, 1.1, 12)
        sheet.mark(edge, hand.ink * near * tone, 0.45)
    if rng.random() < hand.moss:
        spots = ridge[rng.integers(3, 70, 26)] + rng.normal(0, 1.6 * sheet.unit, (26, 2))
        size = sheet.unit * rng.uniform(0.6, 1.7, 26)
        tone = np.interp(spots[:, 0], ridge[:, 0], fade)
        sheet.mark(ellipses(spots[:, 0], spots[:, 1], size, 0.7 * size, 8), hand.ink * near * tone, 0.1)


def cun(rng: Rng, ridge: Array, crown: float, texture: str, unit: float) -> tuple[Array, Array, float]:
    """Texture strokes inside a rock: outlines (n, 2k, 2), darkness (n,) and dryness of the brush."""
    base = float(ridge[:, 1].max())
    half, height = max(float(np.ptp(ridge[:, 0])) / 2, 1.0), base - float(ridge[:, 1].min())
    crowd = {"hemp": 0.018, "axe": 0.013, "rain": 0.04, "dots": 0.036, "sweep": 0.02}[texture]
    n = int(np.clip(half * height / unit**2 * crowd, 6, 220))
    start = ridge[rng.integers(2, len(ridge) - 2, n)].astype(np.float64)
    room = np.maximum(base - start[:, 1], 1)
    side = (start[:, 0] - crown) / half
    span = np.linspace(0, 1, 5)
    drop = rng.random(n) ** 1.3 * 0.8 * room
    if texture == "hemp":  # follow the fall of the slope and overlap like loosened rope
        length, width, dryness = room * rng.uniform(0.18, 0.55, n), rng.uniform(0.5, 1.2, n), 0.5
        lean = side * 0.5 + rng.normal(0, 0.12, n)
    elif texture == "axe":  # a slanted brush pressed and dragged: broad at the start, torn at the end
        length, width, dryness = np.minimum(room * 0.3, unit * rng.uniform(6, 20, n)), rng.uniform(1.6, 4, n), 0.75
        lean = side * 0.3 + rng.choice([-0.35, 0.35])
    elif texture == "rain":
        length, width, dryness = unit * rng.uniform(2, 5, n), rng.uniform(0.7, 1.5, n), 0.4
        lean = side * 0.3 + rng.normal(0, 0.2, n)
    elif texture == "sweep":  # Jeong Seon's: a wet brush drawn down again and again until the rock is nearly black
        drop *= 0.6
        length, width, dryness = room * rng.uniform(0.25, 0.75, n), rng.uniform(2.2, 5.8, n), 0.35
        lean = side * 0.4 + rng.normal(0, 0.03, n)
    else:
        length, width, dryness = unit * rng.uniform(1, 1.8, n), rng.uniform(2, 4.2, n), 0.15
        lean = np.zeros(n)
    wander = rng.normal(0, 0.06, (n, 5)).cumsum(1) * length[:, None] * (texture == "hemp")
    x = (start[:, 0] + side * drop * 0.35)[:, None] + (lean * length)[:, None] * span + wander
    y = (start[:, 1] + drop)[:, None] + length[:, None] * span
    taper = (1 - span) ** 0.7 if texture == "axe" else np.sin(np.pi * (0.12 + 0.8 * span))
    values = rng.uniform(0.35, 1, n) * (1 - 0.6 * drop / room)
    order = np.argsort(values)
    return ribbons(np.stack([x, y], -1), unit * width[:, None] * taper)[order], values[order], dryness


def far_range(sheet: Sheet, base: float, height: float, ink: float, tint: str | None = "azure") -> None:
    """Boneless far mountains: a wash, darkest along the ridge and gone in the mist before it reaches the ground."""
    rng, w = sheet.rng, sheet.width
    hump = contour(rng, w, rng.uniform(1, 2.5), 1)
    swell = np.clip(0.35 + 0.75 * hump, 0, None)
    ridge = base - height * swell * (1 + 0.35 * contour(rng, w, rng.uniform(5, 9), 4, 0.5))
    y = np.arange(sheet.height, dtype=np.float32)[:, None]
    mist = y + 0.25 * height * sheet.cloud
    body = smoothstep(-0.7, 0.7, y - ridge[None, :]) * (1 - smoothstep(base - 0.75 * height, base, mist))
    sheet.reserve(sheet.whole, body)
    sheet.add("ink", sheet.whole, ink * body * (0.85 + 0.25 * sheet.cloud))
    if tint:
        sheet.add(tint, sheet.whole, 0.8 * ink * body)
