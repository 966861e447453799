"""What stands among the rocks of an ink landscape: trees, waterfalls, pavilions, boats."""

from __future__ import annotations

import numpy as np

from .brush import Array, bounds, contour, ellipses, ribbons, stroke
from .ink import Hand, Sheet


def pine(sheet: Sheet, x: float, y: float, height: float, lean: float, ink: float) -> None:
    """A pine: bent trunk, level branches and fans of needles."""
    rng, unit = sheet.rng, sheet.unit
    up = np.linspace(0, 1, 9)
    bend = contour(rng, 9, 3, 2) * 0.12
    trunk = np.stack([x + height * (lean * up**1.4 + bend * up), y - height * up], 1).astype(np.float32)
    thick = max(height * 0.05, 1.1 * unit)
    shapes = [stroke(trunk, thick * (1 - 0.7 * up))]
    tips = [trunk[-1:]]
    for level in np.sort(rng.uniform(0.35, 1, int(rng.integers(6, 11)))):
        side = rng.choice([-1, 1])
        root = np.array([np.interp(level, up, trunk[:, 0]), np.interp(level, up, trunk[:, 1])])
        reach = height * rng.uniform(0.2, 0.5) * (1.25 - 0.7 * level)
        span = np.linspace(0, 1, 6)[:, None]
        branch = root + np.concatenate([side * reach * span, -reach * (0.28 * np.sin(3 * span) - 0.15 * span)], 1)
        shapes.append(stroke(branch.astype(np.float32), thick * (0.45 - 0.35 * span[:, 0])))
        tips.append(branch[int(rng.integers(1, 4)) :])
    tip = np.concatenate(tips)
    needle = max(height * 0.07, 3.0 * unit)
    centre = np.repeat(tip, 9, 0) + rng.normal(0, 0.15 * needle, (len(tip) * 9, 2))
    angle = np.tile(np.linspace(np.pi * 1.02, np.pi * 1.98, 9), len(tip)) + rng.normal(0, 0.12, len(centre))
    reach = needle * rng.uniform(0.7, 1.15, len(centre))
    end = centre + np.stack([np.cos(angle) * 1.35, np.sin(angle) * 0.8], 1) * reach[:, None]
    needles = ribbons(np.stack([centre, end], 1), np.full((len(centre), 2), max(0.5 * unit, needle * 0.08)))
    sheet.mark(ellipses(tip[:, 0], tip[:, 1] - 0.25 * needle, 1.15 * needle, 0.5 * needle), 0.25 * ink, 0.1)
    sheet.mark(shapes, 0.75 * ink, 0.35)
    sheet.mark(needles, rng.uniform(0.5, 1.0, len(needles)) * ink, 0.2)


def tree(sheet: Sheet, x: float, y: float, height: float, lean: float, ink: float, leaves: float) -> None:
    """A winter tree with crab-claw twigs, or one with dabbed foliage where `leaves` (its darkness) is above 0."""
    rng, unit = sheet.rng, sheet.unit
    root, angle, length = np.array([[x, y]]), np.array([lean - np.pi / 2]), np.array([height * 0.38])
    width = max(height * 0.05, unit)
    limbs, tips = [], []
    for order in range(5):  # every limb forks in two, and twigs turn upwards again
        n = len(root)
        heading = angle[:, None] + np.cumsum(rng.normal(0, 0.16, (n, 4)), 1)
        steps = np.stack([np.cos(heading), np.sin(heading)], -1) * length[:, None, None] / 4
        limb = np.concatenate([root[:, None], root[:, None] + np.cumsum(steps, 1)], 1)
        limbs.append(ribbons(limb, np.tile(width * np.linspace(1, 0.6, 5), (n, 1))))
        if order > 1:
            tips.append(limb[:, 2:].reshape(-1, 2))
        root = np.repeat(limb[:, -1], 2, 0)
        fork = np.tile([1.0, -1.0], n) * rng.uniform(0.25, 0.75, 2 * n)
        angle = np.repeat(heading[:, -1] * 0.85 - 0.15 * np.pi / 2, 2) + fork
        length = np.repeat(length, 2) * rng.uniform(0.55, 0.85, 2 * n)
        width = max(width * 0.6, 0.4 * unit)
    sheet.mark(np.concatenate(limbs), 0.85 * ink, 0.3)
    if leaves:
        where = np.repeat(np.concatenate(tips), 3, 0)
        where = where + rng.normal(0, height * 0.035, where.shape)
        size = np.clip(height * 0.022, unit, 2.2 * unit) * rng.uniform(0.7, 1.6, len(where))
        tone = rng.uniform(0.3, 1, len(where)) * leaves
        sheet.mark(ellipses(where[:, 0], where[:, 1], size, 0.6 * size, 8), tone, 0.3)


def stand(sheet: Sheet, hand: Hand, ridge: Array, height: float, near: float, count: int) -> None:
    """A stand of trees of different kinds on a ridge, the taller in the middle."""
    rng = sheet.rng
    middle = int(rng.integers(20, len(ridge) - 20))
    for _ in range(count):
        step = int(rng.integers(-8, 9))
        px, py = ridge[middle + step] + (0, 2 * sheet.unit)
        kind, lean = rng.integers(4), rng.normal(0, 0.15) + 0.015 * step
        reach, ink = height * rng.uniform(0.6, 1.05), hand.ink * near * rng.uniform(0.7, 1)
        if kind < 2:
            pine(sheet, px, py, reach, lean, ink)
        else:
            tree(sheet, px, py, reach, lean, ink, 0.75 * ink if kind == 2 else 0.0)


def grove(sheet: Sheet, places: Array, height: float, ink: float) -> None:
    """Distant trees at `places` (n, 2) in a painter's shorthand: a short upright and a few level dots."""
    rng, n = sheet.rng, len(places)
    tall = height * rng.uniform(0.6, 1.3, n)
    lean = rng.normal(0, 0.1, n) * tall
    tops = places + np.stack([lean, -tall], 1)
    trunks = ribbons(np.stack([places, tops], 1), np.stack([0.16 * tall, 0.08 * tall], 1))
    level = rng.uniform(0.35, 1.05, (n, 5))
    x = places[:, :1] + rng.normal(0, 0.16, (n, 5)) * tall[:, None]
    y = places[:, 1:] - level * tall[:, None]
    size = np.repeat(tall, 5)
    sheet.mark(trunks, 0.7 * ink, 0.2)
    sheet.mark(ellipses(x.ravel(), y.ravel(), 0.3 * size, 0.12 * size, 8), rng.uniform(0.5, 1, 5 * n) * ink, 0.2)


def tee_pines(sheet: Sheet, places: Array, height: float, ink: float) -> None:
    """Jeong Seon's pines at `places` (n, 2): a plain upright under a few level strokes, like the letter T."""
    rng, n = sheet.rng, len(places)
    tall = height * rng.uniform(0.7, 1.25, n)
    tops = places - np.stack([rng.normal(0, 0.05, n) * tall, tall], 1)
    trunks = ribbons(np.stack([places, tops], 1), np.stack([0.08 * tall, 0.06 * tall], 1))
    level = np.tile(np.array([0.5, 0.68, 0.84, 0.98]), n)
    size = np.repeat(tall, 4)
    reach = size * rng.uniform(0.28, 0.5, 4 * n) * (1.5 - level)
    x = np.repeat(places[:, 0], 4) + rng.normal(0, 0.05, 4 * n) * size
    y = np.repeat(places[:, 1], 4) - level * size
    sheet.mark(trunks, 0.8 * ink, 0.2)
    sheet.mark(ellipses(x, y, reach, 0.055 * size, 8), rng.uniform(0.65, 1, 4 * n) * ink, 0.2)


def waterfall(sheet: Sheet, x: float, top: float, bottom: float, width: float) -> None:
    """A fall as blank paper between dark rock, with a few lines of water and mist at its foot."""
    rng = sheet.rng
    span = np.linspace(0, 1, 20)
    middle = x + contour(rng, 20, 4, 3) * width * 0.4
    line = np.stack([middle, top + (bottom - top) * span], 1).astype(np.float32)
    sheet.hide([stroke(line, width * (0.5 + 0.6 * span))])
    threads = [stroke(line + np.array([k * width, 0]), 0.5 * sheet.unit) for k in (-0.5, -0.15, 0.2, 0.5)]
    sheet.mark(threads, [0.3, 0.12, 0.15, 0.3], 0.5)
    box = bounds(np.array([[x, bottom]]), sheet.width, sheet.height, 2.5 * width)
    py, px = np.mgrid[box[1] : box[3], box[0] : box[2]]
    sheet.reserve(box, 0.8 * np.exp(-((px - x) ** 2 + (py - bottom) ** 2) / (1.4 * width**2)).astype(np.float32))


def pavilion(sheet: Sheet, x: float, y: float, size: float, ink: float) -> None:
    """An open pavilion with a swept roof, on the ground line y."""
    roof = [[-0.72, -0.52], [-0.4, -0.66], [-0.1, -0.95], [0.1, -0.95], [0.4, -0.66], [0.72, -0.52], [0, -0.56]]
    beams = [[[k, -0.55], [k, 0]] for k in (-0.45, -0.15, 0.15, 0.45)]
    beams += [[[-0.55, 0], [0.55, 0]], [[-0.5, -0.15], [0.5, -0.15]]]
    place = np.array([x, y])
    sheet.hide([place + size * np.array([[-0.5, 0], [-0.5, -0.6], [0.5, -0.6], [0.5, 0]])])
    width = np.full((len(beams), 2), max(0.05 * size, 0.6 * sheet.unit))
    sheet.mark(ribbons(place + size * np.array(beams), width), ink)
    sheet.mark([place + size * np.array(roof)], 0.85 * ink)


def hut(sheet: Sheet, x: float, y: float, size: float, ink: float) -> None:
    """A low tiled house seen from the front, on the ground line y."""
    place = np.array([x, y])
    wall = np.array([[-0.75, 0], [-0.75, -0.4], [0.75, -0.4], [0.75, 0]])
    roof = np.array([[-1.05, -0.36], [-0.75, -0.8], [0.75, -0.8], [1.05, -0.36], [0, -0.42]])
    beams = np.array([[[k, -0.4], [k, 0]] for k in (-0.75, -0.25, 0.25, 0.75)] + [[[-0.75, 0], [0.75, 0]]])
    sheet.hide([place + size * wall, place + size * roof])
    sheet.mark(ribbons(place + size * beams, np.full((5, 2), max(0.06 * size, 0.5 * sheet.unit))), ink)
    sheet.mark([place + size * roof], 0.7 * ink, 0.5)


def boat(sheet: Sheet, x: float, y: float, size: float, ink: float) -> None:
    """A skiff with a fisherman and his pole, and the ripples beside it."""
    place, scale = np.array([x, y]), np.array([size * sheet.rng.choice([-1, 1]), size])
    hull = place + scale * np.array([[-1, -0.16], [-0.6, 0.06], [0.5, 0.08], [1, -0.2], [0.6, 0.2], [-0.6, 0.2]])
    cloak = place + scale * np.array([[0.06, 0], [0.18, -0.38], [0.38, -0.38], [0.5, 0]])
    hat = place + scale * np.array([[0.05, -0.38], [0.28, -0.58], [0.52, -0.38]])
    sheet.hide([hull])
    thin = max(0.05 * size, 0.5 * sheet.unit)
    lines = np.array([[[0.4, -0.3], [1.5, -0.75]], [[-1.4, 0.34], [-0.2, 0.37]], [[0.4, 0.45], [1.4, 0.4]]])
    sheet.mark(ribbons(place + scale * lines, np.full((3, 2), thin)), np.array([0.6, 0.35, 0.35]) * ink)
    sheet.mark([hull, cloak, hat], [0.75 * ink, 0.55 * ink, 0.9 * ink])


def ripples(sheet: Sheet, top: float, bottom: float, count: int, ink: float) -> None:
    """A few level lines that make blank paper water."""
    rng = sheet.rng
    y = top + (bottom - top) * rng.random(count)
    x = sheet.width * rng.random(count)
    reach = sheet.width * rng.uniform(0.03, 0.12, count)
    span = np.linspace(-1, 1, 7)
    wave = 0.6 * sheet.unit * np.sin(span * 5 + rng.uniform(0, 6, (count, 1)))
    paths = np.stack([x[:, None] + reach[:, None] * span, y[:, None] + wave], -1)
    sheet.mark(ribbons(paths, np.tile(0.8 * sheet.unit * (1 - span**2), (count, 1))), ink, 0.5)
