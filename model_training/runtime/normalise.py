"""The network's first layer: pixels → centred, scaled values."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor, nn

from .architecture import Preprocessing


class Normalise(nn.Module):
    """Pixels → centred, scaled values, as the first layer of a network.

    Where `preprocessing.mean` is `image`, the mean is unknown (NaN, and so is every output) until `centre_on`.
    """

    mean: Tensor
    scale: Tensor

    def __init__(self, preprocessing: Preprocessing) -> None:
        super().__init__()
        if preprocessing.mean == "image":
            mean = torch.full((1, 3, preprocessing.height, preprocessing.width), torch.nan)
        else:
            mean = torch.tensor(preprocessing.mean).view(1, 3, 1, 1) * 255
        std = torch.tensor(preprocessing.std) * 255
        # Not in the state dict: the card says them, and weights stay exchangeable with the plain backbone's.
        self.register_buffer("mean", mean, persistent=False)
        self.register_buffer("scale", (1 / std).view(1, 3, 1, 1), persistent=False)

    def centre_on(self, mean_image: np.ndarray) -> None:
        """`mean_image`: float32 (height, width, 3), 0…255. Raises `ValueError` for another shape or type."""
        expected = (*self.mean.shape[2:], 3)
        if mean_image.shape != expected or mean_image.dtype != np.float32:
            raise ValueError(f"the mean image is {mean_image.dtype} {mean_image.shape}, not float32 {expected}")
        self.mean.copy_(torch.from_numpy(mean_image).permute(2, 0, 1)[None])

    def mean_image(self) -> np.ndarray:
        """What `centre_on` was given."""
        return self.mean[0].permute(1, 2, 0).float().cpu().contiguous().numpy()

    def forward(self, pixels: Tensor) -> Tensor:
        """`pixels`: uint8 (N, height, width, 3), 0…255. Returns float (N, 3, height, width)."""
        return (pixels.permute(0, 3, 1, 2).to(self.mean.dtype) - self.mean) * self.scale
