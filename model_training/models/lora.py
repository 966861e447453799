"""LoRA (Hu et al. 2022) by peft: which modules are adapted, and how the result becomes plain weights again.

W x becomes W x + (alpha / rank) B A x with A and B of `rank`; only A, B and the head are trained.
"""

from __future__ import annotations

import re

from peft import LoraConfig, inject_adapter_in_model
from peft.tuners.tuners_utils import BaseTunerLayer
from torch import nn

from ..recipe import Adapter
from ..runtime.errors import RecipeError

#: What the projections of a place are called: transformers' CLIP, timm's transformers (which keep q, k and v in one
#: layer), and of timm's convolutional networks the 1×1 convolutions, which are the perceptron of each pixel.
_NAMES: dict[str, tuple[frozenset[str], ...]] = {
    "qkvo": (frozenset({"q_proj", "k_proj", "v_proj", "out_proj"}), frozenset({"attn.qkv", "attn.proj"})),
    "vo": (frozenset({"v_proj", "out_proj"}),),
    "mlp": (
        frozenset({"mlp.fc1", "mlp.fc2"}),
        frozenset({"conv_pw", "conv_pwl"}),
        frozenset({"conv1", "conv3"}),
    ),
}
_LAYER = re.compile(r"(?:^|\.)(?:layers|blocks|layer|stages)\.?(\d+)(?:\.(\d+))?\.")


def find_targets(network: nn.Module, adapter: Adapter) -> list[str]:
    """Full names of the modules that a place means in this network. Raises `RecipeError` where it has none."""
    names = [name for name, module in network.named_modules() if isinstance(module, nn.Linear | nn.Conv2d)]
    in_encoder = [name for name in names if _encoder(name) in adapter.encoders]
    for alternatives in _NAMES[adapter.place]:
        found = [name for name in in_encoder if any(name.endswith(f".{each}") for each in alternatives)]
        found = [name for name in found if _is_pointwise(network.get_submodule(name))]
        if adapter.layers != "all":
            found = [name for name in found if _layer(name) in adapter.layers]
        if found:
            return found
    raise RecipeError(
        f"network.adapter: this network has no layers for place={adapter.place} "
        f"(layers {adapter.layers}, encoders {', '.join(adapter.encoders)}).",
        "Choose another place: CLIP has all three, timm's transformers qkvo and mlp, its MobileNets and ResNets mlp.",
    )


def add_adapters(network: nn.Module, adapter: Adapter) -> list[str]:
    """Put LoRA into the network, in place; all else is frozen. Returns the names of the adapted modules."""
    targets = find_targets(network, adapter)
    config = LoraConfig(
        r=adapter.rank, lora_alpha=adapter.alpha, lora_dropout=adapter.dropout, target_modules=targets, bias="none"
    )
    inject_adapter_in_model(config, network)
    for name, parameter in network.named_parameters():
        parameter.requires_grad_("lora_" in name)
    return targets


def merge_adapters(network: nn.Module) -> None:
    """Add the updates to the weights and take the adapters out, in place: serving needs no peft."""
    for name, module in list(network.named_modules()):
        if isinstance(module, BaseTunerLayer):
            module.merge()
            network.set_submodule(name, module.get_base_layer())


def _encoder(name: str) -> str:
    return "text" if "text_model" in name.split(".") else "vision"


def _layer(name: str) -> int | None:
    found = _LAYER.search(name)
    return int(found.group(1)) if found else None


def _is_pointwise(module: nn.Module) -> bool:
    return not isinstance(module, nn.Conv2d) or module.kernel_size == (1, 1)
