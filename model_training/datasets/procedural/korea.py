"""True-view landscape (jingyeong sansu, 眞景山水), after Jeong Seon.

What marks the manner: real Korean places seen from above, filled to the edges rather than dissolved in mist; sheaves of
needle peaks in hard parallel verticals set against round earthen hills of wet level dots; near-black rock built from
broad overlapping strokes; T-shaped pines; a thin blue-grey wash along the far skyline.
"""

from __future__ import annotations

import numpy as np
from PIL import Image

from .brush import Array, Rng, bounds, fan, mount, paper, ribbons, smoothstep, stencil, to_image
from .ink import Hand, Sheet, far_range, rock, rock_outline
from .ink_motifs import boat, hut, ripples, tee_pines, waterfall

GROUNDS = [(238, 228, 206), (226, 212, 182), (208, 190, 154), (232, 226, 212), (216, 200, 168)]


def draw(rng: Rng, size: int, aspect: float) -> Image.Image:
    """One image of the manner; the long side is `size`, the width `aspect` times the height."""
    folding = aspect > 1.8 and rng.random() < 0.7
    width, height = round(size * min(aspect, 1)), round(size / max(aspect, 1))
    sheet = Sheet(rng, width, height)
    ink = float(rng.uniform(0.65, 0.95))
    tint = [None, "azure", "azure", "ochre", "malachite"][rng.integers(5)]
    earth = Hand("dots", ink, rng.uniform(0.3, 0.6), 0.0, 0.0, tint, rng.uniform(0.1, 0.35))
    scenes = [diamond_mountains, river, columns] if aspect > 1.1 else [diamond_mountains, dark_rock, cascade, columns]
    [*scenes, diamond_mountains][rng.integers(len(scenes) + 1)](sheet, earth)
    ground = paper(rng, height, width, GROUNDS[rng.integers(len(GROUNDS))], rng.uniform(0.4, 1.5))
    if not folding:
        inscribe(sheet)
        return to_image(sheet.dry(ground))
    backing = 0.92 * paper(rng, height, width, GROUNDS[rng.integers(len(GROUNDS))], 0.3)
    return to_image(mount(sheet.dry(ground), fan(height, width, True), backing))


def inscribe(sheet: Sheet) -> None:
    """The name of the place in one or two columns with a seal, in the emptier upper corner."""
    rng, w, h = sheet.rng, sheet.width, sheet.height
    cell, columns, rows = sheet.unit * rng.uniform(7, 10), int(rng.integers(1, 3)), int(rng.integers(3, 6))
    places = (w * 0.97, w * 0.03 + cell * 1.25 * columns)
    x = min(places, key=lambda right: sheet.darkness(right - cell * 2, h * 0.03, right, h * 0.03 + cell * 6))
    sheet.inscribe(x, h * 0.03 + 2, columns, rows, cell, 1)


def needles(sheet: Sheet, x: Array, base: Array, width: Array, height: Array, ink: float, cool: float) -> None:
    """Sheaves of pointed peaks: bare white bodies, hard outlines and close vertical lines (sujikjun)."""
    rng, unit = sheet.rng, sheet.unit
    shapes: list[Array] = []
    values: list[float] = []
    bodies: list[Array] = []
    layers: list[Array] = []
    for k in np.argsort(base):
        ridge = rock_outline(rng, x[k], base[k], width[k], height[k], rng.uniform(0.75, 1.2), 0.35, 4)[::2]
        bodies.append(ridge)
        # The lower parts once more, paler and paler: each peak stands in mist of its own.
        layers += [ridge, *(ridge[ridge[:, 1] >= base[k] - share * height[k]] for share in (0.4, 0.24, 0.1))]
        shapes.append(ridge)
        values.append(rng.uniform(0.03, 0.1))
        crown = ridge[ridge[:, 1].argmin()]
        n = max(int(width[k] / unit / 3), 3)
        start = ridge[rng.integers(3, len(ridge) - 3, n)]
        drop = (base[k] - start[:, 1]) * rng.uniform(0.3, 0.85, n)
        lean = (start[:, 0] - crown[0]) * rng.uniform(0.05, 0.35, n)
        ends = start + np.stack([lean, drop], 1)
        cuts = ribbons(np.stack([start, ends], 1), np.tile(np.array([1.3, 0.4]) * unit, (n, 1)))
        shapes.extend(cuts)
        values.extend(ink * rng.uniform(0.4, 0.9, n))
        edge = np.stack([ridge[:-1], ridge[1:]], 1)
        shapes.extend(ribbons(edge, np.full((len(edge), 2), rng.uniform(0.7, 1.2) * unit)))
        values.extend(ink * rng.uniform(0.6, 1.0, len(edge)))
    box = bounds(np.concatenate(bodies), sheet.width, sheet.height)
    grain = sheet.grain[box[1] : box[3], box[0] : box[2]]
    veil = stencil(box, layers, np.tile([1.0, 0.75, 0.4, 0.1], len(bodies)))
    sheet.reserve(box, veil)
    sheet.add("ink", box, stencil(box, shapes, values) * (1 - 0.3 * grain) * veil)
    sheet.add("azure", box, cool * veil)


def earth_hills(sheet: Sheet, earth: Hand, x: Array, base: Array, width: Array, height: Array, near: float) -> None:
    """Round earthen hills, wet with level dots and planted with T-shaped pines."""
    rng = sheet.rng
    for k in np.argsort(base):
        ridge = rock_outline(rng, x[k], base[k], width[k], height[k], rng.uniform(1.8, 2.6), 0.2)
        rock(sheet, ridge, earth, near, 0.15)
        rows = ridge[rng.integers(12, 61, 14)]
        places = rows + np.stack([np.zeros(14), rng.random(14) * 0.4 * height[k]], 1)
        tee_pines(sheet, places[np.argsort(places[:, 1])], sheet.unit * rng.uniform(8, 13), earth.ink * near)


def skyline(sheet: Sheet) -> None:
    """The thin cool wash that Jeong Seon lays along the far sky, leaving the peaks white."""
    y = np.arange(sheet.height, dtype=np.float32)[:, None] / sheet.height
    sheet.add("azure", sheet.whole, 0.16 * (1 - smoothstep(0.15, 0.6, y + 0.06 * sheet.cloud)))


def diamond_mountains(sheet: Sheet, earth: Hand) -> None:
    """All of Geumgangsan at once: a ring or wall of needles, earthen hills around and before it, temples between."""
    rng, w, h = sheet.rng, sheet.width, sheet.height
    if rng.random() < 0.7:
        skyline(sheet)
    n, ring = int(rng.integers(40, 64)), rng.random() < 0.5
    if ring:
        turn, out = rng.uniform(0, 2 * np.pi, n), np.sqrt(rng.uniform(0.15, 1, n))
        x, base = w * (0.5 + 0.38 * out * np.cos(turn)), h * (0.55 + 0.25 * out * np.sin(turn))
    else:
        lean = rng.uniform(-0.25, 0.25)
        x = w * np.linspace(rng.uniform(-0.05, 0.25), rng.uniform(0.75, 1.05), n)
        base = h * (0.42 + 0.3 * rng.random(n)) + lean * h * (x / w - 0.5)
    tall = h * rng.uniform(0.12, 0.3) * rng.uniform(0.5, 1.2, n) * (1 + 0.5 * np.exp(-(((x / w - 0.5) / 0.2) ** 2)))
    broad = np.minimum(w, h) * rng.uniform(0.05, 0.13, n)
    needles(sheet, x, base, broad, tall, earth.ink, rng.uniform(0.0, 0.18))
    m = int(rng.integers(7, 11))
    across = np.linspace(-0.05, 1.05, m)
    feet = np.array([base[np.abs(x / w - t) < 0.12].max(initial=h * 0.62) for t in across])
    tall = h * rng.uniform(0.1, 0.18, m)
    earth_hills(sheet, earth, w * across, feet + tall * 0.75, w * rng.uniform(0.25, 0.4, m), tall, 0.85)
    m = int(rng.integers(2, 6))
    near, wide = h * rng.uniform(0.98, 1.1, m), w * rng.uniform(0.3, 0.5, m)
    earth_hills(sheet, earth, w * rng.random(m), near, wide, h * rng.uniform(0.1, 0.2, m), 1.0)
    for _ in range(int(rng.integers(1, 4))):
        hut(sheet, w * rng.uniform(0.15, 0.85), h * rng.uniform(0.78, 0.95), 9 * sheet.unit, earth.ink)


def dark_rock(sheet: Sheet, earth: Hand) -> None:
    """A bare dome, nearly black from stroke over stroke of a broad wet brush, after rain (as in Inwangjesaekdo)."""
    rng, w, h = sheet.rng, sheet.width, sheet.height
    hand = Hand("sweep", 0.95, rng.uniform(0.5, 0.8), 1.6)
    x, top = w * rng.uniform(0.4, 0.6), rng.uniform(0.1, 0.22)
    for step in np.linspace(0, 1, int(rng.integers(6, 9))):
        middle = x + (rng.normal(0, 0.26) * w if step else 0)
        tall = h * (0.6 - top) * (1 - 0.65 * step) * rng.uniform(0.85, 1.05)
        wide = w * rng.uniform(0.4, 0.65) * (1.15 - 0.4 * step)
        rock(sheet, rock_outline(rng, middle, h * (0.56 + 0.08 * step), wide, tall, 2.4, 0.25), hand, 0.85, 0.35)
    if rng.random() < 0.6:
        waterfall(sheet, x + w * rng.uniform(-0.2, 0.2), h * 0.36, h * 0.56, w * 0.02)
    sheet.mist(h * 0.63, h * 0.05, 1.0)
    m = int(rng.integers(5, 9))
    base, wide = h * rng.uniform(0.8, 1.08, m), w * rng.uniform(0.3, 0.55, m)
    earth_hills(sheet, earth, w * rng.random(m), base, wide, h * rng.uniform(0.06, 0.14, m), 0.95)
    hut(sheet, w * rng.uniform(0.2, 0.8), h * rng.uniform(0.82, 0.94), 13 * sheet.unit, earth.ink)


def cascade(sheet: Sheet, earth: Hand) -> None:
    """A straight fall between black cliffs into a pool (as in Bagyeonpokpo)."""
    rng, w, h = sheet.rng, sheet.width, sheet.height
    hand = Hand("sweep", 0.95, rng.uniform(0.45, 0.7), 1.8)
    fall, lip, pool = w * rng.uniform(0.38, 0.62), h * rng.uniform(0.14, 0.26), h * rng.uniform(0.74, 0.82)
    rock(sheet, rock_outline(rng, fall, pool, w * 0.9, (pool - lip) * 1.06, 4.0, 0.1), hand, 0.9, 0.15)
    for side in (-1, 1):
        for step in np.linspace(0, 1, int(rng.integers(4, 7))):
            wide, tall = w * rng.uniform(0.45, 0.7), (pool - lip) * (1.1 - 0.7 * step) * rng.uniform(0.9, 1.1)
            middle = fall + side * (0.5 * wide + w * rng.uniform(0.0, 0.08))
            rock(sheet, rock_outline(rng, middle, pool + 0.05 * h * step, wide, tall, 2.8, 0.25), hand, 0.9, 0.2)
    waterfall(sheet, fall, lip, pool, w * rng.uniform(0.035, 0.06))
    ripples(sheet, pool, pool + 0.1 * h, 14, 0.5)
    m = int(rng.integers(4, 7))
    feet, spread = h * rng.uniform(1.0, 1.1, m), w * rng.uniform(0.3, 0.5, m)
    earth_hills(sheet, earth, w * rng.random(m), feet, spread, h * rng.uniform(0.08, 0.16, m), 0.95)


def columns(sheet: Sheet, earth: Hand) -> None:
    """Basalt columns out of a sea of line-drawn waves (as in Chongseokjeong)."""
    rng, w, h = sheet.rng, sheet.width, sheet.height
    skyline(sheet)
    horizon = h * rng.uniform(0.3, 0.45)
    span = np.linspace(0, 1, 40)
    for y in np.linspace(0, 1, 22) ** 1.4:
        swell = sheet.unit * (1 + 5 * y) * np.abs(np.sin(span * rng.uniform(14, 22) + rng.uniform(0, 6)))
        path = np.stack([span * w, horizon + y * (h - horizon) - swell], 1)
        sheet.mark([ribbons(path[None], np.full((1, 40), 0.6 * sheet.unit))[0]], 0.25 + 0.25 * y, 0.4)
    side = rng.choice([-1, 1])
    for group in range(int(rng.integers(2, 5))):
        middle = w * (0.5 + side * (0.42 - rng.uniform(0.2, 0.28) * group))
        foot = horizon + (h - horizon) * rng.uniform(0.2, 0.75)
        basalt(sheet, middle, foot, w * rng.uniform(0.12, 0.3), h * rng.uniform(0.2, 0.48), earth.ink)
    m = int(rng.integers(3, 6))
    x, base = w * (0.5 + side * rng.uniform(0.1, 0.6, m)), h * rng.uniform(0.95, 1.1, m)
    earth_hills(sheet, earth, x, base, w * rng.uniform(0.3, 0.5, m), h * rng.uniform(0.1, 0.2, m), 0.95)
    boat(sheet, w * (0.5 - side * 0.3), h * rng.uniform(0.6, 0.85), 11 * sheet.unit, earth.ink)


def basalt(sheet: Sheet, x: float, foot: float, width: float, height: float, ink: float) -> None:
    """A stand of flat-topped pillars of different heights, with pines on top and surf at the foot."""
    rng, unit = sheet.rng, sheet.unit
    n = max(int(width / unit / 5), 4)
    edges = x + width * (np.linspace(-0.5, 0.5, n + 1) + rng.normal(0, 0.008, n + 1))
    rise = height * (0.55 + 0.45 * np.cos(np.linspace(-1.2, 1.2, n)) + 0.12 * rng.normal(0, 1, n))
    feet = foot + rng.uniform(0, 0.06, n) * height
    pillars, lines = [], []
    for left, right, tall, low in zip(edges[:-1], edges[1:], rise, feet, strict=True):
        tilt = rng.uniform(0, 2.5) * unit
        pillars.append(np.array([[left, low], [left, foot - tall], [right, foot - tall - tilt], [right, low]]))
        lines += [[[left, foot - tall], [left, low]], [[right, foot - tall - tilt], [right, low]]]
        lines += [[[left, foot - tall], [right, foot - tall - tilt]]]
        inner = left + (right - left) * rng.random(2)
        lines += [[[k, foot - tall * rng.uniform(0.5, 0.97)], [k, low - 0.1 * tall]] for k in inner]
    sheet.hide(pillars)
    sheet.mark(pillars, rng.uniform(0.05, 0.3, n), 0.2)
    sheet.mark(pillars, 0.12, 0.2, "azure")
    strokes = ribbons(np.array(lines), np.tile(np.array([1.6, 0.7]) * unit, (len(lines), 1)))
    sheet.mark(strokes, ink * rng.uniform(0.5, 1, len(lines)), 0.3)
    tops = np.stack([(edges[:-1] + edges[1:]) / 2, foot - rise], 1)
    tee_pines(sheet, tops[rng.random(n) < 0.6], 13 * unit, ink)


def river(sheet: Sheet, earth: Hand) -> None:
    """The Han with round hills, hamlets and boats (as in the views around the capital)."""
    rng, w, h = sheet.rng, sheet.width, sheet.height
    for base in (0.32, 0.4):
        far_range(sheet, h * base, h * rng.uniform(0.15, 0.3), rng.uniform(0.1, 0.25), "azure")
    m = int(rng.integers(5, 9))
    wide, tall = w * rng.uniform(0.15, 0.4, m), h * rng.uniform(0.08, 0.28, m)
    earth_hills(sheet, earth, w * rng.random(m), h * rng.uniform(0.42, 0.52, m), wide, tall, 0.7)
    for _ in range(int(rng.integers(2, 5))):
        hut(sheet, w * rng.uniform(0.1, 0.9), h * rng.uniform(0.5, 0.56), 8 * sheet.unit, earth.ink)
    ripples(sheet, h * 0.56, h * 0.85, int(rng.integers(6, 24)), 0.4)
    for _ in range(int(rng.integers(1, 4))):
        boat(sheet, w * rng.uniform(0.1, 0.9), h * rng.uniform(0.6, 0.8), sheet.unit * rng.uniform(8, 13), earth.ink)
    m = int(rng.integers(4, 8))
    wide, tall = w * rng.uniform(0.2, 0.45, m), h * rng.uniform(0.1, 0.25, m)
    earth_hills(sheet, earth, w * rng.random(m), h * rng.uniform(0.98, 1.12, m), wide, tall, 1.0)
