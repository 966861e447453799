"""CLIP's weights and prompts → a `ClipBackbone`: from a download or a local folder, text features computed once."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional
from transformers import AutoTokenizer, CLIPConfig, CLIPModel

from ..runtime.clip import ClipBackbone
from ..runtime.errors import WeightsError
from .weights import ask_hub


class PromptEncoder(nn.Module):
    """CLIP's text encoder with the prompts of all classes: the mean of each class's normalised prompt features."""

    tokens: Tensor
    mask: Tensor

    def __init__(self, model: Any, tokens: Tensor, mask: Tensor, classes: int) -> None:
        super().__init__()
        self.text_model = model.text_model
        self.text_projection = model.text_projection
        self.classes = classes
        self.register_buffer("tokens", tokens, persistent=False)
        self.register_buffer("mask", mask, persistent=False)

    def forward(self) -> Tensor:
        """Features (classes, D)."""
        pooled = self.text_model(input_ids=self.tokens, attention_mask=self.mask).pooler_output
        features = functional.normalize(self.text_projection(pooled), dim=-1)
        return functional.normalize(features.view(self.classes, -1, features.shape[-1]).mean(1), dim=-1)


def make_clip(source: str, pretrained: bool, prompts: Sequence[str], titles: Sequence[str]) -> ClipBackbone:
    """A CLIP classifier of as many classes as there are `titles`.

    `source`: a name on Hugging Face (`openai/clip-vit-base-patch32`) or a local folder with `config.json`, the
    tokenizer and, where `pretrained`, the weights. `prompts`: templates with `{}` for a class's English title.
    The text encoder stays on as `backbone.text`; `store_text_features` takes it away. Raises `WeightsError`.
    """
    tokenizer, model = _load(source, pretrained)
    texts = [prompt.format(title) for title in titles for prompt in prompts]
    encoded = tokenizer(texts, padding=True, truncation=True, return_tensors="pt")
    backbone = ClipBackbone(
        model.config.vision_config.to_dict() | {"projection_dim": model.config.projection_dim}, len(titles)
    )
    backbone.vision.vision_model.load_state_dict(model.vision_model.state_dict())
    backbone.vision.visual_projection.load_state_dict(model.visual_projection.state_dict())
    with torch.no_grad():
        backbone.logit_scale.copy_(model.logit_scale)
    backbone.text = PromptEncoder(model, encoded["input_ids"], encoded["attention_mask"], len(titles))
    return backbone


def _load(source: str, pretrained: bool) -> tuple[Any, Any]:
    """Tokenizer and model: from the folder, or from what has been downloaded before, else downloaded."""
    try:
        try:
            return _read(source, pretrained, local_only=True)
        except Exception:
            if Path(source).is_dir():
                raise
            ask_hub(source, "model.safetensors")
            return _read(source, pretrained, local_only=False)
    except Exception as error:  # transformers, huggingface_hub, tokenizers and safetensors each have their own
        reason = " ".join(str(error).split())[:200]
        raise WeightsError(
            f"{source}: CLIP can't be loaded ({reason}).",
            "Check the network; or give a local folder: network.backbone=clip:folder; or use a timm backbone.",
        ) from None


def _read(source: str, pretrained: bool, local_only: bool) -> tuple[Any, Any]:
    tokenizer = AutoTokenizer.from_pretrained(source, local_files_only=local_only)
    if pretrained:
        return tokenizer, CLIPModel.from_pretrained(source, local_files_only=local_only)
    return tokenizer, CLIPModel(CLIPConfig.from_pretrained(source, local_files_only=local_only))


@torch.no_grad()
def store_text_features(backbone: ClipBackbone) -> None:
    """Compute the classes' features once, keep them with the image encoder and drop the text encoder."""
    if backbone.text is not None:
        backbone.text.eval()
        backbone.text_features.copy_(backbone.text())
        backbone.text = None
