"""What a bundle's gate sees: the network's own maps, as many as training left alone, or a companion's."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import timm
import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from ..models.freezing import stage_modules
from ..recipe import PACKAGE_BACKBONE
from ..runtime.card import ModelCard, Preprocessing
from ..runtime.network import ClassificationNetwork
from ..runtime.observer import STAGES

#: How many of a network's stages, from the first on, are as pretraining left them.
Untouched = int | Literal["all"]
#: What a companion may add to the network's multiplications, in parts of them. Of an answer they are two thirds: the
#: rest is decoding.
_BUDGET = 0.15
#: Of smaller images its last maps are a single pixel, and the network's own early ones tell more.
_SMALLEST_SIDE = 56


@dataclass(frozen=True)
class Sight:
    """`companion`: by how much its image is shrunk, None where the gate sees the network itself; `stages`: the last of
    so many first stages, None: of all, and the last layer; `bent`: whether training changed them."""

    companion: int | None = None
    stages: int | None = None
    bent: bool = False


def choose_sight(network: ClassificationNetwork, preprocessing: Preprocessing, untouched: Untouched) -> Sight:
    """The network's own maps where they are `untouched`, for they cost nothing; else a companion's; and where even the
    smallest companion costs too much, the network's own before the last stage."""
    if untouched == "all":
        return Sight()
    if untouched >= STAGES:
        return Sight(stages=untouched)
    factor = choose_companion(network, preprocessing)
    if factor is not None:
        return Sight(companion=factor)
    return Sight(stages=max(1, len(stage_modules(network)) - 1), bent=True)


def recall_untouched(card: ModelCard) -> Untouched:
    """By what the gate sees: it would see the network itself if it could."""
    if card.ood is None or card.ood.bent or card.ood.companion is not None:
        return 0
    return card.ood.stages if card.ood.stages is not None else "all"


def choose_companion(network: ClassificationNetwork, preprocessing: Preprocessing) -> int | None:
    """By how much a companion's image is shrunk so that it costs little beside the network; None where even
    the smallest image costs more."""
    height, width = preprocessing.height, preprocessing.width
    budget = _BUDGET * _count(network, torch.zeros((1, height, width, 3), dtype=torch.uint8))
    companion = timm.create_model(PACKAGE_BACKBONE, num_classes=0).eval()
    for factor in range(1, min(height, width) // _SMALLEST_SIDE + 1):
        if _count(companion, torch.zeros((1, 3, height // factor, width // factor))) <= budget:
            return factor
    return None


@torch.inference_mode()
def _count(module: nn.Module, images: torch.Tensor) -> int:
    """Floating-point operations of one pass."""
    with FlopCounterMode(display=False) as counter:
        module(images)
    return int(counter.get_total_flops())
