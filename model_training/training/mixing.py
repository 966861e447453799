"""Batches of mixed images with mixed targets: mixup (Zhang et al. 2018) and CutMix (Yun et al. 2019)."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor
from torchvision.transforms.v2 import CutMix, MixUp

from ..recipe import Augmentation


def mix(
    pixels: Tensor, targets: Tensor, classes: int, settings: Augmentation, seed: tuple[int, int]
) -> tuple[Tensor, Tensor]:
    """Each image with the one before it, by mixup or CutMix; where the recipe has both, by either as often.

    `pixels`: uint8 (N, height, width, 3); `targets`: int64 (N,). Returns pixels of the same shape and type, and the
    shares of the classes, float (N, classes). What is drawn hangs on `seed` alone; torch's generator stays as it is.
    """
    kinds = [kind for kind, alpha in ((MixUp, settings.mixup), (CutMix, settings.cutmix)) if alpha]
    number = int(np.random.default_rng(seed).integers(2**31))
    kind = kinds[number % len(kinds)]
    mixer = kind(alpha=settings.mixup if kind is MixUp else settings.cutmix, num_classes=classes)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(number)
        mixed, shares = mixer(pixels.permute(0, 3, 1, 2).float(), targets)
    return mixed.round().to(torch.uint8).permute(0, 2, 3, 1), shares
