"""Card → torch network."""

from __future__ import annotations

import difflib
from collections import OrderedDict
from pathlib import Path
from typing import Any

import numpy as np
import timm
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from .architecture import Architecture, Head, Network, Preprocessing
from .card import ClassifierCard
from .ensemble import EnsembleBackbone
from .errors import BundleError, WeightsError
from .files import replacing
from .normalise import Normalise
from .observer import observe
from .stages import StagesBackbone
from .weights import WEIGHTS, missing_weights, unfit_weights

MEAN_IMAGE = "mean_image.npy"  # in the bundle, where `preprocessing.mean` is `image`


class ClassificationNetwork(nn.Module):
    """Normalisation, a timm backbone and, in the place of its last layer, the head, with one output for each label."""

    def __init__(
        self, backbone: str | nn.Module, classes: int, preprocessing: Preprocessing, head: Head | None = None
    ) -> None:
        """`backbone`: a timm name, or a network that answers like one of timm's and comes with its own last layer."""
        super().__init__()
        self.head = head = head or Head()
        self.normalise = Normalise(preprocessing)
        if isinstance(backbone, nn.Module):
            self.backbone = backbone
        else:
            size = (preprocessing.height, preprocessing.width)
            self.backbone = create_backbone(backbone, classes, size, dropout=head.dropout, stages=head.stages)
        if head.hidden is not None or head.standardise:
            put_head(self.backbone, head)
        #: Modules that answer as in evaluation also while the rest is trained.
        self.frozen: tuple[nn.Module, ...] = ()

    def train(self, mode: bool = True) -> ClassificationNetwork:
        super().train(mode)
        for module in self.frozen:
            module.training = False
        return self

    def forward(self, pixels: Tensor) -> Tensor:
        """`pixels`: uint8 (N, height, width, 3). Returns logits, float (N, classes)."""
        return self.backbone(self.normalise(pixels))

    def forward_with_features(self, pixels: Tensor) -> tuple[Tensor, Tensor]:
        """The logits, float (N, classes), and the features that the last layer makes them of, float (N, F)."""
        backbone: Any = self.backbone
        maps = backbone.forward_features(self.normalise(pixels))
        return backbone.forward_head(maps), backbone.forward_head(maps, pre_logits=True).flatten(1)

    def observe(self, pixels: Tensor, until: int | None = None) -> tuple[Tensor, Tensor, Tensor]:
        """`forward_with_features`, and what the gate sees of this network in the same pass, float (N, G)."""
        backbone: Any = self.backbone
        maps, seen = observe(backbone, self.normalise(pixels), until)
        return backbone.forward_head(maps), backbone.forward_head(maps, pre_logits=True).flatten(1), seen


def create_backbone(
    name: str, classes: int, size: tuple[int, int], *, dropout: float = 0.0, stages: int | None = None
) -> nn.Module:
    """A randomly initialised timm network; `dropout` is of its pooled features, `stages` as in `Head`.

    Raises `WeightsError` for a name that timm does not know, and what `StagesBackbone` raises.
    """
    if stages is not None:
        return StagesBackbone(create_backbone(name, 0, size), stages, classes, dropout)
    arguments: dict[str, Any] = {"num_classes": classes, "drop_rate": dropout}
    if "vit" in name or "swin" in name or "deit" in name:
        arguments["img_size"] = size  # their position embeddings are made for one size
    try:
        return timm.create_model(name, pretrained=False, **arguments)
    except RuntimeError:
        near = ", ".join(difflib.get_close_matches(name, timm.list_models(), 3)) or "resnet18, mobilenetv2_100"
        raise WeightsError(
            f"There is no backbone {name!r}.", f"Choose one that timm has, for example {near}."
        ) from None


def head_name(backbone: nn.Module) -> str:
    """What timm calls the backbone's last layer: `fc`, `classifier`, `head.fc`.

    Raises `WeightsError` for a backbone with none or several.
    """
    config: Any = backbone.default_cfg
    name = config["classifier"]
    if not isinstance(name, str):
        raise WeightsError(f"{config['architecture']} has no single last layer.", "Choose another backbone.")
    return name


def put_head(backbone: nn.Module, head: Head) -> None:
    """Replace the last layer, linear, by what the recipe asks for: features → standardised → `hidden`, ReLU → classes.

    Standardising is batch norm without a scale of its own: the head starts from features of one size, however far the
    backbone's are apart, and learns at one rate from all of them.
    """
    name = head_name(backbone)
    last: Any = backbone.get_submodule(name)
    layers: OrderedDict[str, nn.Module] = OrderedDict()
    if head.standardise:
        layers["standardise"] = nn.BatchNorm1d(last.in_features, affine=False)
    if head.hidden is not None:
        layers["hidden"] = nn.Linear(last.in_features, head.hidden)
        layers["activation"] = nn.ReLU()
    layers["output"] = nn.Linear(head.hidden or last.in_features, last.out_features)
    backbone.set_submodule(name, nn.Sequential(layers))


def build_network(architecture: Architecture, classes: int, preprocessing: Preprocessing) -> ClassificationNetwork:
    """What a card describes, with random weights."""
    if isinstance(architecture, Network) and architecture.members:
        members = [build_network(each, classes, preprocessing).backbone for each in architecture.members]
        temperatures = [each.temperature for each in architecture.members]
        return ClassificationNetwork(EnsembleBackbone(members, temperatures), classes, preprocessing)
    backbone: str | nn.Module = architecture.backbone
    if architecture.clip is not None:
        from .clip import ClipBackbone  # transformers takes a second that other models need not wait

        backbone = ClipBackbone(architecture.clip, classes)
    return ClassificationNetwork(backbone, classes, preprocessing, architecture.head)


def load_network(card: ClassifierCard, bundle: Path) -> ClassificationNetwork:
    """The trained network in evaluation mode, float32 on the CPU. Raises `BundleError` where weights do not fit."""
    network = build_network(card.network, len(card.labels), card.preprocessing)
    if card.preprocessing.mean == "image":
        _read_mean_image(network, bundle / MEAN_IMAGE)
    path = bundle / WEIGHTS
    try:
        network.backbone.load_state_dict(load_file(path))
    except FileNotFoundError:
        raise missing_weights(path) from None
    except Exception as error:
        raise unfit_weights(path, error) from None
    return network.eval()


def _read_mean_image(network: ClassificationNetwork, path: Path) -> None:
    try:
        network.normalise.centre_on(np.load(path, allow_pickle=False))
    except (OSError, ValueError, EOFError) as error:
        reason = getattr(error, "strerror", None) or " ".join(str(error).split())[:200]
        raise BundleError(
            f"{path}: the mean image can't be read ({reason}).", "Make the bundle again: hwapung train."
        ) from None


def save_mean_image(network: ClassificationNetwork, path: Path) -> None:
    """Write what the network is centred on as float32 (height, width, 3), 0…255."""
    np.save(path, network.normalise.mean_image(), allow_pickle=False)


def save_weights(network: ClassificationNetwork, path: Path) -> None:
    """Write the backbone's weights under timm's own names, by way of a temporary name."""
    save_state(network.backbone, path)


def save_state(module: nn.Module, path: Path) -> None:
    state = {name: value.detach().cpu().contiguous() for name, value in module.state_dict().items()}
    with replacing(path) as temporary:
        save_file(state, temporary)
        temporary.chmod(0o644)  # the library writes it for its owner only


def count_parameters(network: nn.Module) -> int:
    return sum(parameter.numel() for parameter in network.parameters())
