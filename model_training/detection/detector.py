"""The detector network: libreyolo's YOLOv9 with an exchangeable classification loss, pixels in, boxes out."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors.torch import load_file
from torch import Tensor, nn

from ..evaluation.predict import batches
from ..runtime.detector import suppress
from ..runtime.errors import WeightsError
from .recipe import DetectionRecipe

#: Share of anchors that are taken for an object before training: YOLOv9's own 4.5e-5 suits the long schedules of COCO.
_PRIOR = 0.01


def find_architecture() -> Any:
    """libreyolo's YOLOv9. Raises `WeightsError` where it is not installed."""
    try:
        from libreyolo.models.yolo9.nn import LibreYOLO9Model
    except ImportError:
        raise WeightsError(
            "Training a detector needs libreyolo, which is not installed.",
            "Run: make .venv/detector, or pip install --no-deps libreyolo mss",
        ) from None
    return LibreYOLO9Model


class DetectorNetwork(nn.Module):
    """YOLOv9 with its scaling, so that it takes the same pixels in training, in evaluation and exported."""

    def __init__(self, size: str, classes: int) -> None:
        super().__init__()
        self.yolo = find_architecture()(size, nb_classes=classes)
        for tower in self.yolo.head.cv3:
            nn.init.constant_(tower[-1].bias, math.log(_PRIOR / (1 - _PRIOR)))

    def forward(self, pixels: Tensor, targets: Tensor | None = None) -> Any:
        """`pixels`: uint8 (N, side, side, 3). Returns float (N, 4 + classes, anchors): corners in pixels, then scores
        0…1; in evaluation mode only.

        With `targets`, float (N, most boxes, 5), class index and corners as parts of the side, where rows of class −1
        are no box: `total_loss` and its parts, scalars. In training and, with batch norm at rest, in evaluation.
        """
        scaled = pixels.permute(0, 3, 1, 2).float() / 255
        if targets is None:
            return self.yolo(scaled)
        # libreyolo measures losses only where these two are in training, whatever the layers in them are. Training
        # divides by the objects of all processes' pages; a validation is one process's.
        self.yolo.training = self.yolo.head.training = True
        self.yolo.head._loss_fn.distributed_normalize = self.training
        try:
            return self.yolo(scaled, targets=targets)
        finally:
            self.yolo.training = self.yolo.head.training = self.training


def make_detector(recipe: DetectionRecipe, classes: int, device: str | torch.device = "cpu") -> DetectorNetwork:
    """The recipe's network with its loss on `device`, drawn from the seed or loaded. Raises `WeightsError`."""
    from .losses import make_detection_loss

    settings = recipe.training
    torch.manual_seed(settings.seed)
    network = DetectorNetwork(recipe.network.size, classes)
    loss = network.yolo.head._get_loss_fn(torch.device(device))
    loss.cls_loss = make_detection_loss(settings.loss, settings.focal_alpha, settings.focal_gamma)
    loss.cls_weight = settings.class_gain
    network.yolo.head.export = True  # in evaluation the decoded tensor alone
    if recipe.network.pretrained:
        _load(network, Path(recipe.network.pretrained))
    return network.to(memory_format=torch.channels_last).to(device)


@torch.no_grad()
def detect(
    network: DetectorNetwork, pixels: np.ndarray, score: float, iou: float, batch: int = 16
) -> list[tuple[np.ndarray, np.ndarray, np.ndarray]]:
    """Boxes float32 (n, 4) in pixels, scores float32 (n,), classes int64 (n,), best first, for each image.

    `pixels`: uint8 (N, side, side, 3). Boxes below `score` are dropped, and of two of one class that overlap by more
    than `iou` the worse.
    """
    network.eval()
    found = []
    device = next(network.parameters()).device
    for part in batches(pixels, batch):
        output = network(torch.from_numpy(part).to(device)).float().cpu().numpy()
        found += [suppress(each, score, iou) for each in output]
    return found


def _load(network: DetectorNetwork, path: Path) -> None:
    """Weights of the same architecture; the class towers' last layers only where they are made for as many classes."""
    try:
        state = load_file(path)
    except (OSError, ValueError) as error:
        raise WeightsError(f"{path}: the weights can't be read ({error}).", "Correct network.pretrained.") from None
    own = network.state_dict()
    kept = {name: value for name, value in state.items() if name in own and value.shape == own[name].shape}
    if len(kept) < len(own) / 2:
        raise WeightsError(
            f"{path}: the weights do not fit ({len(kept)} of {len(own)} tensors do).",
            "Give the weights of the same network.size.",
        )
    network.load_state_dict(kept, strict=False)
