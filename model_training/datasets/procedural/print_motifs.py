"""What a landscape print is composed of: cone, hills, water, waves, pines, roofs, sails, bridges, rain and snow."""

from __future__ import annotations

import numpy as np

from .brush import Array, Rng, contour, ellipses, ribbons, spline, stroke
from .woodblock import Colour, Print, blend

WHITE: Colour = (248, 245, 236)
# A rearing wave, across and up: from the trough over its back to the lip, then down its hollow face and out.
WAVE_ACROSS = [-0.1, 0.08, 0.25, 0.42, 0.56, 0.64, 0.55, 0.45, 0.37, 0.39, 0.55, 0.85, 1.15]
WAVE_UP = [0.3, 0.6, 0.88, 1.0, 0.93, 0.76, 0.82, 0.78, 0.6, 0.36, 0.17, 0.08, 0.12]


class Scene(Print):
    """A print in the making, with a palette: sky, band, glow, far, hill, land, sea, deep, accent, key."""

    def __init__(self, rng: Rng, width: int, height: int, palette: dict[str, Colour]) -> None:
        super().__init__(rng, width, height, palette["key"])
        self.colour = palette


def shift(path: Array, x: float, y: float) -> Array:
    """The path moved by x, y."""
    return path + np.array([x, y])


def box(left: float, top: float, right: float, bottom: float) -> Array:
    """A rectangle as a shape."""
    return np.array([[left, top], [right, top], [right, bottom], [left, bottom]], np.float32)


def under(line: Array, floor: float) -> Array:
    """The shape between a line drawn from left to right and the level `floor`."""
    return np.concatenate([line, [[line[-1, 0], floor], [line[0, 0], floor]]]).astype(np.float32)


def cloud(art: Scene, x: float, y: float, long: float, colour: Colour) -> None:
    """A bank of haze with rounded ends (suyari-gasumi), a convention of Japanese painting and print."""
    rng = art.rng
    thick = art.height * rng.uniform(0.009, 0.018)
    turn = np.linspace(np.pi / 2, 3 * np.pi / 2, 8)
    end = np.stack([np.cos(turn), np.sin(turn)], 1) * thick
    for step in range(int(rng.integers(1, 4))):
        left, top = x + rng.normal(0, 0.25) * long, y + step * thick * 1.9
        reach = long * rng.uniform(0.5, 1)
        art.flat(np.concatenate([shift(end, left, top), shift(-end, left + reach, top)]), colour, 0)


def cone(art: Scene, x: float, base: float, width: float, height: float) -> None:
    """Fuji: concave flanks, a blunt summit and a snow cap that runs down the gullies."""
    rng, c = art.rng, art.colour
    t = np.linspace(-1, 1, 61)
    flank = np.minimum((1 - np.abs(t)) ** rng.uniform(1.25, 1.7), 0.9) / 0.9 + 0.008 * contour(rng, 61, 20, 2)
    line = np.stack([x + t * width / 2, base - height * flank], 1).astype(np.float32)
    red = rng.random() < 0.25
    art.bokashi(under(line, base), c["accent"] if red else c["far"], c["hill"] if red else c["far"], 1.0, 1.0)
    snow = rng.uniform(0.2, 0.5)
    cap = line[line[:, 1] < base - height * (1 - snow)]
    if len(cap) > 4:
        n = 21
        drip = np.where(np.arange(n) % 2 == 1, -0.6, 1) * rng.uniform(0.1, 1, n) * height * snow * 0.5
        drip[[0, -1]] = 0
        hem = np.stack([np.linspace(cap[-1, 0], cap[0, 0], n), cap[:, 1].max() + drip], 1)
        art.flat(np.concatenate([cap, hem]), WHITE, 0.6)


def hills(art: Scene, base: float, height: float, colour: Colour, count: int) -> None:
    """Overlapping rounded hills, wiped towards their feet, with rows of little trees along their backs."""
    rng = art.rng
    t = np.linspace(-1, 1, 41)
    for _ in range(count):
        x, wide, tall = (
            art.width * rng.uniform(-0.1, 1.1),
            art.width * rng.uniform(0.25, 0.7),
            height * rng.uniform(0.4, 1),
        )
        back = np.cos(t * np.pi / 2) ** rng.uniform(0.9, 1.8) * (1 + 0.12 * contour(rng, 41, 6, 3))
        line = np.stack([x + t * wide / 2, base - tall * back], 1).astype(np.float32)
        art.bokashi(under(line, base + 1), colour, art.colour["land"], 1.0, 0)
        art.lines([line], 0.9)
        dark = blend(colour, art.colour["key"], 0.55)
        for depth in (0.0, 0.3, 0.6):
            pick = rng.random(16) < 0.75 - 0.5 * depth
            spot = line[5:37:2][pick] + (0, depth * tall * 0.5 + 1.5 * art.unit)
            spot = spot + rng.normal(0, 0.012, spot.shape) * (wide, tall)
            spot = spot[spot[:, 1] < base - 2]
            art.cuts(spot, spot - (0, art.unit * rng.uniform(3, 7)), 3.2, dark)


def sea(art: Scene, top: float, bottom: float) -> None:
    """Water wiped dark at one side, with fine lines of waves that open out towards us."""
    rng, c = art.rng, art.colour
    shades = (c["sea"], c["deep"]) if rng.random() < 0.65 else (c["deep"], c["sea"])
    art.bokashi(box(-2, top, art.width + 2, bottom + 2), *shades, rng.choice([1.0, -0.5, 0.5]), 0.7)
    depth = rng.random(80) ** 1.3
    reach = art.unit * (3 + 16 * depth)
    x, y = art.width * rng.random(80), top + (bottom - top) * (0.03 + 0.97 * depth)
    arc = np.array([[-1, 0], [-0.5, -0.13], [0, 0], [0.5, -0.13], [1, 0]])
    art.lines(np.stack([x, y], 1)[:, None] + arc * reach[:, None, None], 0.5, 0.5)


def sail(art: Scene, x: float, y: float, size: float) -> None:
    """A trading boat: dark hull, square sail with seams."""
    place = np.array([x, y])
    hull = np.array([[-1, -0.25], [-0.7, 0.1], [0.7, 0.1], [1.1, -0.3], [0.6, -0.12], [-0.6, -0.12]])
    cloth = np.array([[-0.55, -1.7], [0.45, -1.75], [0.55, -1.0], [0.6, -0.35], [-0.5, -0.3], [-0.45, -1.0]])
    seams = np.array([[[k, -1.7], [k * 1.1, -0.34]] for k in (-0.2, 0.12)])
    art.flat(place + size * cloth, WHITE, 0.6)
    art.lines(place + size * seams, 0.4, 0.6)
    art.flat(place + size * hull, blend(art.colour["land"], art.colour["key"], 0.3), 0.6)


def skiff(art: Scene, x: float, y: float, size: float) -> None:
    """A long open boat with rowers in straw hats."""
    side = art.rng.choice([-1, 1])
    place, scale = np.array([x, y]), np.array([size * side, size])
    hull = spline([(-1.6, -0.45), (-1.1, -0.05), (0, 0.08), (1.1, -0.1), (1.7, -0.5)], 5)
    art.flat(place + scale * np.concatenate([hull, shift(hull[::-1], 0, 0.3)]), art.colour["land"], 0.8)
    for k in (-0.7, -0.1, 0.5):
        traveller(art, x + k * size * side, y + 0.05 * size, 0.75 * size)


def traveller(art: Scene, x: float, y: float, size: float) -> None:
    """A figure under a wide straw hat."""
    place = np.array([x, y])
    robe = art.colour[str(art.rng.choice(["accent", "deep", "band"]))]
    art.flat(place + size * np.array([[-0.22, 0], [-0.2, -0.65], [0.2, -0.65], [0.26, 0]]), robe, 0.5)
    art.flat(place + size * np.array([[-0.42, -0.62], [0, -0.95], [0.42, -0.62]]), (228, 206, 150), 0.5)


def pine(art: Scene, x: float, y: float, height: float, lean: float) -> None:
    """A roadside pine: bent trunk and scalloped pads of needles as flat dark areas, snowy where the land is white."""
    rng, c = art.rng, art.colour
    up = np.linspace(0, 1, 9)
    trunk = np.stack([x + height * (lean * up + 0.09 * contour(rng, 9, 3, 2)), y - height * up], 1).astype(np.float32)
    art.flat(stroke(trunk, height * 0.07 * np.linspace(1, 0.4, 9)), blend(c["land"], c["key"], 0.5), 0.6)
    snowy = min(c["land"]) > 225
    dark = blend(c["hill"], c["key"], 0.2 if snowy else 0.45)
    for level in np.linspace(0.4, 1.04, int(rng.integers(6, 10))):
        side = rng.choice([-1, 1])
        root = np.array([np.interp(level, up, trunk[:, 0]), y - height * level])
        reach = height * (1.25 - level) * rng.uniform(0.15, 0.5)
        wide = height * rng.uniform(0.11, 0.19) * (1.35 - 0.55 * level)
        tip = shift(root, side * reach, -0.04 * height)
        art.flat(
            stroke(np.stack([shift(root, 0, 0.05 * height), tip]), 0.03 * height), blend(c["land"], c["key"], 0.5), 0
        )
        foliage(art, tip[0], tip[1], wide, height * 0.06, dark, c["land"] if snowy else None)


def foliage(art: Scene, x: float, y: float, across: float, down: float, colour: Colour, snow: Colour | None) -> None:
    """A pad of needles with a bumpy upper edge, a level lower one and a few cuts for the needles."""
    turn = np.linspace(np.pi, 2 * np.pi, 25)
    bump = 1 + 0.16 * np.abs(np.sin(turn * 4))
    dome = np.stack([x + across * np.cos(turn) * bump, y + down * np.sin(turn) * bump], 1)
    hem = np.array([[x + across * 0.5, y + 0.35 * down], [x - across * 0.5, y + 0.35 * down]])
    art.flat(np.concatenate([dome, hem]), colour, 0.7)
    if snow:
        art.flat(np.concatenate([dome, shift(dome[::-1], 0, 0.55 * down)]), snow, 0.4)
        return
    inner = np.array([x, y]) + (dome[2:23:3] - (x, y)) * 0.45
    art.cuts(inner, dome[2:23:3] * 0.9 + inner * 0.1, 0.6, blend(colour, art.colour["land"], 0.45))


def house(art: Scene, x: float, y: float, size: float) -> None:
    """A thatched house."""
    art.flat(box(x - 0.7 * size, y - 0.6 * size, x + 0.7 * size, y), (224, 210, 180), 0.6)
    art.lines(np.array([[[x + k * size, y - 0.5 * size], [x + k * size, y]] for k in (-0.35, 0, 0.35)]), 0.5)
    roof = (
        spline([(-1, -0.48), (-0.62, -0.85), (-0.45, -1.25)], 4),
        spline([(0.45, -1.25), (0.62, -0.85), (1, -0.48)], 4),
    )
    art.bokashi(
        np.array([x, y]) + size * np.concatenate(roof),
        art.colour["land"],
        blend(art.colour["land"], art.colour["key"], 0.4),
        1,
        0.8,
    )


def bridge(art: Scene, left: float, right: float, y: float, rise: float, thick: float) -> None:
    """A drum bridge on trestles, with a railing and people crossing."""
    rng, c = art.rng, art.colour
    t = np.linspace(0, 1, 25)
    deck = np.stack([left + (right - left) * t, y - rise * np.sin(np.pi * t)], 1)
    wood = blend(c["accent"], c["land"], rng.uniform(0, 1))
    for k in range(3, 23, 4):
        foot = deck[k] + (0, rise * 0.6 + 5 * thick)
        art.flat(stroke(np.stack([deck[k], foot]), 0.7 * thick), blend(wood, c["key"], 0.3), 0.6)
    for k in rng.integers(3, 22, 5):
        traveller(art, deck[k, 0], deck[k, 1], 3.2 * thick)
    art.flat(np.concatenate([deck, shift(deck[::-1], 0, thick)]), wood, 0.8)
    rail = deck - (0, 1.7 * thick)
    art.flat(np.concatenate([rail, shift(rail[::-1], 0, 0.35 * thick)]), wood, 0.5)
    art.lines(np.stack([rail[::2], deck[::2]], 1), 0.9)


def gate(art: Scene, x: float, y: float, size: float) -> None:
    """A torii standing in water."""
    place, red = np.array([x, y]), blend(art.colour["accent"], art.colour["land"], 0.15)
    for side in (-1, 1):
        art.flat(
            place + size * np.array([[side * 0.5, 0], [side * 0.42, -1.2], [side * 0.32, -1.2], [side * 0.38, 0]]),
            red,
            0.7,
        )
    art.flat(place + size * box(-0.55, -0.95, 0.55, -0.85), red, 0.7)
    top = spline([(-0.85, -1.42), (-0.4, -1.31), (0.4, -1.31), (0.85, -1.42)], 5)
    art.flat(place + size * np.concatenate([top, shift(top[::-1], 0, 0.17)]), red, 0.7)


def wave(art: Scene, left: float, width: float, height: float, floor: float, flip: bool) -> None:
    """A wave that rears up and curls over, striped along its flow and fringed with claws of foam."""
    rng, c = art.rng, art.colour
    knots = np.stack([WAVE_ACROSS, WAVE_UP], 1) + rng.normal(0, 0.025, (13, 2))
    back, face = spline(knots[:6]), spline(knots[5:])

    def place(path: Array) -> Array:
        across = 1 - path[:, 0] if flip else path[:, 0]
        return np.stack([left + across * width, floor - path[:, 1] * height], 1).astype(np.float32)

    art.bokashi(place(np.concatenate([back, face, [[1.15, -0.3], [-0.1, -0.3]]])), c["sea"], c["deep"], 0.9, 1.1)
    rear = np.stack([np.interp(np.linspace(0, 1, 40), np.linspace(0, 1, len(back)), back[:, k]) for k in (0, 1)], 1)
    front = np.stack([np.interp(np.linspace(0, 1, 40), np.linspace(0, 1, len(face)), face[::-1, k]) for k in (0, 1)], 1)
    taper = np.sin(np.linspace(0.15, np.pi, 40))
    for number, share in enumerate(np.linspace(0.12, 0.9, 8)):
        stripe = place(rear * (1 - share) + front * share)
        band = stroke(stripe, 0.035 * height * taper)
        art.flat(band, (c["deep"], blend(c["sea"], WHITE, 0.7))[number % 2], 0.4)
    crest = place(np.concatenate([back[20:], face[1:16]]))
    spot = np.repeat(crest[::2], 3, 0)
    size = height * rng.uniform(0.012, 0.035, len(spot))
    spot = spot + rng.normal(0, 0.018 * height, spot.shape)
    art.discs(spot[:, 0], spot[:, 1], size, WHITE, 0.6)
    roots = crest[len(crest) // 3 :: 2]
    reach = height * rng.uniform(0.05, 0.1, len(roots))[:, None]
    forward = np.array([-1.0 if flip else 1.0, 0.55])
    bend = np.linspace(0, 1, 6)[:, None]
    curl = 2 * bend * (1 - bend) * forward * 1.2 + bend**2 * (forward * 0.8 + np.array([0, 0.9]))
    hook = roots[:, None] + reach[:, None] * curl
    thick = height * np.array([0.036, 0.034, 0.03, 0.024, 0.015, 0.003])
    for claw in ribbons(hook, np.tile(thick, (len(roots), 1))):
        art.flat(claw, WHITE, 0.5)
    drops = crest[rng.integers(0, len(crest), 26)] + rng.normal(0, 0.09, (26, 2)) * height
    art.discs(drops[:, 0], drops[:, 1], art.unit * rng.uniform(0.5, 1.3, 26), WHITE)


def rain(art: Scene) -> None:
    """Rain as fine ruled lines at two slightly different slants."""
    rng = art.rng
    slant = rng.uniform(0.1, 0.5) * rng.choice([-1, 1])
    start = rng.random((240, 2)) * (art.width * 1.3, art.height * 1.2) - (0.15 * art.width, 0.2 * art.height)
    lean = slant + 0.07 * rng.integers(0, 2, 240)
    fall = np.stack([lean, np.ones(240)], 1) * art.unit * rng.uniform(30, 80, 240)[:, None]
    art.lines(np.stack([start, start + fall], 1), 0.5, rng.uniform(0.3, 0.55))


def snow(art: Scene) -> None:
    """Snowflakes: small round spots left unprinted."""
    rng = art.rng
    x, y = rng.random(200) * art.width, rng.random(200) * art.height
    art.discs(x, y, art.unit * rng.uniform(0.7, 1.7, 200), WHITE)


def geese(art: Scene, x: float, y: float) -> None:
    """A skein of wild geese."""
    rng = art.rng
    n = int(rng.integers(5, 10))
    place = np.array([x, y]) + np.arange(n)[:, None] * (7, 3.5) * art.unit + rng.normal(0, 1.5, (n, 2)) * art.unit
    wings = np.array([[-3.2, -1.4], [-1, -0.4], [0, 0.5], [1, -0.6], [3.2, -1.8]]) * art.unit
    art.lines(place[:, None] + wings, 0.8)


def blossom(art: Scene, points: Array, colour: Colour) -> None:
    """Flowers along twigs, as clusters of small outlined spots."""
    rng = art.rng
    spot = np.repeat(points, 4, 0) + rng.normal(0, 5 * art.unit, (4 * len(points), 2))
    art.discs(spot[:, 0], spot[:, 1], art.unit * rng.uniform(1.6, 3.2, len(spot)), colour, 0.4)


def rocks(art: Scene, x: float, y: float, size: float) -> None:
    """Rocks in the surf, with foam at their feet."""
    rng, c = art.rng, art.colour
    for _ in range(3):
        t = np.linspace(0, np.pi, 14)
        px, wide, tall = x + rng.normal(0, 0.6) * size, size * rng.uniform(0.3, 0.6), size * rng.uniform(0.4, 1.1)
        edge = np.stack([px - wide * np.cos(t), y - tall * np.sin(t) ** 0.7 * (1 + 0.4 * contour(rng, 14, 7, 2))], 1)
        art.bokashi(
            under(edge.astype(np.float32), y), blend(c["hill"], c["key"], 0.2), blend(c["hill"], c["key"], 0.6), 1, 0.9
        )
    foam = ellipses(x + rng.normal(0, 0.8, 7) * size, np.full(7, y), size * rng.uniform(0.15, 0.4, 7), 0.08 * size)
    for shape in foam:
        art.flat(shape, WHITE, 0.5)
