"""A multi-label classifier's training: each class of an image is told by itself."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from lightning_fabric import Fabric
from sklearn.metrics import multilabel_confusion_matrix
from torch import Tensor
from torch.nn import functional

from ..datasets.prepare import Prepared
from ..evaluation.label_metrics import average_precisions, label_f1, mean_of_known
from ..evaluation.predict import batches
from ..recipe import Recipe
from ..runtime.network import ClassificationNetwork
from .classification import ClassificationTask, Epoch, Evaluation, train
from .inputs import Inputs
from .loop import Trained
from .losses import Loss

#: While it is trained, a label is named from here on; the thresholds that serve are chosen when the bundle is made.
_THRESHOLD = 0.5


@dataclass(frozen=True)
class LabelEpoch(Epoch):
    """Losses are mean binary cross-entropies in nats, accuracies the shares of images whose labels are all right, at a
    threshold of 0.5; `validation_average_precision` is the mean over the labels."""

    validation_average_precision: float = 0.0


@dataclass(frozen=True)
class LabelEvaluation(Evaluation):
    """As `LabelEpoch`'s; `confusion`: int (labels, 2, 2), of each label: rows are whether an image has it."""

    average_precision: float = 0.0


class MultiLabelTask(ClassificationTask):
    """A recipe's network on images of several classes, see `loop.Task`; `prepared.targets` are float32 (N, classes)."""

    def make_loss(self) -> Loss:
        targets = self.prepared.targets[self.rows]
        weights = None
        if self.settings.class_balancing == "class_weights":
            weights = positive_weights(targets, self.settings.class_balancing_strength)
        return partial(binary_cross_entropy, weights=weights, smoothing=self.settings.label_smoothing)

    def count(self, logits: Tensor, targets: Tensor) -> Tensor:
        loss = binary_cross_entropy(logits.float(), targets) * len(targets)
        right = ((logits.sigmoid() >= _THRESHOLD) == (targets > _THRESHOLD)).all(1).sum()
        images = torch.tensor(float(len(targets)), device=loss.device)
        return torch.stack([loss.double(), right.double(), images.double()])

    def validate(self, answer: Callable[..., Any], fabric: Fabric) -> LabelEvaluation:
        return evaluate_labels(answer, self.inputs, self.prepared, self.prepared.rows["validation"], fabric)

    def sum_up(self, epoch: int, sums: Sequence[float], validation: Evaluation, seconds: float) -> LabelEpoch:
        plain = super().sum_up(epoch, sums, validation, seconds)
        return LabelEpoch(**vars(plain), validation_average_precision=getattr(validation, "average_precision", 0.0))

    def recall(self, kept: dict[str, Any]) -> LabelEpoch:
        return LabelEpoch(**kept)


def train_labels(
    recipe: Recipe, prepared: Prepared, runs: Path, fabric: Fabric
) -> Trained[ClassificationNetwork, Epoch]:
    """`train` for images of several classes."""
    return train(recipe, prepared, runs, fabric, kind=MultiLabelTask)


def positive_weights(targets: np.ndarray, strength: float) -> Tensor:
    """float (classes,): how much more an image that has a class weighs in its loss than one that has not, (n₋ / n₊) to
    the power of `strength`. `targets`: 0 or 1, (N, classes); a class without images is treated as if it had one."""
    positives = np.maximum(targets.sum(0), 1)
    return torch.from_numpy(np.maximum(len(targets) - positives, 1) / positives).float() ** strength


def binary_cross_entropy(
    logits: Tensor, targets: Tensor, *, weights: Tensor | None = None, smoothing: float = 0.0
) -> Tensor:
    """The mean over images and classes of the binary cross-entropy in nats, a scalar.

    `logits`, `targets` (0…1): float (N, classes); `weights`: (classes,), of the part where the target is 1. With
    `smoothing` that share of each target is spread over both sides.
    """
    goal = targets.to(logits.dtype) * (1 - smoothing) + smoothing / 2
    weights = None if weights is None else weights.to(logits.device)
    return functional.binary_cross_entropy_with_logits(logits, goal, pos_weight=weights)


@torch.no_grad()
def evaluate_labels(
    answer: Callable[..., Tensor], inputs: Inputs, prepared: Prepared, rows: np.ndarray, fabric: Fabric
) -> LabelEvaluation:
    """How a network in evaluation mode does on `rows`, shared among the processes, of which each then knows all."""
    found = torch.zeros(len(rows), len(prepared.dataset.labels), device=fabric.device)
    # As in `classification.evaluate`, all processes ask equally often.
    for batch in batches(np.arange(len(rows)), 64 * fabric.world_size):
        part = batch[fabric.global_rank :: fabric.world_size]
        found[torch.from_numpy(part)] = answer(*inputs.for_evaluation(rows[part], fabric.device)).float()
    logits: Tensor = fabric.all_reduce(found, reduce_op="sum").cpu()  # type: ignore[union-attr]
    targets = prepared.targets[rows]
    chosen = logits.sigmoid().numpy() >= _THRESHOLD
    return LabelEvaluation(
        loss=float(binary_cross_entropy(logits, torch.from_numpy(targets))),
        accuracy=float((chosen == (targets > 0)).all(1).mean()),
        macro_f1=float(label_f1(chosen, targets).mean()),
        confusion=multilabel_confusion_matrix(targets > 0, chosen),
        logits=logits.numpy(),
        average_precision=float(mean_of_known(average_precisions(logits.numpy(), targets))[0]),
    )
