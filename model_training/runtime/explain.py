"""Where in the image the network saw its class: Grad-CAM (Selvaraju et al. 2017) as a small transparent PNG."""

from __future__ import annotations

import base64
import io
from collections.abc import Callable, Sequence
from typing import Any

import matplotlib
import numpy as np
import torch
from PIL import Image
from pytorch_grad_cam import GradCAM
from pytorch_grad_cam.utils.model_targets import ClassifierOutputTarget
from torch import Tensor, nn

from .drawing import PixelBox
from .ensemble import EnsembleBackbone
from .network import ClassificationNetwork

METHOD = "grad-cam"
SIDE = 112  # pixels: the maps of a 224×224 network are 7×7, so more would carry nothing

_COLOURS = (np.asarray(matplotlib.colormaps["inferno"](np.arange(256)))[:, :3] * 255).astype(np.uint8)


def last_feature_layer(backbone: Any) -> nn.Module:
    """The layer whose maps are weighed: the deepest that timm lists among the backbone's features.

    Of a transformer's last block it is what goes into the attention: of what comes out, only the class token counts.
    """
    layer = backbone.get_submodule(backbone.feature_info[-1]["module"])
    return layer.norm1 if hasattr(backbone, "patch_embed") and hasattr(layer, "norm1") else layer


def to_maps(backbone: Any) -> Callable[[Tensor], Tensor] | None:
    """How what `last_feature_layer` gives becomes maps, (N, channels, rows, columns); None where it already is that.

    A vision transformer gives tokens (N, prefix + rows × columns, channels), a Swin (N, rows, columns, channels).
    """
    if getattr(backbone, "output_fmt", None) == "NHWC":
        return lambda maps: maps.permute(0, 3, 1, 2)
    if not hasattr(backbone, "patch_embed"):
        return None
    rows, columns = backbone.patch_embed.grid_size
    prefix = getattr(backbone, "num_prefix_tokens", 0)
    return lambda tokens: tokens[:, prefix:].transpose(1, 2).unflatten(2, (rows, columns))


class Explainer:
    """Heatmaps by the torch network; gradients need it even where prediction runs elsewhere."""

    def __init__(self, network: ClassificationNetwork, device: str) -> None:
        self.device = torch.device(device)
        self.network = network.to(self.device).eval()

    def heatmaps(self, pixels: np.ndarray, classes: Sequence[int]) -> np.ndarray:
        """`pixels`: uint8 (N, height, width, 3); `classes`: the class to explain, one an image.

        Returns float32 (N, height, width) in 0…1, each map scaled to its own maximum; zeros where nothing spoke for it.
        An ensemble's map is the mean of its members', which count alike.
        """
        batch = torch.from_numpy(pixels).to(self.device)
        # Normalised before the library sees it: it wants a float input that can carry a gradient.
        normalised = self.network.normalise(batch).detach()
        targets = [ClassifierOutputTarget(int(index)) for index in classes]
        backbone: Any = self.network.backbone
        if not isinstance(backbone, EnsembleBackbone):
            return _weigh(backbone, normalised, targets)
        mean = np.mean([_weigh(member, normalised, targets) for member in backbone.members], axis=0)
        highest = mean.max(axis=(1, 2), keepdims=True)
        return mean / np.where(highest > 0, highest, 1)


def _weigh(backbone: nn.Module, normalised: Tensor, targets: list[ClassifierOutputTarget]) -> np.ndarray:
    with GradCAM(backbone, [last_feature_layer(backbone)], reshape_transform=to_maps(backbone)) as cam:
        return np.nan_to_num(cam(normalised, targets)).astype(np.float32)


def encode_heatmap(heatmap: np.ndarray) -> dict[str, object]:
    """float (height, width) in 0…1 → the answer's `explanation` keys: an RGBA PNG whose opacity is the activation."""
    height, width = heatmap.shape
    scale = min(1.0, SIDE / max(height, width))
    return _encode(_resize(heatmap, max(1, round(width * scale)), max(1, round(height * scale))))


def encode_heatmaps(parts: Sequence[tuple[np.ndarray, PixelBox]]) -> dict[str, object]:
    """`encode_heatmap` of an image whose parts have a heatmap each; beside it, where in the image the part lies."""
    if len(parts) == 1:
        return encode_heatmap(parts[0][0])
    ends = parts[-1][1][2:]
    scale = SIDE / min(ends)
    whole = np.zeros([max(1, round(end * scale)) for end in reversed(ends)], np.uint8)
    for heatmap, place in parts:
        left, top, right, bottom = (round(each * scale) for each in place)
        if right > left and bottom > top:
            whole[top:bottom, left:right] = _resize(heatmap, right - left, bottom - top)
    return _encode(whole)


def _resize(heatmap: np.ndarray, width: int, height: int) -> np.ndarray:
    grey = Image.fromarray((np.clip(heatmap, 0, 1) * 255).astype(np.uint8))
    return np.asarray(grey.resize((width, height), Image.Resampling.BICUBIC))


def _encode(levels: np.ndarray) -> dict[str, object]:
    image = Image.fromarray(np.dstack([_COLOURS[levels], levels]))
    buffer = io.BytesIO()
    image.save(buffer, "PNG")
    return {
        "method": METHOD,
        "media_type": "image/png",
        "width": image.width,
        "height": image.height,
        "data": base64.b64encode(buffer.getvalue()).decode("ascii"),
    }
