"""A backbone whose features are those of several of its stages (hypercolumns, Hariharan et al. 2015), pooled.

What tells line drawings apart sits lower than what tells photographs apart: the last layer has already asked for
textures that a drawing does not have.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from .errors import WeightsError


class StagesBackbone(nn.Module):
    """It has the calls and the facts of a timm backbone that the rest of the runtime needs, so that it takes a
    backbone's place. What follows the last stage is left out."""

    def __init__(self, backbone: nn.Module, stages: int, classes: int, dropout: float) -> None:
        """`backbone`: a convolutional network of timm's without its last layer; `stages`: how many, from the top.

        Raises `WeightsError` for a transformer or more stages than there are.
        """
        super().__init__()
        model: Any = backbone
        name = model.default_cfg["architecture"]
        if hasattr(model, "patch_embed") or not hasattr(model, "forward_intermediates"):
            raise WeightsError(f"{name} has no stages of different scale.", "Set network.head.stages=null.")
        if stages > len(model.feature_info):
            raise WeightsError(
                f"{name} has {len(model.feature_info)} stages, not {stages}.", "Correct network.head.stages."
            )
        whole = set(model.state_dict())
        chosen = list(model.feature_info)[-stages:]
        self.body = _Body(model, stages)
        self._left_out = whole - set(model.state_dict())
        self._classifier = f"{model.default_cfg['classifier']}."
        self.drop = nn.Dropout(dropout)
        self.head = nn.Linear(sum(each["num_chs"] for each in chosen), classes)
        self.default_cfg = {"classifier": "head", "architecture": name}
        self.feature_info = [{"module": f"body.network.{chosen[-1]['module']}"}]

    def rename(self, weights: dict[str, Tensor]) -> dict[str, Tensor]:
        """The whole backbone's weights under the names that they have here, without what follows the last stage.

        Those of a bundle with stages have these names already.
        """
        if all(name.startswith(("body.", "head.")) for name in weights):
            return weights
        return {
            f"body.network.{name}": value
            for name, value in weights.items()
            if name not in self._left_out and not name.startswith(self._classifier)
        }

    def forward(self, images: Tensor) -> Tensor:
        """`images`: normalised float (N, 3, height, width). Returns logits (N, classes)."""
        return self.forward_head(self.forward_features(images))

    def forward_features(self, images: Tensor) -> Tensor:
        """The means of the stages' maps side by side, (N, F), the finest stage's first."""
        return self.body(images)

    def forward_head(self, features: Tensor, pre_logits: bool = False) -> Tensor:
        """Logits; or, with `pre_logits`, the features as they are."""
        return features if pre_logits else self.head(self.drop(features))


class _Body(nn.Module):
    """A module of its own, so that tracing can take it as one where all of it is frozen."""

    def __init__(self, network: Any, stages: int) -> None:
        super().__init__()
        network.prune_intermediate_layers(stages, prune_norm=True, prune_head=True)
        self.network = network
        self.stages = stages

    def forward(self, images: Tensor) -> Tensor:
        return self.pool(self.maps(images))

    def maps(self, images: Tensor) -> list[Tensor]:
        """Every stage's, (N, channels, rows, columns), the finest first."""
        found: list[Tensor] = self.network.forward_intermediates(images, intermediates_only=True)
        return found

    def pool(self, maps: list[Tensor]) -> Tensor:
        """The means of the last of `maps`, (N, F)."""
        return torch.cat([each.mean((2, 3)) for each in maps[-self.stages :]], 1)
