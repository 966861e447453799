"""A classifier's training: from a recipe and images to the network of the best epoch."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from lightning_fabric import Fabric
from torch import Tensor, nn
from torch.nn import functional

from ..datasets.prepare import Prepared
from ..evaluation.metrics import mean_f1
from ..evaluation.predict import batches
from ..models.factory import finish_network
from ..recipe import CLIP, Recipe
from ..runtime.network import ClassificationNetwork
from .distillation import Teacher, ask_teachers, distil, identify_teachers
from .feature_cache import choose_inputs
from .inputs import Inputs
from .loop import Trained, fit, mix_seed
from .losses import Loss, make_loss
from .mixing import mix
from .optimizer import find_rate, make_optimizer
from .precision import computing_in, settle_precision
from .probe import fit_once, keep_better, remember_logits
from .sampling import draw_rows
from .start import build_network, has_probe, starts_from_probe


@dataclass(frozen=True)
class Epoch:
    """What one pass over the training images gave. Losses are mean cross-entropies in nats, accuracies are 0…1."""

    epoch: int
    train_loss: float
    train_accuracy: float
    validation_loss: float
    validation_accuracy: float
    seconds: float
    validation_macro_f1: float = 0.0


@dataclass(frozen=True)
class Evaluation:
    """Mean cross-entropy in nats, accuracy and macro-F1 (0…1; a class without images counts as 0).

    `confusion`: int (classes, classes), rows are true classes; `logits`: float32 (N, classes).
    """

    loss: float
    accuracy: float
    macro_f1: float
    confusion: np.ndarray
    logits: np.ndarray


class ClassificationTask:
    """A recipe's network on its images, see `loop.Task`.

    `trained`: the network or its upper half, which takes what `inputs` gives.
    """

    max_gradient_norm: float | None = None

    def __init__(
        self,
        recipe: Recipe,
        prepared: Prepared,
        network: ClassificationNetwork,
        trained: nn.Module,
        inputs: Inputs,
        teacher: Teacher | None = None,
    ) -> None:
        self.settings = recipe.training
        self.augmentation = recipe.augmentation
        self.prepared = prepared
        self.network = network
        self.trained = trained
        self.inputs = inputs
        self.teacher = teacher
        self.epochs = self.settings.epochs
        self.patience = self.settings.patience
        wise = self.settings.average == "wise"
        self.average = "ema" if wise and not starts_from_probe(recipe) else self.settings.average
        self.seed = self.settings.seed
        self.monitor = f"validation_{self.settings.monitor}"
        self.rows = prepared.rows["train"]
        self.classes = len(prepared.dataset.labels)
        self.loss = self.make_loss()
        example = inputs.for_evaluation(self.rows[:1], next(network.parameters()).device)
        self.precision = settle_precision(self.settings.precision, trained, example)

    def make_loss(self) -> Loss:
        return make_loss(self.settings, np.bincount(self.prepared.targets[self.rows], minlength=self.classes))

    def make_optimizer(self) -> torch.optim.Optimizer:
        return make_optimizer(self.network, self.settings)

    def draw_batches(self, epoch: int) -> list[np.ndarray]:
        """They are of nearly equal size: a rest of one or two images would spoil batch norm."""
        seed = mix_seed(self.seed, epoch)
        shown = draw_rows(self.rows, self.prepared.targets[self.rows], self.settings, seed)
        order = np.random.default_rng(seed).permutation(shown)
        return np.array_split(order, math.ceil(len(shown) / self.settings.batch_size))

    def learning_rate(self, epoch: int, step: int, steps: int) -> float:
        return find_rate(self.settings, epoch * steps + step, steps)

    def measure_loss(
        self, answer: Callable[..., Any], rows: np.ndarray, epoch: int, fabric: Fabric
    ) -> tuple[Tensor, Tensor]:
        """And [sum of cross-entropies, right answers, images]."""
        mine = rows[fabric.global_rank :: fabric.world_size]
        seed = mix_seed(self.seed, epoch)
        targets = torch.from_numpy(self.prepared.targets[mine]).to(fabric.device)
        given = self.inputs.for_training(mine, seed, fabric.device)
        wanted = targets
        if self.augmentation.mixes:
            pixels, wanted = mix(given[0], targets, self.classes, self.augmentation, (seed, int(rows[0])))
            given = (pixels,)
        with computing_in(self.precision):
            logits = answer(*given).float()
        loss = self.loss(logits, wanted)
        if self.teacher is not None and self.settings.distillation is not None:
            loss = distil(loss, logits, self.teacher.answer(mine, seed, fabric.device), self.settings.distillation)
        # A mean over shares that differ by an image is that of the batch only where a larger share counts more.
        return loss * (len(mine) * fabric.world_size / len(rows)), self.count(logits.detach(), targets)

    def count(self, logits: Tensor, targets: Tensor) -> Tensor:
        """[sum of losses, right answers, images], float64."""
        loss = functional.cross_entropy(logits.float(), targets, reduction="sum")
        right = (logits.argmax(1) == targets).sum()
        images = torch.tensor(float(len(targets)), device=loss.device)
        return torch.stack([loss.double(), right.double(), images.double()])

    def validate(self, answer: Callable[..., Any], fabric: Fabric) -> Evaluation:
        return evaluate(answer, self.inputs, self.prepared, self.prepared.rows["validation"], fabric)

    def sum_up(self, epoch: int, sums: Sequence[float], validation: Evaluation, seconds: float) -> Epoch:
        loss, right, images = sums
        figures = (loss / images, right / images, validation.loss, validation.accuracy, seconds, validation.macro_f1)
        return Epoch(epoch, *figures)

    def recall(self, kept: dict[str, Any]) -> Epoch:
        return Epoch(**kept)


def run_folder(recipe: Recipe, prepared: Prepared, runs: Path) -> Path:
    """A folder of its own for each recipe and data, so that a resumed run is always a run of the same thing."""
    # Titles and sentences change nothing about the weights, but for CLIP, which takes its prompts from the titles.
    identity = recipe.model_dump_json(include={"preprocessing", "augmentation", "network", "training"})
    identity += prepared.provenance.fingerprint + identify_teachers(recipe)
    identity += json.dumps(prepared.dataset.labels)  # their order is that of the outputs
    identity += "multi_label" * recipe.data.multi_label
    if recipe.network.backbone.startswith(CLIP):
        identity += json.dumps([recipe.name_class(key).en for key in prepared.dataset.labels])
    digest = hashlib.sha256(identity.encode()).hexdigest()
    return runs / recipe.name / digest[:12]


def train(
    recipe: Recipe,
    prepared: Prepared,
    runs: Path,
    fabric: Fabric,
    cache: Path | None = None,
    kind: type[ClassificationTask] = ClassificationTask,
) -> Trained[ClassificationNetwork, Epoch]:
    """Train to the last epoch, or from where an interrupted run of the same recipe and data stopped.

    `cache`: where features of frozen layers are kept for other trainings, see `choose_inputs`. `kind`: what the network
    learns, one class of each image if not given.
    """
    folder = run_folder(recipe, prepared, runs)
    folder.mkdir(parents=True, exist_ok=True)
    with fabric.rank_zero_first():
        teacher = ask_teachers(recipe, prepared, folder, fabric.device)
        probed = fit_once(recipe, prepared, folder, fabric.device) if has_probe(recipe) else None
    network = (
        build_network(recipe, prepared, probed.probe if probed else None)
        .to(memory_format=torch.channels_last)
        .to(fabric.device)
    )
    trained, inputs = choose_inputs(network, recipe, prepared, fabric, cache)
    task = kind(recipe, prepared, network, trained, inputs, teacher)
    about = {"labels": prepared.dataset.labels, "data": prepared.provenance.model_dump()}
    outcome = fit(
        task, fabric, folder, recipe.title.en, about, lambda epoch, seen: remember_logits(folder, epoch, seen.logits)
    )
    finish_network(outcome.network)
    if probed is not None and fabric.is_global_zero:
        outcome = keep_better(recipe, prepared, outcome, probed, fabric.device)
    return outcome


@torch.no_grad()
def evaluate(
    answer: Callable[..., Tensor], inputs: Inputs, prepared: Prepared, rows: np.ndarray, fabric: Fabric
) -> Evaluation:
    """How a network in evaluation mode does on `rows`, shared among the processes."""
    classes = len(prepared.dataset.labels)
    losses = torch.zeros((), dtype=torch.float64, device=fabric.device)
    counts = torch.zeros(classes * classes, dtype=torch.int64, device=fabric.device)
    said = torch.zeros((len(rows), classes), device=fabric.device)
    # Each batch is shared, not the rows before: the processes must ask equally often, since each question of a network
    # under DDP first brings its buffers in step.
    for batch in batches(np.arange(len(rows)), 64 * fabric.world_size):
        places = batch[fabric.global_rank :: fabric.world_size]
        part = rows[places]
        targets = torch.from_numpy(prepared.targets[part]).to(fabric.device)
        logits = answer(*inputs.for_evaluation(part, fabric.device)).float()
        losses += functional.cross_entropy(logits, targets, reduction="sum")
        said[places] = logits
        counts += torch.bincount(targets * classes + logits.argmax(1), minlength=classes * classes)
    loss = fabric.all_reduce(losses, reduce_op="sum").item()  # type: ignore[union-attr]
    confusion = fabric.all_reduce(counts, reduce_op="sum").view(classes, classes).cpu().numpy()  # type: ignore[union-attr]
    told = fabric.all_reduce(said, reduce_op="sum").cpu().numpy()  # type: ignore[union-attr]
    accuracy = float(confusion.diagonal().sum() / len(rows))
    return Evaluation(loss / len(rows), accuracy, float(mean_f1(confusion)), confusion, told)
