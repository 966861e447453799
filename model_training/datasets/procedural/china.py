"""Ink-wash landscape (shan shui): mountains rise out of blank mist, built up by wash and texture strokes.

What marks the manner: no outlines round colour but ridges drawn by a brush whose pressure varies; shading by texture
strokes (cun); the foot of every form lost in mist; sky and water left as bare paper or silk.
"""

from __future__ import annotations

import numpy as np
from PIL import Image

from .brush import Rng, fan, mount, paper, to_image
from .ink import Hand, Sheet, far_range, rock, rock_outline
from .ink_motifs import boat, grove, pavilion, pine, ripples, stand, tree, waterfall

GROUNDS = [(242, 236, 220), (232, 221, 196), (208, 188, 150), (180, 154, 114), (232, 230, 222), (218, 206, 182)]
TINTS = [(None, 0.0), (None, 0.0), (None, 0.0), ("ochre", 0.35), ("azure", 0.35), ("malachite", 0.5), ("azure", 0.9)]


def draw(rng: Rng, size: int, aspect: float) -> Image.Image:
    """One image of the manner; the long side is `size`, the width `aspect` times the height."""
    leaf = "flat"
    if rng.random() < 0.6:
        leaf = "folding" if aspect > 1.8 else "round" if 0.9 < aspect < 1.1 else "flat"
    width, height = round(size * min(aspect, 1)), round(size / max(aspect, 1))
    sheet = Sheet(rng, width, height)
    ground = GROUNDS[rng.integers(len(GROUNDS))]
    hand = choose_hand(rng)
    if leaf == "folding":
        scenes = [deep, level]
    elif aspect < 0.8:
        scenes = [monumental, monumental, deep, corner, gorge]
    else:
        scenes = [level, level, deep, corner, gorge, old_trees, monumental]
    scenes[rng.integers(len(scenes))](sheet, hand)
    if leaf == "flat" and rng.random() < 0.75:
        inscribe(sheet)
    silk = 0.018 if sum(ground) < 580 else 0.0
    base = paper(rng, height, width, ground, rng.uniform(0.4, 1.6), silk)
    image = sheet.dry(base)
    if leaf != "flat":
        backing = 0.9 * paper(rng, height, width, GROUNDS[rng.integers(len(GROUNDS))], 0.3, 0.012)
        image = mount(image, fan(height, width, leaf == "folding"), backing)
    return to_image(image)


def choose_hand(rng: Rng) -> Hand:
    """A painter for this image: which texture stroke, how dark, how wet, with or without colour."""
    texture = str(rng.choice(["hemp", "hemp", "axe", "rain", "dots"]))
    tint, colour = TINTS[rng.integers(len(TINTS))]
    return Hand(
        texture=texture,
        ink=float(rng.uniform(0.5, 0.9)),
        wet=float(rng.uniform(0.3, 0.7)) + (0.2 if texture == "dots" else 0),
        line=0.0 if texture == "dots" else float(rng.uniform(0.8, 1.7)),
        moss=float(rng.choice([0, 0.5, 0.9])),
        tint=tint,
        colour=colour * rng.uniform(0.7, 1.1),
    )


def inscribe(sheet: Sheet) -> None:
    """A poem and seals in the emptier of the two upper corners, or nothing where neither is empty."""
    rng, w, h = sheet.rng, sheet.width, sheet.height
    cell = sheet.unit * rng.uniform(6, 9)
    columns, rows = int(rng.integers(0, 4)), int(rng.integers(3, 8))
    wide, tall = cell * 1.25 * max(columns, 1.5), cell * 1.12 * (rows + 4)
    corners = {x: sheet.darkness(x - wide, h * 0.03, x, h * 0.03 + tall) for x in (w * 0.97, w * 0.03 + wide)}
    x = min(corners, key=lambda corner: corners[corner])
    if corners[x] < 0.06:
        sheet.inscribe(x, h * 0.03 + 2, columns, rows, cell, int(rng.integers(1, 3)))


def ranges(sheet: Sheet, base: float, height: float) -> None:
    """None to three far ranges, the farthest palest and highest."""
    count = int(sheet.rng.integers(0, 4))
    for step in range(count):
        ink = 0.08 + 0.07 * step
        far_range(sheet, base + step * 0.35 * height, height * sheet.rng.uniform(0.6, 1.1), ink, "azure")


def massif(sheet: Sheet, hand: Hand, x: float, base: float, width: float, height: float, near: float) -> None:
    """A mountain as rocks leaning on each other, the tallest behind: the 'dragon vein' runs down through them."""
    rng = sheet.rng
    dome, rough = rng.uniform(1.0, 2.6), rng.uniform(0.3, 0.6)
    for step in np.linspace(0, 1, int(rng.integers(6, 10))):
        tall = height * (1 - 0.8 * step**0.8) * rng.uniform(0.8, 1.05)
        wide = max(width * rng.uniform(0.3, 0.55) * (1 + 0.3 * step), tall * rng.uniform(0.65, 1.05))
        middle = x + (0 if step == 0 else rng.normal(0, 0.24)) * width
        foot = base - height * 0.12 * (1 - step) + rng.uniform(0, 0.04) * height
        ridge = rock_outline(rng, middle, foot, wide, tall, dome * rng.uniform(0.8, 1.2), rough)
        rock(sheet, ridge, hand, near * (0.6 + 0.4 * step))
        if rng.random() < 0.6:
            places = ridge[rng.integers(14, len(ridge) - 14, int(rng.integers(3, 10)))] + (0, sheet.unit)
            grove(sheet, places, sheet.unit * rng.uniform(5, 8), hand.ink * near * (0.6 + 0.4 * step))


def bank(sheet: Sheet, hand: Hand, x: float, base: float, width: float, height: float, trees: float) -> None:
    """Low near rocks with a stand of trees `trees` high (share of the shorter side)."""
    rng = sheet.rng
    short = min(sheet.width, sheet.height)
    for step in np.linspace(0, 1, int(rng.integers(3, 6))):
        middle, wide = x + rng.normal(0, 0.22) * width, width * rng.uniform(0.35, 0.7)
        tall = height * rng.uniform(0.4, 1) * (1 - 0.5 * step)
        ridge = rock_outline(rng, middle, base + step * 0.15 * height, wide, tall, rng.uniform(1.4, 2.8), 0.5)
        rock(sheet, ridge, hand, 1.0, 0.25)
        if step == 0:
            stand(sheet, hand, ridge, trees * short, 1.0, int(rng.integers(2, 6)))


def shelter(sheet: Sheet, hand: Hand, x: float, y: float, size: float) -> None:
    """A pavilion on a rock of its own, with a tree beside it."""
    rng = sheet.rng
    ground = rock_outline(rng, x, y + 1.1 * size, size * 5, size * 1.3, 2.8, 0.2)
    rock(sheet, ground, hand, 0.9, 0.4)
    floor = float(ground[30:44, 1].max())
    side = rng.choice([-1, 1])
    tree(sheet, x + side * 0.9 * size, floor, size * rng.uniform(1.6, 2.6), 0.1 * side, hand.ink, 0.7 * hand.ink)
    pavilion(sheet, x, floor, size, hand.ink)


def monumental(sheet: Sheet, hand: Hand) -> None:
    """High distance: a host peak fills the middle, mist below it, trees and rocks at our feet (after Fan Kuan)."""
    rng, w, h = sheet.rng, sheet.width, sheet.height
    ranges(sheet, h * 0.5, h * 0.25)
    x, top = w * rng.uniform(0.3, 0.7), rng.uniform(0.08, 0.22)
    side = rng.choice([-1, 1])
    massif(sheet, hand, x + side * 0.4 * w, h * 0.6, w * 0.6, h * rng.uniform(0.2, 0.35), 0.45)
    massif(sheet, hand, x, h * 0.74, w * rng.uniform(0.8, 1.2), h * (0.72 - top), 0.85)
    if rng.random() < 0.55:
        waterfall(sheet, x + w * rng.uniform(-0.22, 0.22), h * rng.uniform(0.38, 0.5), h * 0.7, w * 0.03)
    sheet.mist(h * rng.uniform(0.66, 0.74), h * 0.05, rng.uniform(0.4, 0.95))
    x = w * rng.uniform(0.1, 0.9)
    bank(sheet, hand, x, h * 1.02, w * 1.1, h * rng.uniform(0.16, 0.26), rng.uniform(0.25, 0.45))
    if rng.random() < 0.6:
        shelter(sheet, hand, w * (1 - x / w * 0.8 - 0.1), h * rng.uniform(0.78, 0.86), 15 * sheet.unit)


def deep(sheet: Sheet, hand: Hand) -> None:
    """Deep distance: massifs left and right lead the eye up and back through mist (after Wang Meng)."""
    rng, w, h = sheet.rng, sheet.width, sheet.height
    ranges(sheet, h * 0.32, h * 0.22)
    side = rng.choice([-1, 1])
    for step in np.linspace(0, 1, int(rng.integers(3, 5))):
        side = -side
        x, base = w * (0.5 + side * rng.uniform(0.12, 0.35)), h * (0.4 + 0.62 * step)
        massif(sheet, hand, x, base, w * rng.uniform(0.5, 1.0), h * rng.uniform(0.22, 0.38), 0.4 + 0.6 * step)
        if rng.random() < 0.5:
            sheet.mist(base, h * 0.05, 0.8)
    if rng.random() < 0.5:
        boat(sheet, w * (0.5 - side * 0.28), h * 0.92, 12 * sheet.unit, hand.ink)


def level(sheet: Sheet, hand: Hand) -> None:
    """Level distance: a near bank with thin trees, wide empty water, low hills on the other shore (after Ni Zan)."""
    rng, w, h = sheet.rng, sheet.width, sheet.height
    shore = h * rng.uniform(0.42, 0.6)
    ranges(sheet, shore * 0.9, h * 0.25)
    for _ in range(int(rng.integers(2, 5))):
        massif(sheet, hand, w * rng.random(), shore, w * rng.uniform(0.25, 0.6), h * rng.uniform(0.12, 0.35), 0.55)
    ripples(sheet, shore + 0.1 * h, h * 0.95, int(rng.integers(0, 14)), 0.35)
    for _ in range(int(rng.integers(0, 3))):
        boat(sheet, w * rng.uniform(0.2, 0.8), h * rng.uniform(0.65, 0.85), sheet.unit * rng.uniform(8, 13), hand.ink)
    x = w * rng.uniform(0.1, 0.9)
    bank(sheet, hand, x, h * 1.02, w * rng.uniform(0.4, 0.8), h * rng.uniform(0.12, 0.26), rng.uniform(0.3, 0.6))


def corner(sheet: Sheet, hand: Hand) -> None:
    """One corner: everything weighs to one side, the rest is mist (after Ma Yuan and Xia Gui)."""
    rng, w, h = sheet.rng, sheet.width, sheet.height
    ranges(sheet, h * rng.uniform(0.35, 0.6), h * rng.uniform(0.15, 0.3))
    side = rng.choice([-1, 1])
    x = w * (0.5 + side * rng.uniform(0.32, 0.5))
    massif(sheet, hand, x - side * 0.1 * w, h * 0.6, w * rng.uniform(0.4, 0.6), h * rng.uniform(0.3, 0.5), 0.5)
    massif(sheet, hand, x, h * rng.uniform(0.75, 0.9), w * rng.uniform(0.5, 0.8), h * rng.uniform(0.4, 0.7), 0.85)
    bank(sheet, hand, x, h * 1.02, w * 0.8, h * 0.22, rng.uniform(0.25, 0.4))
    y, reach = h * rng.uniform(0.6, 0.85), min(w, h) * rng.uniform(0.25, 0.4)
    if rng.random() < 0.6:
        pine(sheet, x - side * 0.06 * w, y, reach, -side * rng.uniform(0.7, 1.3), hand.ink)
    if rng.random() < 0.7:
        boat(sheet, w * (0.5 - side * rng.uniform(0.1, 0.35)), h * rng.uniform(0.75, 0.9), 12 * sheet.unit, hand.ink)


def gorge(sheet: Sheet, hand: Hand) -> None:
    """A river between cliffs that leave the image at the top."""
    rng, w, h = sheet.rng, sheet.width, sheet.height
    ranges(sheet, h * rng.uniform(0.45, 0.6), h * rng.uniform(0.2, 0.4))
    gap = rng.uniform(0.35, 0.65)
    for x, tall in ((gap - 0.45, rng.uniform(0.5, 0.95)), (gap + 0.5, rng.uniform(0.4, 0.8))):
        massif(
            sheet, hand, w * x, h * rng.uniform(0.8, 1.0), w * rng.uniform(0.35, 0.6), h * tall, rng.uniform(0.6, 0.95)
        )
    ripples(sheet, h * 0.75, h * 0.97, int(rng.integers(3, 14)), 0.35)
    boat(sheet, w * gap, h * rng.uniform(0.78, 0.92), sheet.unit * rng.uniform(10, 15), hand.ink)
    if rng.random() < 0.5:
        bank(sheet, hand, w * rng.choice([0.05, 0.95]), h * 1.03, w * 0.5, h * 0.15, rng.uniform(0.2, 0.35))


def old_trees(sheet: Sheet, hand: Hand) -> None:
    """Old trees near us, all else far away."""
    rng, w, h = sheet.rng, sheet.width, sheet.height
    ranges(sheet, h * rng.uniform(0.45, 0.7), h * rng.uniform(0.25, 0.4))
    if rng.random() < 0.6:
        massif(sheet, hand, w * rng.random(), h * 0.7, w * rng.uniform(0.3, 0.6), h * rng.uniform(0.2, 0.4), 0.4)
    sheet.mist(h * 0.7, h * 0.08, 0.9)
    x = w * rng.uniform(0.2, 0.8)
    bank(sheet, hand, x, h * 1.02, w * rng.uniform(0.6, 1.0), h * 0.18, rng.uniform(0.6, 0.8))
    if rng.random() < 0.5:
        shelter(sheet, hand, w * (0.17 if x > w / 2 else 0.83), h * 0.9, 18 * sheet.unit)
