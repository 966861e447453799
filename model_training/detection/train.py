"""The detector's training: composed scenes first, labelled ones after that; resumable, and measured at its end."""

from __future__ import annotations

import hashlib
import json
import math
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from PIL import Image, ImageOps
from torch import Tensor

from ..progress import Step, follow
from ..runtime.detector import letterbox
from ..runtime.errors import CheckpointError
from ..runtime.files import replacing, write_text
from ..runtime.image import decode
from .annotations import Scene
from .composer import Composed, Drawing, compose
from .detector import DetectorNetwork, make_detector
from .recipe import DetectionRecipe

Page = tuple[np.ndarray, np.ndarray, np.ndarray]


@dataclass(frozen=True)
class TrainedDetector:
    """`losses`: mean total loss of each epoch, composed ones first."""

    network: DetectorNetwork
    losses: list[float]
    folder: Path
    seconds: float


def load_page(scene: Scene, side: int) -> Page:
    """What the detector is shown: uint8 (side, side, 3), boxes float32 (n, 4) in its pixels, classes int64 (n,)."""
    pixels, _ = letterbox(decode(scene.path.read_bytes(), at_least=side), side)
    factor = side / max(scene.width, scene.height)  # the decoder may have halved the image
    return pixels, scene.boxes * factor, scene.classes


def train_detector(
    recipe: DetectionRecipe, classes: int, scenes: Sequence[Scene], drawings: Sequence[Drawing], runs: Path
) -> TrainedDetector:
    """Train to the last epoch, or from where an interrupted run of the same recipe and data stopped.

    Every random choice hangs on the seed and the epoch, so a resumed run ends in the same weights.
    """
    folder = runs / recipe.name / _identity(recipe, scenes, drawings)
    folder.mkdir(parents=True, exist_ok=True)
    settings, side = recipe.training, recipe.network.input
    network = make_detector(recipe, classes)
    network.to(memory_format=torch.channels_last)
    optimizer = torch.optim.AdamW(network.parameters(), settings.learning_rate, weight_decay=settings.weight_decay)
    losses, seconds = _resume(folder / "last.ckpt", network, optimizer)
    epochs = settings.composed_epochs + settings.epochs
    steps = [
        math.ceil((recipe.composer.scenes if epoch < settings.composed_epochs else len(scenes)) / settings.batch_size)
        for epoch in range(epochs)
    ]
    pages = [load_page(scene, side) for scene in scenes] if len(losses) < epochs else []
    with follow("Training the detector") as step:
        for epoch in range(len(losses), epochs):
            composed = epoch < settings.composed_epochs
            count = recipe.composer.scenes if composed else len(pages)
            batches = steps[epoch]
            phase = (0, settings.composed_epochs) if composed else (settings.composed_epochs, epochs)
            generator = np.random.default_rng((settings.seed, epoch))
            torch.manual_seed(settings.seed * 100_003 + epoch)
            order = generator.permutation(count)
            network.train()
            total = 0.0
            started = time.perf_counter()
            for number, rows in enumerate(np.array_split(order, batches)):
                progress = (epoch - phase[0] + number / batches) / (phase[1] - phase[0])
                for group in optimizer.param_groups:
                    group["lr"] = settings.learning_rate * one_cycle(progress)
                if composed:
                    first = epoch * recipe.composer.scenes
                    batch = [
                        _as_page(compose(drawings, recipe.composer, (side, side), settings.seed, first + int(row)))
                        for row in rows
                    ]
                else:
                    batch = [augment(pages[row], generator) for row in rows]
                parts = network.losses(*_collate(batch, side))
                parts["total_loss"].backward()
                torch.nn.utils.clip_grad_norm_(network.parameters(), 10.0)
                optimizer.step()
                optimizer.zero_grad(set_to_none=True)
                total += float(parts["total_loss"].detach()) * len(rows)
                _tell(step, sum(steps[:epoch]) + number + 1, sum(steps), epoch + 1, composed, parts)
            losses.append(total / count)
            seconds += time.perf_counter() - started
            _save(folder / "last.ckpt", network, optimizer, losses, seconds)
    return TrainedDetector(network.eval(), losses, folder, seconds)


def one_cycle(progress: float) -> float:
    """Factor of the learning rate at `progress` 0…1 of a phase: up in the first tenth, down by a cosine to 1%."""
    warm_up = 0.1
    if progress < warm_up:
        return 0.1 + 0.9 * progress / warm_up
    return 0.01 + 0.99 * 0.5 * (1 + math.cos(math.pi * (progress - warm_up) / (1 - warm_up)))


def augment(page: Page, generator: np.random.Generator) -> Page:
    """Mirror half of the pages, and scale and shift all of them a little; boxes that leave the page by over 70% go."""
    pixels, boxes, classes = page
    side = len(pixels)
    image = Image.fromarray(pixels)
    if generator.random() < 0.5:
        image = ImageOps.mirror(image)
        boxes = np.stack([side - boxes[:, 2], boxes[:, 1], side - boxes[:, 0], boxes[:, 3]], 1)
    factor = float(np.exp(generator.uniform(np.log(0.7), np.log(1.2))))
    left, top = (generator.uniform(-0.1, 0.3, 2) * side * (1 if factor < 1 else -1)).tolist()
    image = image.transform(
        (side, side),
        Image.Transform.AFFINE,
        (1 / factor, 0, -left / factor, 0, 1 / factor, -top / factor),
        Image.Resampling.BILINEAR,
        fillcolor="white",
    )
    moved = boxes * factor + np.array([left, top, left, top])
    inside = np.clip(moved, 0, side)
    area = (moved[:, 2] - moved[:, 0]) * (moved[:, 3] - moved[:, 1])
    kept = (inside[:, 2] - inside[:, 0]) * (inside[:, 3] - inside[:, 1]) > 0.3 * area
    return np.asarray(image), inside[kept].astype(np.float32), classes[kept]


def _as_page(composed: Composed) -> Page:
    return np.asarray(composed.image), composed.boxes, composed.classes


def _collate(batch: Sequence[Page], side: int) -> tuple[Tensor, Tensor]:
    """Pixels uint8 (N, side, side, 3) and targets float (N, most boxes, 5), padded with rows that the assignment never
    takes: a box without an extent holds no anchor."""
    most = max(1, *(len(boxes) for _, boxes, _ in batch)) if batch else 1
    targets = torch.zeros(len(batch), most, 5)
    targets[..., 0] = -1
    for row, (_, boxes, classes) in enumerate(batch):
        targets[row, : len(boxes), 0] = torch.from_numpy(classes).float()
        targets[row, : len(boxes), 1:] = torch.from_numpy(boxes) / side
    return torch.from_numpy(np.stack([pixels for pixels, _, _ in batch])), targets


def _identity(recipe: DetectionRecipe, scenes: Sequence[Scene], drawings: Sequence[Drawing]) -> str:
    digest = hashlib.sha256(recipe.model_dump_json(include={"data", "network", "composer", "training"}).encode())
    for scene in scenes:
        digest.update(scene.path.read_bytes())
        digest.update(scene.boxes.tobytes() + scene.classes.tobytes())
    for drawing in drawings:
        digest.update(drawing.image.tobytes() + bytes([drawing.label % 256]) + repr(drawing.size).encode())
    return digest.hexdigest()[:12]


def _resume(path: Path, network: DetectorNetwork, optimizer: torch.optim.Optimizer) -> tuple[list[float], float]:
    if not path.exists():
        return [], 0.0
    try:
        content = torch.load(path, weights_only=True)
        network.load_state_dict(content["model"])
        optimizer.load_state_dict(content["optimizer"])
        return list(content["losses"]), float(content["seconds"])
    except Exception as error:
        reason = " ".join(str(error).split())[:120]
        raise CheckpointError(
            f"{path}: the checkpoint can't be resumed ({reason}).", f"Remove the folder {path.parent} to start again."
        ) from None


def _save(
    path: Path, network: DetectorNetwork, optimizer: torch.optim.Optimizer, losses: list[float], seconds: float
) -> None:
    state = {"model": network.state_dict(), "optimizer": optimizer.state_dict(), "losses": losses, "seconds": seconds}
    with replacing(path) as temporary:
        torch.save(state, temporary)
    write_text(path.with_name("losses.json"), json.dumps(losses) + "\n")


def _tell(step: Step, done: int, total: int, epoch: int, composed: bool, parts: dict[str, Tensor]) -> None:
    kind = "composed" if composed else "labelled"
    step.update(done, total, f"epoch {epoch} ({kind}), loss {float(parts['total_loss'].detach()):.2f}")
