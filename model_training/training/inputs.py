"""What a network is fed in training and in evaluation: pixels, or (`features.py`) what frozen layers make of them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np
import torch
from torch import Tensor

from ..datasets.augment import augment
from ..datasets.prepare import Prepared
from ..recipe import Augmentation


class Inputs(Protocol):
    """What a network is fed for rows of the dataset: one tensor or several, each (N, …)."""

    def for_training(self, rows: np.ndarray, seed: int, device: torch.device) -> tuple[Tensor, ...]:
        """Augmented; how hangs on `seed` (another in every epoch) and the row alone."""

    def for_evaluation(self, rows: np.ndarray, device: torch.device) -> tuple[Tensor, ...]: ...


@dataclass(frozen=True)
class PixelInputs:
    """uint8 pixels (N, height, width, 3)."""

    prepared: Prepared
    augmentation: Augmentation

    def for_training(self, rows: np.ndarray, seed: int, device: torch.device) -> tuple[Tensor, ...]:
        augmented = augment(self.prepared.pixels[rows], rows, self.augmentation, seed)
        pixels = torch.from_numpy(augmented).to(device, non_blocking=True)
        return (flip_some(pixels, rows, self.augmentation.horizontal_flip, seed),)

    def for_evaluation(self, rows: np.ndarray, device: torch.device) -> tuple[Tensor, ...]:
        return (torch.from_numpy(self.prepared.pixels[rows]).to(device, non_blocking=True),)


def draw_flips(rows: np.ndarray, probability: float, seed: int) -> np.ndarray:
    """Which images are mirrored, bool (N,): it depends on the image's row and the seed alone, so that any number of
    processes sees the same images."""
    chances = np.random.default_rng(seed).random(int(rows.max(initial=0)) + 1)
    return chances[rows] < probability


def flip_some(pixels: Tensor, rows: np.ndarray, probability: float, seed: int) -> Tensor:
    """Mirror each image left to right with `probability`, see `draw_flips`. `pixels`: (N, height, width, 3)."""
    flipped = torch.from_numpy(draw_flips(rows, probability, seed)).to(pixels.device)
    return torch.where(flipped.view(-1, 1, 1, 1), pixels.flip(2), pixels)
