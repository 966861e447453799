"""Which parameters learn at which rate, and how the rate goes along the training."""

from __future__ import annotations

import math
from typing import Any

import torch
from timm.optim import param_groups_layer_decay
from torch import nn

from ..recipe import Training
from ..runtime.network import ClassificationNetwork
from ..runtime.stages import StagesBackbone


def make_optimizer(network: ClassificationNetwork, settings: Training) -> torch.optim.Optimizer:
    groups = group_parameters(network, settings)
    rate, decay = settings.learning_rate, settings.weight_decay
    # Fused: one pass over all parameters. Tensor by tensor, Adam takes a fifth of a small network's step on a CPU.
    if settings.optimizer == "adam":
        return torch.optim.Adam(groups, lr=rate, weight_decay=decay, fused=True)
    if settings.optimizer == "adamw":
        return torch.optim.AdamW(groups, lr=rate, weight_decay=decay, fused=True)
    return torch.optim.SGD(groups, lr=rate, weight_decay=decay, momentum=0.9, nesterov=True, fused=True)


def group_parameters(network: ClassificationNetwork, settings: Training) -> list[dict[str, Any]]:
    """The trained parameters: one group, or with `layer_decay` one for each layer by timm's own division, whose
    `lr_scale` falls from 1 at the head (Bao et al. 2022, BEiT, appendix)."""
    backbone: Any = network.backbone
    if settings.layer_decay == 1:
        return [{"params": [each for each in network.parameters() if each.requires_grad]}]
    if not isinstance(backbone, StagesBackbone):
        return _by_layer(backbone, settings)
    # Its head stands beside the body, of which timm takes the top for one.
    body: list[dict[str, Any]] = _by_layer(backbone.body.network, settings)
    for group in body:
        group["lr_scale"] *= settings.layer_decay
    head = list(backbone.head.parameters())
    return [*body, {"params": head, "lr_scale": 1.0, "weight_decay": settings.weight_decay}]


def _by_layer(module: nn.Module, settings: Training) -> list[dict[str, Any]]:
    spared = getattr(module, "no_weight_decay", set)()
    return param_groups_layer_decay(module, settings.weight_decay, spared, layer_decay=settings.layer_decay)


def find_rate(settings: Training, step: int, steps: int) -> float:
    """At `step` of the training, from 0, with `steps` in an epoch.

    It grows evenly to the recipe's rate at the end of the warm-up. With cosine it then falls to zero after the last
    step (Loshchilov & Hutter 2017, eq. 5), whether or not the training ends before.
    """
    warmup, total = settings.warmup_epochs * steps, settings.epochs * steps
    if step < warmup:
        return settings.learning_rate * (step + 1) / warmup
    progress = (step - warmup) / (total - warmup)
    factor = 0.5 * (1 + math.cos(math.pi * progress)) if settings.schedule == "cosine" else 1.0
    return settings.learning_rate * factor
