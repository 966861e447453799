"""A network with the weights that a recipe asks for: downloaded, from a file, or none."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import nn

from ..recipe import CLIP, Adapter, Depth, Recipe
from ..runtime.errors import RecipeError, WeightsError
from ..runtime.network import ClassificationNetwork, head_name
from ..runtime.stages import StagesBackbone
from .freezing import freeze
from .weights import read_weights


def ensure_weights(recipe: Recipe) -> None:
    """Raise `WeightsError` or `RecipeError` where the network can't be made: to be called before an image is read.

    It is made once, of two classes; what has to be downloaded is there afterwards.
    """
    make_network(recipe, 2, ("one", "another"))


def make_network(recipe: Recipe, classes: int, titles: Sequence[str] = ()) -> ClassificationNetwork:
    """The recipe's network with a fresh head of `classes` outputs; what the recipe does not unfreeze is frozen.

    The head is drawn from `training.seed`. CLIP has prompts with the classes' English `titles` in the place of a head.
    Raises `WeightsError` where weights can't be had or do not fit.
    """
    torch.manual_seed(recipe.training.seed)
    if recipe.network.backbone.startswith(CLIP):
        return _make_clip(recipe, titles)
    network = ClassificationNetwork(recipe.network.backbone, classes, recipe.preprocessing, recipe.network.head)
    # torch's own scale for a fresh layer: some of timm's networks start with one made for a thousand classes, under
    # which two classes begin with logits of ten and more, and the first steps wreck the pretrained features.
    for layer in head_layers(network):
        layer.reset_parameters()
    if recipe.network.pretrained is not False:
        _load(network, read_weights(recipe.network), f"network.pretrained={recipe.network.pretrained}")
    if recipe.network.adapter:
        _adapt(network, recipe.network.adapter, network.backbone.get_submodule(head_name(network.backbone)))
    else:
        freeze(network, depth_of(recipe))
    return network


def depth_of(recipe: Recipe) -> Depth:
    """`upper` spares what pretraining knew; of random weights nothing is to be spared."""
    network = recipe.network
    return "all" if network.unfreeze == "upper" and network.pretrained is False else network.unfreeze


def finish_network(network: ClassificationNetwork) -> None:
    """After training, in place: adapters become plain weights and CLIP's prompts stored features."""
    if any("lora_" in name for name, _ in network.named_parameters()):
        from .lora import merge_adapters

        merge_adapters(network.backbone)
    backbone: Any = network.backbone
    if getattr(backbone, "text", None) is not None:
        from .clip import store_text_features

        store_text_features(backbone)


def _make_clip(recipe: Recipe, titles: Sequence[str]) -> ClassificationNetwork:
    from .clip import make_clip, store_text_features

    settings = recipe.network
    backbone = make_clip(settings.backbone.removeprefix(CLIP), bool(settings.pretrained), settings.prompts, titles)
    side, asked = backbone.configuration["image_size"], recipe.preprocessing
    if (asked.height, asked.width) != (side, side):
        raise RecipeError(
            f"{settings.backbone} takes pictures of {side}×{side}, not of {asked.width}×{asked.height}.",
            f"Set preprocessing.height={side} and preprocessing.width={side}.",
        )
    if settings.adapter is None or "text" not in settings.adapter.encoders:
        store_text_features(backbone)
    network = ClassificationNetwork(backbone, len(titles), recipe.preprocessing)
    if settings.adapter:
        _adapt(network, settings.adapter, None)
    elif settings.unfreeze == 0:
        backbone.vision.requires_grad_(False)
    backbone.logit_scale.requires_grad_(True)
    return network


def _adapt(network: ClassificationNetwork, adapter: Adapter, head: nn.Module | None) -> None:
    """LoRA in the backbone; else only the head is trained, and the backbone's batch norm keeps its statistics."""
    from .lora import add_adapters

    add_adapters(network.backbone, adapter)
    trained = set(head.requires_grad_(True).modules()) if head is not None else set()
    network.frozen = tuple(
        module
        for module in network.backbone.modules()
        if isinstance(module, nn.modules.batchnorm._BatchNorm) and module not in trained
    )


def head_layers(network: ClassificationNetwork) -> list[nn.Linear]:
    """The linear layers after the backbone: the last one, and a hidden one before it where the recipe has it."""
    head = network.backbone.get_submodule(head_name(network.backbone))
    layers = [layer for layer in head.modules() if isinstance(layer, nn.Linear)]
    if not layers:
        config: Any = network.backbone.default_cfg
        raise WeightsError(
            f"The last layer of {config['architecture']} is no linear layer.", "Choose another backbone."
        )
    return layers


def _load(network: ClassificationNetwork, state: dict[str, torch.Tensor], source: str) -> None:
    """Take everything but the last layer, which is made for other classes."""
    backbone: Any = network.backbone
    head = f"{head_name(backbone)}."
    if isinstance(backbone, StagesBackbone):
        state = backbone.rename(state)
    kept = {name: value for name, value in state.items() if not name.startswith(head)}
    try:
        missing, unexpected = backbone.load_state_dict(kept, strict=False)
    except RuntimeError as error:
        detail = str(error).splitlines()[-1].strip()
        raise WeightsError(
            f"{source}: the weights do not fit ({detail}).", "Set network.backbone to the network that they belong to."
        ) from None
    wrong = [name for name in missing if not name.startswith(head)] + list(unexpected)
    if wrong:
        raise WeightsError(
            f"{source}: the weights do not fit ({len(wrong)} names differ, first {wrong[0]!r}).",
            "Set network.backbone to the network that they belong to.",
        )
