"""Images → what a network's last layer is given."""

from __future__ import annotations

import numpy as np
import torch

from ..datasets.augment import augment
from ..datasets.prepare import Prepared
from ..evaluation.predict import batches
from ..recipe import Augmentation
from ..runtime.network import ClassificationNetwork


@torch.no_grad()
def extract_features(
    network: ClassificationNetwork,
    prepared: Prepared,
    rows: np.ndarray,
    *,
    mirrored: bool = False,
    augmentation: Augmentation | None = None,
    seed: int = 0,
) -> np.ndarray:
    """Float64 (N, F), of the images in `rows`, or of their mirror images, by a network in evaluation mode; with
    `augmentation`, of the images so changed, by `seed`."""
    device = next(network.parameters()).device
    found = []
    for batch in batches(rows):
        images = prepared.pixels[batch]
        if augmentation is not None:
            images = augment(images, batch, augmentation, seed)
        pixels = torch.from_numpy(images).to(device)
        found.append(network.forward_with_features(pixels.flip(2) if mirrored else pixels)[1].cpu())
    return torch.cat(found).double().numpy()
