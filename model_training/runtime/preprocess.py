"""RGB picture → the network's input. The only evaluation transform.

A picture is fitted to the network's size in uint8; scaling and normalisation happen inside the network's own graph
(`Normalise`), so that they are exported, vectorised and run in half precision with the rest.
"""

from __future__ import annotations

import numpy as np
import torch
from PIL import Image
from torch import Tensor, nn

from .card import Preprocessing
from .image import decode

#: A change of what `fit` returns for the same picture must raise this number: caches are keyed by it.
FIT_VERSION = 1


def fit(picture: Image.Image, preprocessing: Preprocessing) -> np.ndarray:
    """Bring an RGB picture to the network's size. Returns uint8 of shape (height, width, 3).

    `stretch` resizes both sides regardless of the aspect ratio, by a bilinear filter widened for shrinking
    (antialiased), so that a thin line fades instead of vanishing.
    """
    size = (preprocessing.width, preprocessing.height)
    if picture.size != size:
        picture = picture.resize(size, Image.Resampling.BILINEAR)
    return np.asarray(picture)


def read(data: bytes | bytearray | memoryview, preprocessing: Preprocessing) -> np.ndarray:
    """`decode` and `fit`: what training and serving both do to a file. Returns uint8 (height, width, 3)."""
    return fit(decode(data, at_least=max(preprocessing.height, preprocessing.width)), preprocessing)


class Normalise(nn.Module):
    """Pixels → centred, scaled values, as the first layer of a network."""

    mean: Tensor
    scale: Tensor

    def __init__(self, preprocessing: Preprocessing) -> None:
        super().__init__()
        mean = torch.tensor(preprocessing.mean) * 255
        std = torch.tensor(preprocessing.std) * 255
        # Not in the state dict: the card says them, and weights stay exchangeable with the plain backbone's.
        self.register_buffer("mean", mean.view(1, 3, 1, 1), persistent=False)
        self.register_buffer("scale", (1 / std).view(1, 3, 1, 1), persistent=False)

    def forward(self, pixels: Tensor) -> Tensor:
        """`pixels`: uint8 (N, height, width, 3), 0…255. Returns float (N, 3, height, width)."""
        return (pixels.permute(0, 3, 1, 2).to(self.mean.dtype) - self.mean) * self.scale
