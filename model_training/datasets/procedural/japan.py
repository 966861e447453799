"""Ukiyo-e landscape print (fūkei-ga), after Hokusai and Hiroshige.

What marks the manner: every form is a flat area inside an even dark outline; shading is only ever the printer's wiping
(bokashi); sky and water are printed, not left blank; near things are cropped boldly by the edge of the block.
"""

from __future__ import annotations

import numpy as np
from PIL import Image

from .brush import Rng, contour, spline, stroke
from .print_motifs import (
    WHITE,
    Scene,
    blossom,
    box,
    bridge,
    cloud,
    cone,
    foliage,
    gate,
    geese,
    hills,
    house,
    pine,
    rain,
    rocks,
    sail,
    sea,
    skiff,
    snow,
    traveller,
    under,
    wave,
)
from .woodblock import Colour, blend

# Hex colours of: sky, band wiped over its top, glow above the horizon, far and near hills, land, sea, deep sea, accent
# and key block. Aizuri-e are printed in blues alone; night, snow and grey prints go almost without colour.
ROLES = ("sky", "band", "glow", "far", "hill", "land", "sea", "deep", "accent", "key")
PALETTES = {
    "prussian": "e2e6da 1c4283 f2d6a8 7d9cb4 5f8454 c6ba74 9cc0d2 1e4e96 c24a30 181a22",
    "morning": "eef0e6 3a78b0 f4b8a0 a8b8c4 7a9a5a d6c890 b4d6de 3c86b4 d05040 20242c",
    "dusk": "f0d8b8 84424a e88c58 947c94 626854 b89c68 aec0c2 3e5884 b83c34 1e181a",
    "aizuri": "e2e8ec 18347a d2dee8 90aaca 4a6ea4 b4c8dc 86a8cc 1c3e80 2c4a86 102050",
    "night": "6c7888 202838 989ca0 56606e 3a424c 7c7c70 687686 263248 c8a850 121418",
    "snow": "b8bec4 424c60 d2d4d0 e6e8e6 eceee8 f6f4ee 90a8be 2c4c80 b04036 1a1c22",
    "autumn": "f0e6c0 4a6676 eab868 a0a480 a0703c c8a05c b4c4b0 4a707c c04c2a 221a16",
    "grey": "e4dece 605c58 d8d0bc aaa498 7c786c c2b69c beb8ac 6a6864 985040 1c1a18",
    "green": "e8e6cc 2c5a60 f0d090 88a490 4c7850 b8b468 a4c4b4 2a6a74 c45a34 16201c",
}
# Where a bay's shore runs, across and down from the horizon.
COAST = np.array([[1.1, 0.05], [0.6, 0.12], [0.33, 0.3], [0.4, 0.5], [0.75, 0.75], [0.6, 1.1]])
PAPERS: list[Colour] = [(246, 240, 222), (238, 228, 202), (230, 218, 192), (242, 238, 228)]


def draw(rng: Rng, size: int, aspect: float) -> Image.Image:
    """One image of the manner; the long side is `size`, the width `aspect` times the height."""
    name = str(rng.choice(list(PALETTES)))
    tones: list[Colour] = [(int(c[:2], 16), int(c[2:4], 16), int(c[4:], 16)) for c in PALETTES[name].split()]
    palette = dict(zip(ROLES, tones, strict=True))
    art = Scene(rng, round(size * min(aspect, 1)), round(size / max(aspect, 1)), palette)
    horizon = art.height * rng.uniform(0.38, 0.62)
    sky(art, horizon)
    scenes = [cone_view, great_wave, bay, village, crossing, sea_gate, cropped_tree, stormy_rocks]
    scenes[rng.integers(len(scenes))](art, horizon)
    if name == "snow" or rng.random() < 0.06:
        snow(art)
    elif rng.random() < 0.16:
        rain(art)
    if rng.random() < 0.85:
        titles(art)
    margin = float(rng.choice([0, 7, 11]))
    return art.pull(PAPERS[rng.integers(len(PAPERS))], rng.uniform(0.2, 1.0), margin, rng.uniform(0, 0.35))


def sky(art: Scene, horizon: float) -> None:
    """A wiped sky: a dark straight band at the top (ichimonji bokashi), a glow at the horizon, sun or moon, haze."""
    rng, c, w, h = art.rng, art.colour, art.width, art.height
    art.bokashi(box(0, 0, w, horizon + 2), c["sky"], c["glow"], rng.choice([1.0, -0.4]), 0)
    art.bokashi(box(0, 0, w, h * rng.uniform(0.08, 0.28)), c["band"], c["sky"], 1, 0)
    if rng.random() < 0.45:
        disc = c["accent"] if rng.random() < 0.5 else WHITE
        x, y = w * rng.uniform(0.15, 0.85), horizon * rng.uniform(0.2, 0.95)
        art.discs(np.array([x]), np.array([y]), np.array([min(w, h) * rng.uniform(0.05, 0.11)]), disc, 0.5)
    tone = blend(c["sky"], WHITE, 0.75) if rng.random() < 0.7 else blend(c["glow"], c["accent"], 0.2)
    for _ in range(int(rng.integers(0, 5))):
        cloud(art, w * rng.uniform(-0.2, 0.9), horizon * rng.uniform(0.2, 0.95), w * rng.uniform(0.2, 0.6), tone)
    if rng.random() < 0.25:
        geese(art, w * rng.uniform(0.1, 0.7), horizon * rng.uniform(0.2, 0.6))


def fleet(art: Scene, horizon: float, left: float, right: float, count: int) -> None:
    """Sails, smaller towards the horizon, between two shares of the width."""
    for y in np.sort(art.rng.uniform(0.06, 0.7, count)):
        sail(
            art, art.width * art.rng.uniform(left, right), horizon + y * (art.height - horizon), art.unit * (5 + 17 * y)
        )


def shore(art: Scene, y: float, trees: int) -> None:
    """A near shore with pines and people, cropped by the lower edge."""
    rng, w, h = art.rng, art.width, art.height
    x = np.linspace(-5, w + 5, 40)
    slope = rng.normal(0, 0.12) * (x - w / 2)
    line = np.stack([x, y + h * 0.04 * contour(rng, 40, 3, 3) + slope], 1).astype(np.float32)
    art.bokashi(under(line, h + 5), art.colour["land"], art.colour["hill"], 1.0)
    for k in rng.integers(2, 38, int(rng.integers(0, 5))):
        traveller(art, line[k, 0], line[k, 1] + 4 * art.unit, 11 * art.unit)
    middle = rng.uniform(3, 36)
    for k in np.clip(rng.normal(middle, 5, trees), 0, 39).astype(int):
        pine(art, line[k, 0], line[k, 1] + 3, min(w, h) * rng.uniform(0.25, 0.55), rng.normal(0, 0.2))


def cone_view(art: Scene, horizon: float) -> None:
    """Fuji over hills or water."""
    rng, w, h = art.rng, art.width, art.height
    wide = w * rng.uniform(0.6, 1.7)
    cone(art, w * rng.uniform(0.2, 0.8), horizon + 2, wide, min(h * rng.uniform(0.2, 0.42), wide * 0.5, horizon * 0.85))
    if rng.random() < 0.7:
        sea(art, horizon, h)
        fleet(art, horizon, 0.1, 0.9, int(rng.integers(0, 5)))
    else:
        art.bokashi(box(-2, horizon, w + 2, h + 2), art.colour["land"], art.colour["hill"], 1)
        for step in (0.25, 0.5, 0.75):
            hills(art, horizon + step * (h - horizon), h * 0.1, art.colour["hill"], 3)
    hills(art, horizon + h * 0.05, h * rng.uniform(0.05, 0.12), art.colour["hill"], int(rng.integers(0, 4)))
    if rng.random() < 0.75:
        shore(art, h * rng.uniform(0.78, 0.95), int(rng.integers(1, 5)))


def great_wave(art: Scene, horizon: float) -> None:
    """Under the wave: a claw of water over boats, the far cone small beneath it."""
    rng, w, h = art.rng, art.width, art.height
    flip = rng.random() < 0.4
    wide = w * rng.uniform(0.25, 0.6)
    far = w * (1 - rng.uniform(0.55, 0.75) if flip else rng.uniform(0.55, 0.75))
    cone(art, far, horizon + 2, wide, min(wide * 0.5, horizon * 0.6))
    sea(art, horizon, h)
    skiff(art, w * rng.uniform(0.3, 0.7), h * rng.uniform(0.68, 0.8), art.unit * rng.uniform(14, 20))
    wide, tall = w * rng.uniform(0.8, 1.15), h * rng.uniform(0.55, 0.85)
    wave(art, w * rng.uniform(-0.15, 0.05) if not flip else w * rng.uniform(0.95, 1.15) - wide, wide, tall, h, flip)
    if rng.random() < 0.7:
        wave(art, w * rng.uniform(0.1, 0.6), w * rng.uniform(0.4, 0.7), h * rng.uniform(0.2, 0.35), h * 1.03, not flip)


def bay(art: Scene, horizon: float) -> None:
    """A curved coast seen from above, with sails and a line of pines along the road."""
    rng, w, h = art.rng, art.width, art.height
    hills(art, horizon, h * rng.uniform(0.06, 0.2), art.colour["far"], int(rng.integers(2, 6)))
    sea(art, horizon, h)
    flip = rng.random() < 0.5
    shake = rng.normal(0, 0.07, (6, 2)) * (1, 0.5)
    curve = spline(shake + COAST)
    x = (1 - curve[:, 0] if flip else curve[:, 0]) * w
    line = np.stack([x, horizon + curve[:, 1] * (h - horizon)], 1).astype(np.float32)
    edge = -9.0 if flip else w + 9.0
    land = np.concatenate([line, [[edge, h + 9], [edge, line[0, 1]]]]).astype(np.float32)
    art.bokashi(land, art.colour["land"], art.colour["hill"], 1)
    fleet(art, horizon, *((0.5, 0.95) if flip else (0.05, 0.5)), int(rng.integers(2, 8)))
    inland = -1 if flip else 1
    for k in range(3, len(line), int(rng.integers(3, 6))):
        size = art.unit * (12 + 70 * curve[k, 1])
        if rng.random() < 0.25:
            house(art, line[k, 0] + inland * 0.6 * size, line[k, 1], size * 0.28)
        pine(art, line[k, 0] + inland * 0.25 * size, line[k, 1], size, rng.normal(0, 0.15))


def village(art: Scene, horizon: float) -> None:
    """Houses and pines along a river under hills."""
    rng, w, h = art.rng, art.width, art.height
    hills(art, horizon, h * rng.uniform(0.15, 0.35), art.colour["far"], int(rng.integers(2, 5)))
    art.bokashi(box(-2, horizon, w + 2, h + 2), art.colour["land"], art.colour["hill"], 1, 0.7)
    hills(art, horizon + h * 0.05, h * rng.uniform(0.08, 0.2), art.colour["hill"], int(rng.integers(1, 4)))
    top, span = horizon + h * rng.uniform(0.12, 0.2), h * rng.uniform(0.15, 0.3)
    t = np.linspace(-0.05, 1.05, 30)
    bank = top + h * 0.03 * contour(rng, 30, 3, 2) + rng.normal(0, 0.1) * (t - 0.5) * h
    upper, lower = (np.stack([t * w, bank + k], 1).astype(np.float32) for k in (0, span))
    art.bokashi(np.concatenate([upper, lower[::-1]]), art.colour["deep"], art.colour["sea"], 1)
    for _ in range(int(rng.integers(4, 9))):
        k = int(rng.integers(1, 29))
        house(art, upper[k, 0], upper[k, 1] - rng.uniform(1, 10) * art.unit, art.unit * rng.uniform(9, 15))
        if rng.random() < 0.5:
            pine(art, upper[k, 0] + 16 * art.unit, upper[k, 1], art.unit * rng.uniform(30, 60), rng.normal(0, 0.15))
    skiff(art, w * rng.uniform(0.2, 0.8), float(bank[15]) + 0.6 * span, 12 * art.unit)
    shore(art, h * rng.uniform(0.85, 0.95), int(rng.integers(0, 4)))


def crossing(art: Scene, horizon: float) -> None:
    """A drum bridge from edge to edge."""
    rng, w, h = art.rng, art.width, art.height
    if rng.random() < 0.5:
        cone(art, w * rng.uniform(0.2, 0.8), horizon + 2, w * 0.6, min(0.26 * w, horizon * 0.7))
    hills(art, horizon, h * rng.uniform(0.08, 0.2), art.colour["far"], int(rng.integers(2, 5)))
    sea(art, horizon, h)
    fleet(art, horizon, 0.1, 0.9, int(rng.integers(0, 4)))
    left, right = w * rng.uniform(-0.35, 0.1), w * rng.uniform(0.9, 1.35)
    thick = art.unit * rng.uniform(4, 7)
    bridge(art, left, right, horizon + (h - horizon) * rng.uniform(0.35, 0.7), h * rng.uniform(0.1, 0.3), thick)
    skiff(art, w * rng.uniform(0.2, 0.8), h * rng.uniform(0.85, 0.95), 15 * art.unit)
    if rng.random() < 0.4:
        shore(art, h * 0.95, 2)


def sea_gate(art: Scene, horizon: float) -> None:
    """A gate standing in the tide before islands."""
    rng, w, h = art.rng, art.width, art.height
    hills(art, horizon, h * rng.uniform(0.08, 0.25), art.colour["far"], int(rng.integers(1, 5)))
    sea(art, horizon, h)
    fleet(art, horizon, 0.05, 0.95, int(rng.integers(1, 5)))
    gate(art, w * rng.uniform(0.25, 0.75), h * rng.uniform(0.78, 0.9), min(w, h) * rng.uniform(0.25, 0.42))
    if rng.random() < 0.6:
        shore(art, h * rng.uniform(0.88, 0.96), int(rng.integers(1, 3)))


def stormy_rocks(art: Scene, horizon: float) -> None:
    """Rocks in the surf under a wind-bent pine."""
    rng, w, h = art.rng, art.width, art.height
    cone(art, w * rng.uniform(0.2, 0.8), horizon + 2, w * 0.5, min(0.2 * w, horizon * 0.6))
    sea(art, horizon, h)
    fleet(art, horizon, 0.05, 0.95, int(rng.integers(1, 4)))
    for y in np.sort(rng.uniform(0.3, 0.9, int(rng.integers(2, 5)))):
        rocks(
            art,
            w * rng.uniform(0.05, 0.95),
            horizon + y * (h - horizon),
            min(w, h) * rng.uniform(0.06, 0.2) * (0.6 + y),
        )
    for _ in range(int(rng.integers(1, 4))):
        size = w * rng.uniform(0.25, 0.5)
        wave(
            art,
            w * rng.uniform(-0.1, 0.8),
            size,
            size * rng.uniform(0.4, 0.6),
            h * rng.uniform(0.95, 1.1),
            rng.random() < 0.5,
        )


def cropped_tree(art: Scene, horizon: float) -> None:
    """A great trunk across the foreground, cut off by the edges, the view small behind it (after Hiroshige's Edo)."""
    rng, c, w, h = art.rng, art.colour, art.width, art.height
    [bay, cone_view, village][rng.integers(3)](art, horizon)
    side = rng.choice([-1, 1])
    knots = np.array([[0.42, 1.1], [0.36, 0.75], [0.4, 0.5], [0.2, 0.25], [0.25, -0.1]]) + rng.normal(0, 0.03, (5, 2))
    trunk = spline(np.stack([w * (0.5 + side * knots[:, 0]), h * knots[:, 1]], 1))
    bark, thick = blend(c["accent"], c["key"], 0.62), min(w, h) * rng.uniform(0.08, 0.15)
    flowers = rng.random() < 0.5
    for k in rng.integers(10, len(trunk) - 4, 6):
        reach = np.array([-side * w * rng.uniform(0.2, 0.6), h * rng.uniform(-0.15, 0.15)])
        bough = spline([trunk[k], trunk[k] + reach * 0.4 + (0, -0.05 * h), trunk[k] + reach])
        art.flat(stroke(bough, thick * np.linspace(0.35, 0.05, len(bough))), bark, 0.8)
        if flowers:
            blossom(art, bough[4:], blend(WHITE, c["accent"], 0.3))
        else:
            for x, y in bough[5::3]:
                foliage(art, x, y, min(w, h) * 0.09, min(w, h) * 0.04, blend(c["hill"], c["key"], 0.4), None)
    art.bokashi(stroke(trunk, thick * np.linspace(1.1, 0.5, len(trunk))), bark, blend(bark, c["key"], 0.5), 1, 1.2)


def titles(art: Scene) -> None:
    """Title cartouche, signature and seals in an upper corner."""
    rng, c, unit = art.rng, art.colour, art.unit
    wide, y = unit * rng.uniform(12, 18), unit * 16
    right = rng.random() < 0.6
    x = art.width - 16 * unit - wide if right else 16 * unit
    tall = min(wide * rng.uniform(2.5, 4), 0.3 * art.height)
    art.cartouche(x, y, wide, tall, [c["accent"], (240, 226, 180), c["glow"]][rng.integers(3)])
    beside = x - 2 * unit if right else x + wide + 12 * unit
    art.sign(beside, y + 4 * unit, 1, int(rng.integers(3, 6)), 7.5 * unit)
    art.stamp(x + 2 * unit, y + tall + 4 * unit, 10 * unit, c["accent"])
