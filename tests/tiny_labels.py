"""Pictures of several classes: strokes in the colour of each, and a manifest that names them with `;` between."""

from __future__ import annotations

from itertools import combinations
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw

COLOURS = {"action": "crimson", "daily": "navy", "drama": "seagreen"}
#: One class, two, and all three.
SETS = [each for size in (1, 2, 3) for each in combinations(COLOURS, size)]


def draw_labels(labels: tuple[str, ...], seed: int) -> Image.Image:
    """Four thick strokes on white paper for each class."""
    generator = np.random.default_rng(seed)
    page = Image.new("RGB", (48, 48), "white")
    pen = ImageDraw.Draw(page)
    for label in labels:
        for _ in range(4):
            pen.line([tuple(point) for point in generator.uniform(2, 46, (3, 2))], fill=COLOURS[label], width=3)
    return page


def write_labels(folder: Path, each: int = 12) -> Path:
    """`each` pictures of every set of classes, four episodes of a series apart; returns the folder."""
    folder.mkdir(parents=True)
    lines = ["path,label,title"]
    for number, labels in enumerate(SETS):
        for episode in range(each):
            name = f"{number}-{episode:02d}.png"
            draw_labels(labels, 1000 * number + episode).save(folder / name)
            lines.append(f"{name},{';'.join(labels)},{number}-{episode // 4}")
    (folder / "manifest.csv").write_text("\n".join(lines) + "\n", "utf-8")
    return folder
