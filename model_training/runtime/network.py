"""Card → torch network."""

from __future__ import annotations

import difflib
from pathlib import Path
from typing import Any

import timm
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from .card import ModelCard, Preprocessing
from .errors import BundleError, WeightsError
from .preprocess import Normalise


class ClassificationNetwork(nn.Module):
    """Normalisation and a timm backbone whose last layer has one output for each label."""

    def __init__(self, backbone: str, classes: int, preprocessing: Preprocessing) -> None:
        super().__init__()
        self.normalise = Normalise(preprocessing)
        self.backbone = create_backbone(backbone, classes, (preprocessing.height, preprocessing.width))

    def forward(self, pixels: Tensor) -> Tensor:
        """`pixels`: uint8 (N, height, width, 3). Returns logits, float (N, classes)."""
        return self.backbone(self.normalise(pixels))


def create_backbone(name: str, classes: int, size: tuple[int, int]) -> nn.Module:
    """A randomly initialised timm network. Raises `WeightsError` for a name that timm does not know."""
    arguments: dict[str, Any] = {"num_classes": classes}
    if "vit" in name or "swin" in name or "deit" in name:
        arguments["img_size"] = size  # their position embeddings are made for one size
    try:
        return timm.create_model(name, pretrained=False, **arguments)
    except RuntimeError:
        near = ", ".join(difflib.get_close_matches(name, timm.list_models(), 3)) or "resnet18, mobilenetv2_100"
        raise WeightsError(
            f"There is no backbone {name!r}.", f"Choose one that timm has, for example {near}."
        ) from None


def load_network(card: ModelCard, bundle: Path) -> ClassificationNetwork:
    """The trained network in evaluation mode, float32 on the CPU. Raises `BundleError` where weights do not fit."""
    network = ClassificationNetwork(card.network.backbone, len(card.labels), card.preprocessing)
    path = bundle / "weights.safetensors"
    try:
        network.backbone.load_state_dict(load_file(path))
    except FileNotFoundError:
        raise BundleError(f"{path}: the weights are missing.", "Make the bundle again: make train.") from None
    except Exception as error:
        reason = " ".join(str(error).split())[:300]  # torch lists the names that do not fit on lines of their own
        raise BundleError(
            f"{path}: the weights do not fit the card ({reason}).", "Make the bundle again: make train."
        ) from None
    return network.eval()


def save_weights(network: ClassificationNetwork, path: Path) -> None:
    """Write the backbone's weights under timm's own names, by way of a temporary name."""
    state = {name: value.detach().cpu().contiguous() for name, value in network.backbone.state_dict().items()}
    temporary = path.with_name(path.name + ".part")
    save_file(state, temporary)
    temporary.chmod(0o644)  # the library writes it for its owner only
    temporary.replace(path)


def count_parameters(network: nn.Module) -> int:
    return sum(parameter.numel() for parameter in network.parameters())
