"""The training loop: one for CPU, CUDA and several processes, readable from top to bottom."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import math
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
from lightning_fabric import Fabric
from torch import Tensor, nn
from torch.nn import functional

from ..datasets.image_store import average
from ..datasets.prepare import Prepared
from ..models.factory import finish_network, head_layers, make_network
from ..models.lda_head import start_head
from ..progress import follow
from ..recipe import Recipe, Training
from ..runtime.errors import RecipeError
from ..runtime.files import write_text
from ..runtime.network import ClassificationNetwork
from .checkpoint import read_checkpoint, write_checkpoint
from .curves import write_curves
from .distillation import Teacher, ask_teachers, distil, identify_teachers
from .feature_cache import choose_inputs
from .inputs import Inputs
from .losses import make_loss
from .sampling import draw_rows


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

    `confusion`: int (classes, classes), rows are true classes.
    """

    loss: float
    accuracy: float
    macro_f1: float
    confusion: np.ndarray


@dataclass(frozen=True)
class Trained:
    """The network of the best epoch: highest in what `training.monitor` names, of equals the lowest validation loss."""

    network: ClassificationNetwork
    epochs: list[Epoch]
    best: Epoch
    folder: Path
    device: str
    trainable: int


def start_fabric(device: str) -> Fabric:
    """`cpu`, `cuda` or `auto`, with `:N` for N processes (DDP): `cuda:2`, `cpu:2`.

    CUDA runs in bf16, or fp16 with loss scaling where the card has no bf16; the CPU in float32.
    Raises `RecipeError` for anything else, or for CUDA where there is none.
    """
    kind, _, count = device.partition(":")
    if kind == "auto":
        kind = "cuda" if torch.cuda.is_available() else "cpu"
    if kind not in ("cpu", "cuda") or not (count or "1").isdigit() or count == "0":
        raise RecipeError(f"There is no device {device!r}.", "Use cpu, cuda or auto, with :N for N processes.")
    if kind == "cuda" and not torch.cuda.is_available():
        raise RecipeError("There is no CUDA device on this machine.", "Use DEVICE=cpu.")
    precision: Any = "32-true"
    if kind == "cuda":
        precision = "bf16-mixed" if torch.cuda.is_bf16_supported() else "16-mixed"
    processes = int(count or 1)
    return Fabric(accelerator=kind, devices=processes, strategy="ddp" if processes > 1 else "auto", precision=precision)


def run_folder(recipe: Recipe, prepared: Prepared, runs: Path) -> Path:
    """A folder of its own for each recipe and data, so that a resumed run is always a run of the same thing."""
    # Titles and sentences change nothing about the weights.
    identity = recipe.model_dump_json(include={"preprocessing", "augmentation", "network", "training"})
    identity += prepared.provenance.fingerprint + identify_teachers(recipe)
    identity += json.dumps(prepared.dataset.labels)  # their order is that of the outputs
    digest = hashlib.sha256(identity.encode()).hexdigest()
    return runs / recipe.name / digest[:12]


def train(recipe: Recipe, prepared: Prepared, runs: Path, fabric: Fabric, cache: Path | None = None) -> Trained:
    """Train to the last epoch, or from where an interrupted run of the same recipe and data stopped.

    Every random choice is drawn from the seed and the epoch's number, so a resumed run ends in the same weights.
    `cache`: where features of frozen layers are kept for other trainings, see `choose_inputs`.
    """
    settings = recipe.training
    folder = run_folder(recipe, prepared, runs)
    folder.mkdir(parents=True, exist_ok=True)
    with fabric.rank_zero_first():
        teacher = ask_teachers(recipe, prepared, folder, fabric.device)
    plain = build_network(recipe, prepared).to(memory_format=torch.channels_last)
    plain.to(fabric.device)
    trained, inputs = choose_inputs(plain, recipe, prepared, fabric, cache)
    answer, optimizer = fabric.setup(trained, make_optimizer(plain, settings))
    history = [Epoch(**each) for each in read_checkpoint(folder / "last.ckpt", plain, optimizer, fabric.device)]
    with follow("Training", quiet=not fabric.is_global_zero) as step:
        given = (recipe, prepared, fabric, plain, answer, inputs, optimizer, len(history), step.update)
        epochs = run_epochs(*given, teacher)
        for epoch, _ in epochs:
            history.append(epoch)
            if fabric.is_global_zero:
                _save(folder, recipe, plain, optimizer, history, prepared)
            step.say(
                f"epoch {epoch.epoch}: train loss {epoch.train_loss:.4f}, accuracy {epoch.train_accuracy:.4f}; "
                f"validation loss {epoch.validation_loss:.4f}, accuracy {epoch.validation_accuracy:.4f}, "
                f"macro-F1 {epoch.validation_macro_f1:.4f}"
            )
            fabric.barrier()
    best = choose_best(history, settings.monitor)
    read_checkpoint(folder / "best.ckpt", plain, None, fabric.device)
    device = torch.cuda.get_device_name() if fabric.device.type == "cuda" else "cpu"
    trainable = sum(parameter.numel() for parameter in plain.parameters() if parameter.requires_grad)
    finish_network(plain)
    return Trained(plain.cpu().eval(), history, best, folder, device, trainable)


def build_network(recipe: Recipe, prepared: Prepared) -> ClassificationNetwork:
    """The recipe's network before its first step, centred on the training images where the recipe asks for it."""
    keys = prepared.dataset.labels
    network = make_network(recipe, len(keys), [recipe.name_class(key).en for key in keys])
    if recipe.preprocessing.mean == "image":
        network.normalise.centre_on(average(prepared.pixels, prepared.rows["train"]))
    if recipe.training.head_init == "lda":
        start_head(network, head_layers(network)[-1], prepared, recipe.augmentation.horizontal_flip > 0)
    return network


def run_epochs(
    recipe: Recipe,
    prepared: Prepared,
    fabric: Fabric,
    network: nn.Module,
    answer: Callable[..., Tensor],
    inputs: Inputs,
    optimizer: torch.optim.Optimizer,
    done: int,
    update: Callable[[int, int, str], None],
    teacher: Teacher | None = None,
) -> Iterator[tuple[Epoch, Evaluation]]:
    """Train from epoch `done` to the last; yields what each gave. The caller may stop or save in between.

    `answer`: what `inputs` gives → logits (N, classes); it is `network` or its upper half, and `network` is what is put
    into training or evaluation mode. `update(steps done, of how many, a note)`.
    """
    settings = recipe.training
    rows_of_train = prepared.rows["train"]
    targets_of_train = prepared.targets[rows_of_train]
    measure_loss = make_loss(settings, np.bincount(targets_of_train, minlength=len(prepared.dataset.labels)))
    for epoch in range(done, settings.epochs):
        started = time.perf_counter()
        seed = _seed(settings.seed, epoch)
        torch.manual_seed(seed)
        network.train()
        totals = torch.zeros(3, dtype=torch.float64, device=fabric.device)
        batches = shuffle(draw_rows(rows_of_train, targets_of_train, settings, seed), settings, epoch)
        steps = len(batches)
        for number, rows in enumerate(batches):
            set_learning_rate(optimizer, settings, (epoch * steps + number) / (settings.epochs * steps))
            rows = rows[fabric.global_rank :: fabric.world_size]
            targets = torch.from_numpy(prepared.targets[rows]).to(fabric.device)
            logits = answer(*inputs.for_training(rows, seed, fabric.device))
            loss = measure_loss(logits, targets)
            if teacher is not None and settings.distillation is not None:
                loss = distil(loss, logits, teacher.answer(rows, seed, fabric.device), settings.distillation)
            fabric.backward(loss)
            optimizer.step()
            optimizer.zero_grad(set_to_none=True)
            totals += _count(logits.detach(), targets)
            note = f"epoch {epoch + 1}/{settings.epochs}, loss {loss.item():.3f}"
            update(epoch * steps + number + 1, settings.epochs * steps, note)
        train_loss, train_accuracy = _average(fabric, totals)
        network.eval()
        validation = evaluate(answer, inputs, prepared, prepared.rows["validation"], fabric)
        seconds = time.perf_counter() - started
        figures = (train_loss, train_accuracy, validation.loss, validation.accuracy, seconds, validation.macro_f1)
        yield Epoch(epoch + 1, *figures), validation


def make_optimizer(network: nn.Module, settings: Training) -> torch.optim.Optimizer:
    parameters = [parameter for parameter in network.parameters() if parameter.requires_grad]
    rate, decay = settings.learning_rate, settings.weight_decay
    # Fused: one pass over all parameters. Tensor by tensor, Adam takes a fifth of a small network's step on a CPU.
    if settings.optimizer == "adam":
        return torch.optim.Adam(parameters, lr=rate, weight_decay=decay, fused=True)
    if settings.optimizer == "adamw":
        return torch.optim.AdamW(parameters, lr=rate, weight_decay=decay, fused=True)
    return torch.optim.SGD(parameters, lr=rate, weight_decay=decay, momentum=0.9, nesterov=True, fused=True)


def set_learning_rate(optimizer: torch.optim.Optimizer, settings: Training, progress: float) -> None:
    """`progress`: 0 at the first step … 1 after the last. Cosine: Loshchilov & Hutter 2017, eq. 5."""
    factor = 0.5 * (1 + math.cos(math.pi * progress)) if settings.schedule == "cosine" else 1.0
    for group in optimizer.param_groups:
        group["lr"] = settings.learning_rate * factor


def shuffle(rows: np.ndarray, settings: Training, epoch: int) -> list[np.ndarray]:
    """An epoch's batches. They are of nearly equal size: a rest of one or two images would spoil batch norm."""
    order = np.random.default_rng(_seed(settings.seed, epoch)).permutation(rows)
    return np.array_split(order, math.ceil(len(rows) / settings.batch_size))


@torch.no_grad()
def evaluate(
    answer: Callable[..., Tensor], inputs: Inputs, prepared: Prepared, rows: np.ndarray, fabric: Fabric
) -> Evaluation:
    """How a network in evaluation mode does on `rows`, shared among the processes."""
    classes = len(prepared.dataset.labels)
    losses = torch.zeros((), dtype=torch.float64, device=fabric.device)
    counts = torch.zeros(classes * classes, dtype=torch.int64, device=fabric.device)
    mine = rows[fabric.global_rank :: fabric.world_size]
    for start in range(0, len(mine), 64):
        part = mine[start : start + 64]
        targets = torch.from_numpy(prepared.targets[part]).to(fabric.device)
        logits = answer(*inputs.for_evaluation(part, fabric.device)).float()
        losses += functional.cross_entropy(logits, targets, reduction="sum")
        counts += torch.bincount(targets * classes + logits.argmax(1), minlength=classes * classes)
    loss = fabric.all_reduce(losses, reduce_op="sum").item()  # type: ignore[union-attr]
    confusion = fabric.all_reduce(counts, reduce_op="sum").view(classes, classes).cpu().numpy()  # type: ignore[union-attr]
    right = confusion.diagonal()
    f1 = 2 * right / np.maximum(confusion.sum(0) + confusion.sum(1), 1)
    return Evaluation(loss / len(rows), float(right.sum() / len(rows)), float(f1.mean()), confusion)


def choose_best(history: list[Epoch], monitor: Literal["accuracy", "macro_f1"] = "accuracy") -> Epoch:
    return min(history, key=lambda each: (-getattr(each, f"validation_{monitor}"), each.validation_loss))


def _count(logits: Tensor, targets: Tensor) -> Tensor:
    """[sum of losses, correct answers, images], float64."""
    loss = functional.cross_entropy(logits.float(), targets, reduction="sum")
    right = (logits.argmax(1) == targets).sum()
    return torch.stack([loss.double(), right.double(), torch.tensor(float(len(targets)), device=loss.device).double()])


def _average(fabric: Fabric, totals: Tensor) -> tuple[float, float]:
    loss, right, images = fabric.all_reduce(totals, reduce_op="sum").tolist()  # type: ignore[union-attr]
    return loss / images, right / images


def _seed(seed: int, epoch: int) -> int:
    return seed * 100_003 + epoch


def _save(
    folder: Path,
    recipe: Recipe,
    network: nn.Module,
    optimizer: torch.optim.Optimizer,
    history: list[Epoch],
    prepared: Prepared,
) -> None:
    epochs = [dataclasses.asdict(each) for each in history]
    if choose_best(history, recipe.training.monitor) is history[-1]:
        write_checkpoint(folder / "best.ckpt", network, optimizer, epochs)
    # Last, because it vouches for the rest: a kill before this line repeats the epoch.
    write_curves(history, folder / "loss_accuracy.png", recipe.title.en)
    metrics = {"labels": prepared.dataset.labels, "data": prepared.provenance.model_dump(), "epochs": epochs}
    write_text(folder / "metrics.json", json.dumps(metrics, ensure_ascii=False, indent=2) + "\n")
    write_checkpoint(folder / "last.ckpt", network, optimizer, epochs)
