"""How much of a network is trained: its head always, of the backbone the topmost layers that the recipe unfreezes."""

from __future__ import annotations

from typing import Any

from torch import nn

from ..recipe import Depth
from ..runtime.network import ClassificationNetwork, head_name
from ..runtime.stages import StagesBackbone


def layers_with_parameters(network: ClassificationNetwork) -> list[tuple[str, nn.Module]]:
    """The backbone's modules that hold parameters of their own, bottom first, under their names in the backbone.

    A convolution is one layer and its batch norm another; the head is not among them.
    """
    head = head_name(network.backbone)
    return [
        (name, module)
        for name, module in network.backbone.named_modules()
        if next(module.parameters(recurse=False), None) is not None and not _is_inside(name, head)
    ]


#: Stages that `upper` trains.
_UPPER = 2


def freeze(network: ClassificationNetwork, unfreeze: Depth) -> None:
    """Train the head and the topmost `unfreeze` layers with parameters; all where there are no more than that.

    Frozen layers get no gradient, and everything below the lowest trained layer answers as in evaluation, also during
    training: batch norm normalises by the statistics that it came with and leaves them as they are, dropout does
    nothing. So what is frozen gives the same features for the same image in every epoch.
    """
    frozen = _find_frozen(network, unfreeze)
    for _, module in frozen:
        for parameter in module.parameters(recurse=False):
            parameter.requires_grad_(False)
    network.frozen = _modules_up_to(network.backbone, frozen[-1][1]) if frozen else ()


def stage_modules(network: ClassificationNetwork) -> list[str]:
    """The names in the backbone of the modules that its stages end with, the finest first; none of a network without
    stages of different scale."""
    backbone: Any = network.backbone
    inside = ""
    if isinstance(backbone, StagesBackbone):
        backbone, inside = backbone.body.network, "body.network."
    if hasattr(backbone, "patch_embed") or not hasattr(backbone, "forward_intermediates"):
        return []
    return [f"{inside}{each['module']}" for each in backbone.feature_info]


def count_untouched(network: ClassificationNetwork, unfreeze: Depth) -> int:
    """How many of the network's stages, from the first on, training with `freeze` leaves as they are."""
    frozen = len(_find_frozen(network, unfreeze))
    return sum(end <= frozen for end in _stage_ends(network))


def _find_frozen(network: ClassificationNetwork, unfreeze: Depth) -> list[tuple[str, nn.Module]]:
    layers = layers_with_parameters(network)
    if unfreeze == "all":
        return []
    if unfreeze == "upper":
        below = _stage_ends(network)[:-_UPPER]
        return layers[: below[-1]] if below else []
    return layers[: max(0, len(layers) - unfreeze)]


def _stage_ends(network: ClassificationNetwork) -> list[int]:
    """How many of the layers with parameters lie in each stage or below it."""
    names = [name for name, _ in network.backbone.named_modules()]
    layers = [names.index(name) for name, _ in layers_with_parameters(network)]
    ends = [
        max(number for number, name in enumerate(names) if name == stage or name.startswith(f"{stage}."))
        for stage in stage_modules(network)
    ]
    return [sum(layer <= end for layer in layers) for end in ends]


def _modules_up_to(backbone: nn.Module, last: nn.Module) -> tuple[nn.Module, ...]:
    """What computes something, from the bottom to `last`: modules with parameters of their own or without children."""
    modules = list(backbone.modules())
    below = modules[: next(number for number, module in enumerate(modules) if module is last) + 1]
    return tuple(
        module
        for module in below
        if next(module.parameters(recurse=False), None) is not None or not list(module.children())
    )


def _is_inside(name: str, head: str) -> bool:
    return name == head or name.startswith(f"{head}.")
