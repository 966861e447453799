"""What the gate sees of an image: pooled maps of a pretrained network that fine-tuning did not bend.

Fine-tuning keeps what tells its own classes apart and drops the rest, and with it what tells a stranger. So the maps
are those of the served network's last stages only where that is untouched; of its last untouched ones where training
left the first stages alone; else those of a small companion; and where a companion would cost too much, those of the
served network's stages before the last, which training changes least.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from .stages import StagesBackbone

#: How many of a network's stages the gate sees.
STAGES = 3
#: The companion: a small network whose weights come as an installed package, so that they are always to be had.
COMPANION = "tf_efficientnet_lite0"


def observe(backbone: Any, images: Tensor, until: int | None = None) -> tuple[Any, Tensor]:
    """What `backbone.forward_head` takes, and what the gate sees, float (N, G).

    `images`: normalised float (N, 3, height, width). `until`: the gate sees the last of so many first stages; None: of
    all, and the last layer. It sees each channel's mean and deviation in these stages (the statistics that style
    transfer paints by: Huang & Belongie 2017) and its largest value, and of the last layer, where there is one, the
    features; each of these vectors has length 1, so that none outweighs the others and their norm, which grows with
    contrast, does not count (Mahalanobis++: Müller & Hein 2025). Of a network without stages of different scale it
    sees the last layer's.
    """
    if isinstance(backbone, StagesBackbone):
        maps = backbone.body.maps(images)
        return backbone.body.pool(maps), _describe(maps, until)
    if hasattr(backbone, "patch_embed") or not hasattr(backbone, "forward_intermediates"):
        seen = backbone.forward_features(images)
        return seen, _to_unit(backbone.forward_head(seen, pre_logits=True).flatten(1))
    seen, maps = backbone.forward_intermediates(images)
    if until is not None:
        return seen, _describe(maps, until)
    last = backbone.forward_head(seen, pre_logits=True).flatten(1)
    return seen, torch.cat([_describe(maps, until), _to_unit(last)], 1)


def _describe(maps: list[Tensor], until: int | None) -> Tensor:
    """`maps`: of all stages, (N, channels, rows, columns) each, the finest first."""
    parts = []
    for each in maps[:until][-STAGES:]:
        deviation = (each.var((2, 3), correction=0) + 1e-8).sqrt()
        parts += [_to_unit(pooled) for pooled in (each.mean((2, 3)), deviation, each.amax((2, 3)))]
    return torch.cat(parts, 1)


def _to_unit(rows: Tensor) -> Tensor:
    return functional.normalize(rows, dim=1)


class Companion(nn.Module):
    """`COMPANION` on an image shrunk by a whole number."""

    def __init__(self, backbone: Any, factor: int) -> None:
        """`backbone`: its stem is changed; `factor`: the image's sides are divided by it, 1 or more."""
        super().__init__()
        self.backbone = backbone
        self.backbone.conv_stem = ShrinkingConvolution(backbone.conv_stem, factor)

    def forward(self, pixels: Tensor) -> Tensor:
        """`pixels`: uint8 (N, height, width, 3). Returns what the gate sees, float (N, G)."""
        return observe(self.backbone, pixels.permute(0, 3, 1, 2).float() / 127.5 - 1)[1]


class ShrinkingConvolution(nn.Module):
    """What a convolution with "same" padding makes of an image shrunk by `factor`, computed from the whole image: each
    weight is spread over the pixels whose mean it was for. To average them first would take a third of the companion's
    time, which goes into putting three channels of floats in order."""

    def __init__(self, pooled: nn.Conv2d, factor: int) -> None:
        super().__init__()
        self.factor = factor
        self.kernel, self.stride = pooled.kernel_size, pooled.stride
        weight = pooled.weight.detach().repeat_interleave(factor, 2).repeat_interleave(factor, 3) / factor**2
        outputs, inputs, rows, columns = weight.shape
        down, across = (step * factor for step in pooled.stride)
        self.conv = nn.Conv2d(inputs, outputs, (rows, columns), (down, across), bias=False)
        self.conv.weight = nn.Parameter(weight)

    def forward(self, images: Tensor) -> Tensor:
        """`images`: float (N, channels, height, width); what is left of a side that `factor` does not divide is cut."""
        height, width = (int(side) // self.factor for side in images.shape[2:])
        if images.shape[2:] != (height * self.factor, width * self.factor):
            images = images[:, :, : height * self.factor, : width * self.factor]
        margins: list[int] = []
        for side, kernel, step in zip((width, height), self.kernel[::-1], self.stride[::-1], strict=True):
            padding = max(0, (-(-side // step) - 1) * step + kernel - side)
            margins += [self.factor * (padding // 2), self.factor * (padding - padding // 2)]
        return self.conv(functional.pad(images, margins))
