"""The colour print: flat blocks of colour, a dark key block of outlines, graded wiping (bokashi), grain and margin."""

from __future__ import annotations

import numpy as np
from PIL import Image, ImageChops, ImageDraw

from .brush import SUPERSAMPLING, Array, Rng, bounds, coordinates, fractal, paper, ribbons, seal, to_image, writing

Colour = tuple[int, int, int]


def blend(first: Colour, second: Colour, share: float) -> Colour:
    """`first` with the given share of `second`."""
    red, green, blue = (round(a * (1 - share) + b * share) for a, b in zip(first, second, strict=True))
    return red, green, blue


class Print:
    """Colour blocks and key block, kept apart: they are printed one after the other and never register exactly."""

    def __init__(self, rng: Rng, width: int, height: int, key: Colour) -> None:
        self.rng, self.width, self.height, self.key_colour = rng, width, height, key
        self.unit = max(width, height) / 384
        full = (width * SUPERSAMPLING, height * SUPERSAMPLING)
        self.blocks = Image.new("RGB", full, (255, 255, 255))
        self.key = Image.new("L", full)
        self.blocks_draw, self.key_draw = ImageDraw.Draw(self.blocks), ImageDraw.Draw(self.key)

    def flat(self, shape: Array, colour: Colour, line: float = 0.9) -> None:
        """A flat area of colour; its outline goes on the key block, and hides the outlines of what is behind."""
        points = coordinates([shape])[0]
        self.blocks_draw.polygon(points, fill=colour)
        self.key_draw.polygon(points, fill=0)
        if line:
            self.lines([np.concatenate([shape, shape[:1]])], line)

    def bokashi(self, shape: Array, top: Colour, bottom: Colour, reach: float = 1.0, line: float = 0.9) -> None:
        """A flat area wiped from `top` to `bottom` over the share `reach` of its height; negative: from below."""
        self.flat(shape, bottom if reach > 0 else top, line)
        left, upper, right, lower = bounds(shape, self.width, self.height)
        rows = (lower - upper) * SUPERSAMPLING
        step = np.linspace(0, 1, rows)[:, None]
        share = np.clip(step / reach, 0, 1) if reach > 0 else 1 - np.clip((1 - step) / -reach, 0, 1)
        share = share * share * (3 - 2 * share)
        shades = (np.array(top) * (1 - share) + np.array(bottom) * share).astype(np.uint8)
        size = ((right - left) * SUPERSAMPLING, rows)
        area = Image.new("L", size)
        ImageDraw.Draw(area).polygon(coordinates([shape - np.array([left, upper])])[0], fill=255)
        wiped = Image.fromarray(shades[:, None, :], "RGB").resize(size, Image.Resampling.NEAREST)
        self.blocks.paste(wiped, (left * SUPERSAMPLING, upper * SUPERSAMPLING), area)

    def lines(self, paths: list[Array] | Array, width: float, darkness: float = 1.0) -> None:
        """Lines of the key block along paths (k, 2), `width` in units."""
        thick, fill = max(round(width * self.unit * SUPERSAMPLING), 1), round(255 * darkness)
        for path in coordinates(paths):
            self.key_draw.line(path, fill, thick, "curve" if thick > 2 else None)

    def cuts(
        self, starts: Array, ends: Array, width: float, colour: Colour | None = None, darkness: float = 1.0
    ) -> None:
        """Many short strokes, tapering from `starts` to `ends`, both (n, 2): on the key block, or as a colour block."""
        widths = np.tile(np.array([width, 0.35 * width]) * self.unit, (len(starts), 1))
        for shape in coordinates(ribbons(np.stack([starts, ends], 1), widths)):
            if colour is None:
                self.key_draw.polygon(shape, fill=round(255 * darkness))
            else:
                self.blocks_draw.polygon(shape, fill=colour)

    def discs(self, x: Array, y: Array, radius: Array, colour: Colour, line: float = 0.0) -> None:
        """Round flat areas (sun, foam, snow); with a `line`, one outline runs round the union of them all."""
        for grow, fill in ((line * self.unit, 255), (0.0, 0)) if line else ((0.0, 0),):
            low, high = np.stack([x, y], 1) - radius[:, None] - grow, np.stack([x, y], 1) + radius[:, None] + grow
            for box in (np.concatenate([low, high], 1) * SUPERSAMPLING).tolist():
                self.key_draw.ellipse(box, fill=fill)
                self.blocks_draw.ellipse(box, fill=colour)

    def cartouche(self, x: float, y: float, width: float, height: float, colour: Colour) -> None:
        """A title slip with its frame and writing; x, y is the upper left corner."""
        corner = np.array([[0, 0], [1, 0], [1, 1], [0, 1]], np.float32)
        self.flat(corner * (width, height) + (x, y), colour, 0.8)
        columns = max(round(width / height), 1)
        cell = width / (columns * 1.25 + 0.25)
        self.sign(x + width - 0.02 * width, y + 0.08 * cell, columns, max(int(height / (cell * 1.12) - 0.2), 1), cell)

    def sign(self, x: float, y: float, columns: int, rows: int, cell: float) -> None:
        """Writing on the key block; x, y is the upper right corner."""
        for mark in coordinates(writing(self.rng, x, y, columns, rows, cell)):
            self.key_draw.polygon(mark, fill=255)

    def stamp(self, x: float, y: float, side: float, colour: Colour) -> None:
        """A publisher's or censor's seal."""
        shapes, values = seal(self.rng, x, y, side)
        for shape, value in zip(coordinates(shapes), values, strict=True):
            self.blocks_draw.polygon(shape, fill=colour if value > 0.5 else (245, 236, 215))

    def pull(self, tone: Colour, age: float, margin: float, fade: float) -> Image.Image:
        """Print the blocks on paper of the colour `tone`; `margin` in units, `fade` 0 … 1 how far colours are gone."""
        rng, height, width = self.rng, self.height, self.width
        shift = rng.integers(-2, 3, 2)
        blocks = ImageChops.offset(self.blocks, int(shift[0]), int(shift[1])).reduce(SUPERSAMPLING)
        colour: Array = np.stack([np.asarray(band, np.float32) / 255 for band in blocks.split()])
        line = np.asarray(self.key.reduce(SUPERSAMPLING), np.float32) / 255
        # The cherry block's year rings: bands along one side, bent by slow noise, strongest where the colour is deep.
        along = rng.random() < 0.7
        rings = fractal(rng, height, width, (6.0, 1.2) if along else (1.2, 6.0), 2)
        across = np.linspace(0, 1, height if along else width, dtype=np.float32)
        grain = np.sin(2 * np.pi * (rng.uniform(14, 30) * (across[:, None] if along else across) + 2.2 * rings))
        mottle = fractal(rng, height, width, (30, 30), 2)  # of the rubbing pad
        thin = np.clip(0.04 + rng.uniform(0.015, 0.05) * grain + 0.04 * mottle, 0, 1)
        cover = 0.93 * line * (1 - 0.5 * thin)
        grey = np.tensordot(np.array([0.3, 0.59, 0.11], np.float32), colour, 1)
        for plane, brown, key in zip(colour, (1.04, 1.0, 0.86), self.key_colour, strict=True):
            plane += (brown * grey - plane) * fade
            plane += (1 - plane) * thin
            plane += (key / 255 - plane) * cover
        if margin:
            colour = self.frame(colour, margin)
        return to_image(paper(rng, height, width, tone, age) * colour)

    def frame(self, colour: Array, margin: float) -> Array:
        """Leave a blank margin round the image, with a thin border line."""
        edge = round(margin * self.unit) * SUPERSAMPLING
        corner = edge * 3 if self.rng.random() < 0.3 else 0
        inside, rim = Image.new("L", self.key.size), Image.new("L", self.key.size)
        box = [edge, edge, self.key.width - edge, self.key.height - edge]
        ImageDraw.Draw(inside).rounded_rectangle(box, corner, fill=255)
        ImageDraw.Draw(rim).rounded_rectangle(box, corner, outline=255, width=max(round(2 * self.unit), 1))
        keep, dark = (np.asarray(mask.reduce(SUPERSAMPLING), np.float32) / 255 for mask in (inside, rim))
        return (1 - keep + colour * keep) * (1 - 0.85 * dark)
