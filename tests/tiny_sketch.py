"""A sketch bundle without training and libreyolo: a detector made by hand, a classifier with random weights."""

from __future__ import annotations

import io
from pathlib import Path

import torch
from PIL import Image, ImageDraw
from torch import Tensor, nn
from torch.nn import functional

from model_training.packaging.bundle import finish
from model_training.packaging.detector import export_detector
from model_training.sketch.bundle import compose_sketch
from model_training.sketch.recipe import load_sketch_recipe
from tests.cards import make_card
from tests.torchserve.tiny import make_tiny_bundle

LABELS = {"cat": "고양이", "house": "집", "sun": "해", "tree": "나무"}
SIDE, CELLS = 128, 4
MAP50 = {"name": "map50", "value": 0.6, "low": 0.5, "high": 0.7, "images": 9, "split": "test", "interval": "bootstrap"}


class GridDetector(nn.Module):
    """Takes every cell of a 4×4 grid with ink in it for one object, whose box is the cell; more ink, higher score."""

    def forward(self, pixels: Tensor) -> Tensor:
        ink = (pixels.permute(0, 3, 1, 2).float().amin(1, keepdim=True) < 200).float()
        share = functional.avg_pool2d(ink, SIDE // CELLS).flatten(1)
        corner = torch.arange(CELLS * CELLS)
        left, top = (corner % CELLS) * (SIDE / CELLS), torch.div(corner, CELLS, rounding_mode="floor") * (SIDE / CELLS)
        boxes = torch.stack([left, top, left + SIDE / CELLS, top + SIDE / CELLS])[None].float()
        score = 1 - torch.exp(-40 * share)
        return torch.cat([boxes.expand(pixels.shape[0], -1, -1), score[:, None]], 1)


def make_tiny_sketch_bundle(folder: Path, sharpness: float = 1.0) -> Path:
    """`folder/sketch`: what `compose_sketch` makes, small enough for a test; its two bundles are left beside it."""
    make_tiny_bundle(folder / "sketch_classifier", "sketch_classifier", labels=LABELS, sharpness=sharpness)
    make_tiny_detector_bundle(folder)
    return compose_sketch(load_sketch_recipe(), folder)


def make_tiny_detector_bundle(folder: Path) -> Path:
    """`folder/sketch_detector`: one class, one example."""
    bundle = folder / "sketch_detector"
    (bundle / "examples").mkdir(parents=True)
    export_detector(GridDetector(), SIDE, bundle / "detector.xml")
    (bundle / "examples" / "page.png").write_bytes(draw_page(0, 5))
    card = make_card(
        name="sketch_detector",
        task="detection",
        labels=[{"key": "object", "title": {"en": "object", "ko": "사물"}}],
        metrics=[MAP50],
        examples=[{"name": "page", "image": "page.png", "label": "object"}],
    )
    finish(card, bundle)
    return bundle


def draw_page(*cells: int, size: tuple[int, int] = (640, 640), format: str = "PNG") -> bytes:
    """A white page with a circle inside each of the given cells (0 … 15, row by row)."""
    page = Image.new("RGB", size, "white")
    pen = ImageDraw.Draw(page)
    width, height = size[0] / CELLS, size[1] / CELLS
    for cell in cells:
        left, top = cell % CELLS * width, cell // CELLS * height
        pen.ellipse(
            (left + width * 0.2, top + height * 0.2, left + width * 0.8, top + height * 0.8), outline="black", width=6
        )
    buffer = io.BytesIO()
    page.save(buffer, format)
    return buffer.getvalue()
