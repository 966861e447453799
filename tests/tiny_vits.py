"""Small networks of DINOv3's, SigLIP 2's and the Perception Encoder's families: timm's own functions make them, but
narrow and of two blocks."""

from __future__ import annotations

from typing import Any

from timm.models import register_model
from timm.models.eva import Eva, vit_pe_core_base_patch16_224, vit_small_patch16_dinov3
from timm.models.vision_transformer import VisionTransformer, vit_base_patch16_siglip_224

_SMALL = {"embed_dim": 32, "depth": 2, "num_heads": 2}


@register_model
def vit_tiny_dinov3(**of_timms_own: Any) -> Eva:
    return vit_small_patch16_dinov3(**of_timms_own, **_SMALL)


@register_model
def vit_tiny_siglip(**of_timms_own: Any) -> VisionTransformer:
    return vit_base_patch16_siglip_224(**of_timms_own, **_SMALL)


@register_model
def vit_tiny_pe_core(**of_timms_own: Any) -> Eva:
    return vit_pe_core_base_patch16_224(**of_timms_own, **_SMALL, attn_pool_num_heads=2)
