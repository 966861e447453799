"""Classification losses of the detector, exchangeable under libreyolo's `YOLO9Loss.cls_loss`.

Each takes logits and soft targets, both float (batch, anchors, classes), and the sum of all targets by which the loss
is divided. A target is 0 everywhere but, at an anchor that is responsible for an object, at that object's class: there
it is the alignment of the prediction with the object, 0…1 (task-aligned assignment, Feng et al. 2021).
"""

from __future__ import annotations

from typing import Literal, Protocol

import torch
from torch import Tensor
from torch.nn import functional
from torchvision.ops import sigmoid_focal_loss

LossName = Literal["bce", "cross_entropy", "focal"]


class DetectionLoss(Protocol):
    def __call__(self, logits: Tensor, targets: Tensor, norm: Tensor) -> Tensor:
        """Returns a scalar."""


def make_detection_loss(name: LossName, alpha: float = 0.25, gamma: float = 2.0) -> DetectionLoss:
    """`alpha` and `gamma` are the focal loss's; the others have none."""
    if name == "bce":
        return binary_cross_entropy
    if name == "cross_entropy":
        return cross_entropy
    return lambda logits, targets, norm: focal(logits, targets, norm, alpha, gamma)


def binary_cross_entropy(logits: Tensor, targets: Tensor, norm: Tensor) -> Tensor:
    """Each class is a question of its own: YOLOv9's loss."""
    return functional.binary_cross_entropy_with_logits(logits, targets, reduction="sum") / norm


def cross_entropy(logits: Tensor, targets: Tensor, norm: Tensor) -> Tensor:
    """The classes and the background exclude each other: softmax over them, the background's logit fixed at 0.

    What is left of an anchor's target belongs to the background. Where one class is far above the others, its softmax
    is the sigmoid by which scores are read off, so that no other head is needed.
    """
    background = torch.zeros_like(logits[..., :1])
    log_p = functional.log_softmax(torch.cat([logits, background], -1), -1)
    rest = 1 - targets.sum(-1, keepdim=True)
    return -(torch.cat([targets, rest], -1) * log_p).sum() / norm


def focal(logits: Tensor, targets: Tensor, norm: Tensor, alpha: float, gamma: float) -> Tensor:
    """FL(p) = −α (1−p)^γ log p, with p the probability of the truth, α for foreground and 1−α for background
    (Lin et al. 2017, eq. 5). A soft target counts as that much foreground and the rest background."""
    return sigmoid_focal_loss(logits, targets, alpha, gamma, reduction="sum") / norm
