"""A detector that is not trained: strokes that nearly touch are one object.

Connected components of the ink as a network of max-pooling, so that it is exported and served as every detector is. It
finds what stands apart on a clean page, and takes two objects that touch for one.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

_INK = 200  # as in runtime/drawing.py
_CELL = 5  # pixels: strokes in the same or in neighbouring cells, or with one empty cell between, belong together
_SMALLEST = 3  # cells across: less is a dot or a scrap
_SCORE = 0.9
_STEPS = 160  # how far, in cells, a component's extent travels along its strokes


class StrokeGroups(nn.Module):
    """Pages of `side` pixels, a multiple of 5. It has no parameters."""

    x: Tensor
    y: Tensor
    number: Tensor

    def __init__(self, side: int) -> None:
        super().__init__()
        self.cells = side // _CELL
        at = torch.arange(side).float()
        self.register_buffer("x", at.expand(1, 1, side, side).clone())
        self.register_buffer("y", at[:, None].expand(1, 1, side, side).clone())
        self.register_buffer("number", torch.arange(self.cells**2).float().reshape(1, 1, self.cells, self.cells) + 1)

    def forward(self, pixels: Tensor) -> Tensor:
        """`pixels`: uint8 (1, side, side, 3). Returns float (1, 5, cells): the corners of each cell's component, and a
        score above 0 in one cell of each."""
        ink = (pixels.permute(0, 3, 1, 2).float().amin(1, keepdim=True) < _INK).float()
        nothing = -4.0 * pixels.shape[1]
        sides = torch.cat([-self.x, -self.y, self.x + 1, self.y + 1], 1)
        extent = functional.max_pool2d(sides * ink + nothing * (1 - ink), _CELL)
        near = functional.max_pool2d(functional.max_pool2d(ink, _CELL), 3, 1, 1)
        known = torch.cat([extent, self.number * near], 1)
        for _ in range(_STEPS):
            known = functional.max_pool2d(known, 3, 1, 1) * near + nothing * (1 - near)
        left, top, right, bottom, root = known.flatten(2).unbind(1)
        large = (torch.maximum(right + left, bottom + top) >= _SMALLEST * _CELL).float()
        score = _SCORE * large * (root == self.number.flatten(2)[:, 0]).float()
        return torch.stack([-left, -top, right, bottom, score], 1)
