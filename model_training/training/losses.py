"""What training minimises: from a recipe's `training` section to a function of logits and targets."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from ..recipe import Training

#: logits, float (N, classes), and targets, int64 (N,) → the mean loss over the batch, a scalar. Cross-entropy also
#: takes the shares of the classes, float (N, classes).
Loss = Callable[[Tensor, Tensor], Tensor]


def make_loss(training: Training, class_counts: np.ndarray) -> Loss:
    """The loss that the recipe asks for. `class_counts`: int (classes,), training images of each class.

    A class without images is treated as if it had one.
    """
    counts = torch.from_numpy(np.maximum(class_counts, 1)).float()
    smoothing, strength = training.label_smoothing, training.class_balancing_strength
    match training.loss:
        case "focal":
            return partial(focal_loss, gamma=training.focal_gamma, smoothing=smoothing)
        case "quantile_margin" | "quantile_margin_hard":
            by_name = {"quantile_margin": quantile_margin_weights, "quantile_margin_hard": hard_margin_weights}
            return partial(margin_loss, counts=counts, quantile=training.margin_quantile, weigh=by_name[training.loss])
    match training.class_balancing:
        case "class_weights":
            return partial(cross_entropy, weights=class_weights(counts, strength), smoothing=smoothing)
        case "logit_adjustment":
            return partial(cross_entropy, offsets=strength * (counts / counts.sum()).log(), smoothing=smoothing)
        case "focal_loss":
            return partial(focal_loss, gamma=strength, smoothing=smoothing)
    return partial(cross_entropy, smoothing=smoothing)


def class_weights(counts: Tensor, strength: float) -> Tensor:
    """float (classes,): an image's weight falls with its class's size to the power of `strength`.

    Scaled so that the weights of all training images average 1, and the learning rate means the same as without.
    """
    weights = counts**-strength
    return weights * counts.sum() / (weights * counts).sum()


def cross_entropy(
    logits: Tensor,
    targets: Tensor,
    *,
    weights: Tensor | None = None,
    offsets: Tensor | None = None,
    smoothing: float = 0.0,
) -> Tensor:
    """Mean cross-entropy in nats. `weights`, (classes,), multiply each image's loss by that of its class.

    `offsets`, (classes,), are added to the logits: with the logarithm of each class's share the network learns logits
    under which all classes are equally likely beforehand (logit adjustment, Menon et al. 2021, eq. 10).
    """
    if offsets is not None:
        logits = logits + offsets.to(logits.device)
    losses = functional.cross_entropy(logits, targets, reduction="none", label_smoothing=smoothing)
    if weights is not None:
        # Not divided by the batch's own weights, as torch does: a batch of one class would undo its weight.
        of_class = weights.to(losses.device)
        losses = losses * (targets @ of_class if targets.is_floating_point() else of_class[targets])
    return losses.mean()


def focal_loss(logits: Tensor, targets: Tensor, *, gamma: float, smoothing: float = 0.0) -> Tensor:
    """Mean cross-entropy, each image's times (1 − p)^gamma with p the probability of its class.

    Lin et al. 2017, eq. 4.
    """
    losses = functional.cross_entropy(logits, targets, reduction="none", label_smoothing=smoothing)
    right = logits.softmax(1).gather(1, targets[:, None])[:, 0]
    return ((1 - right) ** gamma * losses).mean()


def margin_loss(
    logits: Tensor, targets: Tensor, *, counts: Tensor, quantile: float, weigh: Callable[[Tensor, Tensor], Tensor]
) -> Tensor:
    """Mean cross-entropy, each image's times a weight by its margin and its class's size.

    The margin is the true class's logit minus the highest other one. `weigh` gets, for each image, whether its margin
    is below the batch's `quantile` of margins, bool (N,), and its class's count, float (N,); it returns weights (N,).
    With CLIP's scaled cosines as logits the cross-entropy is the image → text half of its contrastive loss, over the
    classes' prompts; the text → image half has no meaning where a batch holds several images of one class.
    """
    losses = functional.cross_entropy(logits, targets, reduction="none")
    with torch.no_grad():
        true = logits.gather(1, targets[:, None])[:, 0]
        others = logits.scatter(1, targets[:, None], -torch.inf)
        margins = (true - others.amax(1)).float()
        small = margins < torch.quantile(margins, quantile)
        weights = weigh(small, counts.to(logits.device)[targets])
    return (weights * losses).mean()


def quantile_margin_weights(small: Tensor, counts: Tensor) -> Tensor:
    """The quantile-margin weights as their authors' formula has them: 1 / log(n + 1) where the margin is small,
    log(n + 1) elsewhere, with n the class's count.

    From n = 2 on log(n + 1) is above 1, so that a small margin weighs *less* than a large one, and the less the more
    frequent its class; the authors' prose says the opposite, see `hard_margin_weights`.
    """
    logs = (counts + 1).log()
    return torch.where(small, 1 / logs, logs)


def hard_margin_weights(small: Tensor, counts: Tensor) -> Tensor:
    """The weights that the authors' prose describes: a small margin weighs more, whatever its class.

    Of the formula's two values the larger goes to small margins and the smaller to the rest. For a class of one image
    that is the formula itself; for every other class the two branches are exchanged.
    """
    logs = (counts + 1).log()
    return torch.where(small, torch.maximum(logs, 1 / logs), torch.minimum(logs, 1 / logs))
