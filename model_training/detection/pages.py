"""What the detector is shown: labelled pages, changed ones, and batches of them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor
from torchvision import tv_tensors
from torchvision.ops import box_area
from torchvision.transforms.v2 import InterpolationMode, functional

from ..runtime.detector import letterbox
from ..runtime.image import decode
from .annotations import Scene

#: Pixels uint8 (side, side, 3), boxes float32 (n, 4) in them, classes int64 (n,).
Page = tuple[np.ndarray, np.ndarray, np.ndarray]

#: Of a box's area; with less of it left on the page, the object isn't one to be found.
_LEAST_LEFT = 0.3


def load_page(scene: Scene, side: int) -> Page:
    """A labelled scene, fitted into a square of `side` pixels."""
    pixels, _ = letterbox(decode(scene.path.read_bytes(), at_least=2 * side), side)
    factor = side / max(scene.width, scene.height)  # the decoder may have halved the image
    return pixels, scene.boxes * factor, scene.classes


def augment(page: Page, generator: np.random.Generator) -> Page:
    """Mirror half of the pages, and scale and shift all of them a little; boxes that leave the page by over 70% go."""
    pixels, corners, classes = page
    side = len(pixels)
    image = tv_tensors.Image(torch.tensor(pixels).permute(2, 0, 1))
    boxes = tv_tensors.BoundingBoxes(
        torch.from_numpy(corners), format="XYXY", canvas_size=(side, side), clamping_mode=None
    )
    if generator.random() < 0.5:
        image, boxes = functional.horizontal_flip(image), functional.horizontal_flip(boxes)
    factor = float(np.exp(generator.uniform(np.log(0.7), np.log(1.2))))
    shift = (generator.uniform(-0.1, 0.3, 2) * side * (1 if factor < 1 else -1)).tolist()
    change = {"angle": 0.0, "translate": shift, "scale": factor, "shear": [0.0, 0.0], "center": [0.0, 0.0]}
    image = functional.affine(image, interpolation=InterpolationMode.BILINEAR, fill=[255.0], **change)
    moved = functional.affine(boxes, **change)
    inside = functional.clamp_bounding_boxes(moved, clamping_mode="hard")
    kept = box_area(inside) > _LEAST_LEFT * box_area(moved)
    return image.permute(1, 2, 0).numpy(), inside[kept].numpy(), classes[kept.numpy()]


def collate(pages: Sequence[Page]) -> tuple[Tensor, Tensor]:
    """Pixels uint8 (N, side, side, 3) and targets float (N, most boxes, 5): class and corners in parts of the side.

    Padded with rows that the assignment never takes: a box without an extent holds no anchor.
    """
    pixels = np.stack([pixels for pixels, _, _ in pages])
    targets = torch.zeros(len(pages), max(1, *(len(boxes) for _, boxes, _ in pages)), 5)
    targets[..., 0] = -1
    for row, (_, boxes, classes) in enumerate(pages):
        targets[row, : len(boxes), 0] = torch.from_numpy(classes).float()
        targets[row, : len(boxes), 1:] = torch.from_numpy(boxes) / pixels.shape[1]
    return torch.from_numpy(pixels), targets
