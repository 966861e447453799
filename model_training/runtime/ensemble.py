"""Several networks as one: their calibrated probabilities, averaged (Lakshminarayanan et al. 2017, section 2.4).

Probabilities rather than logits: logits of different networks have no common scale, so that of two the one with the
larger logits would decide alone. Each member's temperature first makes its probabilities mean the same as the others'.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional


class EnsembleBackbone(nn.Module):
    """It has the four calls of a timm backbone that the rest of the runtime makes, so that it takes a backbone's place.

    All members see one normalised image, and it goes through the decoder once.
    """

    def __init__(self, members: Sequence[nn.Module], temperatures: Sequence[float]) -> None:
        """`members`: backbones with their last layers; `temperatures`: of each, > 0."""
        super().__init__()
        self.members = nn.ModuleList(members)
        self.temperatures = tuple(temperatures)

    def forward(self, images: Tensor) -> Tensor:
        """`images`: normalised float (N, 3, height, width). Returns logits (N, classes), see `average`."""
        return self.forward_head(self.forward_features(images))

    def forward_features(self, images: Tensor) -> tuple[Tensor, ...]:
        """What each member's layers before the head make of the images."""
        return tuple(member.forward_features(images) for member in self._backbones())

    def forward_head(self, maps: tuple[Tensor, ...], pre_logits: bool = False) -> Tensor:
        """Logits; or, with `pre_logits`, features (N, F): the members' side by side, each brought to length 1, so that
        a distance among them counts every member alike."""
        if pre_logits:
            features = [
                member.forward_head(each, pre_logits=True).flatten(1)
                for member, each in zip(self._backbones(), maps, strict=True)
            ]
            return torch.cat([functional.normalize(each, dim=1) for each in features], 1)
        pairs = zip(self._backbones(), maps, strict=True)
        return average([member.forward_head(each) for member, each in pairs], self.temperatures)

    def _backbones(self) -> list[Any]:
        return list(self.members)


def average(logits: Sequence[Tensor], temperatures: Sequence[float]) -> Tensor:
    """Members' logits, each (N, classes), at their temperatures → logits whose softmax is the mean of all softmaxes."""
    logs = torch.stack([(each / own).log_softmax(1) for each, own in zip(logits, temperatures, strict=True)])
    return logs.logsumexp(0) - math.log(len(logs))
