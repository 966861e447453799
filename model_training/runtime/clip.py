"""CLIP as a classifier: image features against stored features of the classes' prompts (Radford et al. 2021, fig. 3).

It has the four calls and the facts of a timm backbone that the rest of the runtime needs, so that it takes a backbone's
place.
"""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional
from transformers import CLIPVisionConfig, CLIPVisionModelWithProjection


class ClipBackbone(nn.Module):
    """CLIP's image encoder with its projection, and one text feature for each class."""

    text_features: Tensor

    def __init__(self, vision_config: dict[str, Any], classes: int) -> None:
        """`vision_config`: transformers' `CLIPVisionConfig` as a dictionary."""
        super().__init__()
        config = CLIPVisionConfig.from_dict(vision_config)
        self.configuration: dict[str, Any] = config.to_dict()
        self.vision = CLIPVisionModelWithProjection(config)
        self.logit_scale = nn.Parameter(torch.tensor(2.6592))  # ln(1 / 0.07), CLIP's own start
        self.register_buffer("text_features", torch.zeros(classes, config.projection_dim))
        #: What `explain` asks a backbone for: where the last feature maps are, and what their tokens are tokens of.
        #: They are taken before the last attention, since of what comes out only the class token counts.
        self.feature_info = [
            {"module": f"vision.vision_model.encoder.layers.{config.num_hidden_layers - 1}.layer_norm1"}
        ]
        side = self.configuration["image_size"] // self.configuration["patch_size"]
        self.patch_embed = SimpleNamespace(grid_size=(side, side))
        self.num_prefix_tokens = 1
        #: While the text encoder is adapted: prompts → features (classes, D), instead of the stored ones.
        self.text: nn.Module | None = None

    def group_matcher(self, coarse: bool = False) -> dict[str, object]:
        """Which parameters are of which depth, in timm's form: an encoder's layer is one."""
        del coarse
        return {
            "stem": r".*(?:embeddings|pre_layrnorm)",
            "blocks": [(r".*encoder\.layers\.(\d+)", None), (r".*", (99999,))],
        }

    def forward(self, images: Tensor) -> Tensor:
        """`images`: normalised float (N, 3, side, side). Returns logits (N, classes)."""
        return self.forward_head(self.forward_features(images))

    def forward_features(self, images: Tensor) -> Tensor:
        """Image features (N, D), not normalised."""
        return self.vision(pixel_values=images).image_embeds

    def forward_head(self, features: Tensor, pre_logits: bool = False) -> Tensor:
        """Logits: cosine of image and text features, times the learned scale. `pre_logits`: the features alone."""
        if pre_logits:
            return features
        text = self.text() if self.text is not None else self.text_features
        cosine = functional.normalize(features, dim=-1) @ functional.normalize(text, dim=-1).T
        return self.logit_scale.exp().clamp(max=100) * cosine
