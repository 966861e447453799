"""How much of a network is trained: its head always, of the backbone the topmost layers that the recipe unfreezes."""

from __future__ import annotations

from typing import Literal

from torch import nn

from ..runtime.network import ClassificationNetwork, head_name


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


def freeze(network: ClassificationNetwork, unfreeze: int | Literal["all"]) -> None:
    """Train the head and the topmost `unfreeze` layers with parameters; all where there are no more than that.

    Frozen layers get no gradient, and everything below the lowest trained layer answers as in evaluation, also during
    training: batch norm normalises by the statistics that it came with and leaves them as they are, dropout does
    nothing. So what is frozen gives the same features for the same image in every epoch.
    """
    layers = layers_with_parameters(network)
    frozen = [] if unfreeze == "all" else layers[: max(0, len(layers) - unfreeze)]
    for _, module in frozen:
        for parameter in module.parameters(recurse=False):
            parameter.requires_grad_(False)
    network.frozen = _modules_up_to(network.backbone, frozen[-1][1]) if frozen else ()


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
