"""The training loop: one for CPU, CUDA and several processes, readable from top to bottom."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import math
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
from lightning_fabric import Fabric
from torch import Tensor, nn
from torch.nn import functional

from .augment import augment
from .balance import draw_rows
from .checkpoint import read_checkpoint, write_checkpoint
from .curves import write_curves
from .datasets.pictures import average
from .losses import make_loss
from .prepare import Prepared
from .pretrained import finish_network, make_network
from .progress import follow
from .recipe import Recipe, Training
from .runtime.errors import RecipeError
from .runtime.network import ClassificationNetwork


@dataclass(frozen=True)
class Epoch:
    """What one pass over the training pictures gave. Losses are mean cross-entropies in nats, accuracies are 0…1."""

    epoch: int
    train_loss: float
    train_accuracy: float
    validation_loss: float
    validation_accuracy: float
    seconds: float
    validation_macro_f1: float = 0.0


@dataclass(frozen=True)
class Evaluation:
    """Mean cross-entropy in nats, accuracy and macro-F1 (0…1; a class without pictures counts as 0)."""

    loss: float
    accuracy: float
    macro_f1: float


@dataclass(frozen=True)
class Trained:
    """The network of the best epoch: highest in what `training.keep` names, of equals the lowest validation loss."""

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
    digest = hashlib.sha256((identity + prepared.provenance.fingerprint).encode()).hexdigest()
    return runs / recipe.name / digest[:12]


def train(recipe: Recipe, prepared: Prepared, runs: Path, fabric: Fabric) -> Trained:
    """Train to the last epoch, or from where an interrupted run of the same recipe and data stopped.

    Every random choice is drawn from the seed and the epoch's number, so a resumed run ends in the same weights.
    """
    settings = recipe.training
    folder = run_folder(recipe, prepared, runs)
    folder.mkdir(parents=True, exist_ok=True)
    keys = prepared.dataset.labels
    plain = make_network(recipe, len(keys), [recipe.labels[key].en if key in recipe.labels else key for key in keys])
    if recipe.preprocessing.mean == "image":
        plain.normalise.centre_on(average(prepared.pixels, prepared.rows["train"]))
    plain.to(memory_format=torch.channels_last)
    network, optimizer = fabric.setup(plain, make_optimizer(plain, settings))
    history = [Epoch(**each) for each in read_checkpoint(folder / "last.ckpt", plain, optimizer, fabric.device)]
    targets_of_train = prepared.targets[prepared.rows["train"]]
    class_counts = np.bincount(targets_of_train, minlength=len(prepared.dataset.labels))
    measure_loss = make_loss(settings, class_counts)
    with follow("Training", quiet=not fabric.is_global_zero) as step:
        for epoch in range(len(history), settings.epochs):
            started = time.perf_counter()
            torch.manual_seed(_seed(settings.seed, epoch))
            network.train()
            totals = torch.zeros(3, dtype=torch.float64, device=fabric.device)
            drawn = draw_rows(prepared.rows["train"], targets_of_train, settings, _seed(settings.seed, epoch))
            batches = shuffle(drawn, settings, epoch)
            steps = len(batches)
            for number, rows in enumerate(batches):
                set_learning_rate(optimizer, settings, (epoch * steps + number) / (settings.epochs * steps))
                rows = rows[fabric.global_rank :: fabric.world_size]
                pixels, targets = _load(prepared, rows, torch.device("cpu"))
                augmented = augment(pixels.numpy(), rows, recipe.augmentation, _seed(settings.seed, epoch))
                pixels = torch.from_numpy(augmented).to(fabric.device, non_blocking=True)
                targets = targets.to(fabric.device)
                pixels = flip_some(pixels, rows, recipe.augmentation.horizontal_flip, _seed(settings.seed, epoch))
                logits = network(pixels)
                loss = measure_loss(logits, targets)
                fabric.backward(loss)
                optimizer.step()
                optimizer.zero_grad(set_to_none=True)
                totals += _count(logits.detach(), targets)
                note = f"epoch {epoch + 1}/{settings.epochs}, loss {loss.item():.3f}"
                step.update(epoch * steps + number + 1, settings.epochs * steps, note)
            train_loss, train_accuracy = _average(fabric, totals)
            validation = evaluate(network, prepared, prepared.rows["validation"], fabric)
            history.append(
                Epoch(
                    epoch + 1,
                    train_loss,
                    train_accuracy,
                    validation.loss,
                    validation.accuracy,
                    time.perf_counter() - started,
                    validation.macro_f1,
                )
            )
            if fabric.is_global_zero:
                _save(folder, recipe, plain, optimizer, history, prepared)
            step.say(
                f"epoch {epoch + 1}: train loss {train_loss:.4f}, accuracy {train_accuracy:.4f}; validation loss "
                f"{validation.loss:.4f}, accuracy {validation.accuracy:.4f}, macro-F1 {validation.macro_f1:.4f}"
            )
            fabric.barrier()
    best = choose_best(history, settings.keep)
    read_checkpoint(folder / "best.ckpt", plain, None, fabric.device)
    device = torch.cuda.get_device_name() if fabric.device.type == "cuda" else "cpu"
    trainable = sum(parameter.numel() for parameter in plain.parameters() if parameter.requires_grad)
    finish_network(plain)
    return Trained(plain.cpu().eval(), history, best, folder, device, trainable)


def make_optimizer(network: nn.Module, settings: Training) -> torch.optim.Optimizer:
    parameters = [parameter for parameter in network.parameters() if parameter.requires_grad]
    rate, decay = settings.learning_rate, settings.weight_decay
    if settings.optimizer == "adam":
        return torch.optim.Adam(parameters, lr=rate, weight_decay=decay)
    if settings.optimizer == "adamw":
        return torch.optim.AdamW(parameters, lr=rate, weight_decay=decay)
    return torch.optim.SGD(parameters, lr=rate, weight_decay=decay, momentum=0.9, nesterov=True)


def set_learning_rate(optimizer: torch.optim.Optimizer, settings: Training, progress: float) -> None:
    """`progress`: 0 at the first step … 1 after the last. Cosine: Loshchilov & Hutter 2017, eq. 5."""
    factor = 0.5 * (1 + math.cos(math.pi * progress)) if settings.schedule == "cosine" else 1.0
    for group in optimizer.param_groups:
        group["lr"] = settings.learning_rate * factor


def shuffle(rows: np.ndarray, settings: Training, epoch: int) -> list[np.ndarray]:
    """An epoch's batches. They are of nearly equal size: a rest of one or two pictures would spoil batch norm."""
    order = np.random.default_rng(_seed(settings.seed, epoch)).permutation(rows)
    return np.array_split(order, math.ceil(len(rows) / settings.batch_size))


def flip_some(pixels: Tensor, rows: np.ndarray, probability: float, seed: int) -> Tensor:
    """Mirror each picture left to right with `probability`; whether depends on the picture's row and the seed alone,
    so that any number of processes sees the same pictures. `pixels`: (N, height, width, 3)."""
    chances = [np.random.default_rng((seed, int(row))).random() for row in rows]
    flipped = torch.tensor(chances, device=pixels.device) < probability
    return torch.where(flipped.view(-1, 1, 1, 1), pixels.flip(2), pixels)


@torch.no_grad()
def evaluate(network: nn.Module, prepared: Prepared, rows: np.ndarray, fabric: Fabric) -> Evaluation:
    """How the network does on `rows`, shared among the processes."""
    network.eval()
    classes = len(prepared.dataset.labels)
    losses = torch.zeros((), dtype=torch.float64, device=fabric.device)
    confusion = torch.zeros(classes * classes, dtype=torch.int64, device=fabric.device)
    mine = rows[fabric.global_rank :: fabric.world_size]
    for start in range(0, len(mine), 64):
        pixels, targets = _load(prepared, mine[start : start + 64], fabric.device)
        logits = network(pixels).float()
        losses += functional.cross_entropy(logits, targets, reduction="sum")
        confusion += torch.bincount(targets * classes + logits.argmax(1), minlength=classes * classes)
    losses = fabric.all_reduce(losses, reduce_op="sum")  # type: ignore[assignment]
    confusion = fabric.all_reduce(confusion, reduce_op="sum")  # type: ignore[assignment]
    matrix = confusion.view(classes, classes).double()  # rows are true classes
    right = matrix.diagonal()
    f1 = 2 * right / (matrix.sum(0) + matrix.sum(1)).clamp(min=1)
    return Evaluation(losses.item() / len(rows), (right.sum() / matrix.sum()).item(), f1.mean().item())


def choose_best(history: list[Epoch], keep: Literal["accuracy", "macro_f1"] = "accuracy") -> Epoch:
    return min(history, key=lambda each: (-getattr(each, f"validation_{keep}"), each.validation_loss))


def _load(prepared: Prepared, rows: np.ndarray, device: torch.device) -> tuple[Tensor, Tensor]:
    pixels = torch.from_numpy(prepared.pixels[rows])
    return pixels.to(device, non_blocking=True), torch.from_numpy(prepared.targets[rows]).to(device)


def _count(logits: Tensor, targets: Tensor) -> Tensor:
    """[sum of losses, correct answers, pictures], float64."""
    loss = functional.cross_entropy(logits.float(), targets, reduction="sum")
    right = (logits.argmax(1) == targets).sum()
    return torch.stack([loss.double(), right.double(), torch.tensor(float(len(targets)), device=loss.device).double()])


def _average(fabric: Fabric, totals: Tensor) -> tuple[float, float]:
    loss, right, pictures = fabric.all_reduce(totals, reduce_op="sum").tolist()  # type: ignore[union-attr]
    return loss / pictures, right / pictures


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
    if choose_best(history, recipe.training.keep) is history[-1]:
        write_checkpoint(folder / "best.ckpt", network, optimizer, epochs)
    # Last, because it vouches for the rest: a kill before this line repeats the epoch.
    write_curves(history, folder / "loss_accuracy.png", recipe.title.en)
    metrics = {"labels": prepared.dataset.labels, "data": prepared.provenance.model_dump(), "epochs": epochs}
    _write_text(folder / "metrics.json", json.dumps(metrics, ensure_ascii=False, indent=2) + "\n")
    write_checkpoint(folder / "last.ckpt", network, optimizer, epochs)


def _write_text(path: Path, text: str) -> None:
    temporary = path.with_name(path.name + ".part")
    temporary.write_text(text, "utf-8")
    temporary.replace(path)
