"""The detector for the training loop: composed scenes first, labelled ones after that, judged by mAP50."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal

import numpy as np
import torch
from lightning_fabric import Fabric
from torch import Tensor

from ..evaluation.predict import batches
from ..runtime.errors import DatasetError
from .annotations import Scene
from .composer import Drawing, compose
from .detector import detect, make_detector
from .metrics import measure_detection
from .pages import Page, augment, collate, load_page
from .recipe import DetectionRecipe

_BATCH = 16


@dataclass(frozen=True)
class Epoch:
    """Losses are means over the pages of libreyolo's total loss; average precisions are 0…1, 0 where no page of the
    validation has an object."""

    epoch: int
    train_loss: float
    validation_loss: float
    validation_map50: float
    validation_map50_95: float
    seconds: float


class DetectionTask:
    """A recipe's detector on labelled scenes and single drawings, see `Task` of the training loop.

    The best epoch is chosen by the validation scenes, so nothing is trained on them.
    """

    monitor = "validation_map50"
    max_gradient_norm: float | None = 10.0
    patience: int | None = None
    average: Literal["none", "ema", "swa", "wise"] = "none"
    precision: Literal["float32", "bfloat16"] = "float32"

    def __init__(
        self,
        recipe: DetectionRecipe,
        classes: Sequence[str],
        scenes: Mapping[str, Sequence[Scene]],
        drawings: Sequence[Drawing],
        device: torch.device,
    ) -> None:
        """`scenes`: those of `train` and of `validation`. Raises `DatasetError` where there is nothing to compose."""
        settings = recipe.training
        if settings.composed_epochs and not drawings:
            raise DatasetError(
                "There is no single drawing to compose scenes from.",
                "Give data.drawings=folder, or set training.composed_epochs=0.",
            )
        self.recipe = recipe
        self.classes = tuple(classes)
        self.scenes = scenes
        self.drawings = drawings
        self.epochs = settings.composed_epochs + settings.epochs
        self.seed = settings.seed
        self.network = self.trained = make_detector(recipe, len(classes), device)

    @cached_property
    def pages(self) -> dict[str, list[Page]]:
        """Read when the first is needed: a finished run needs none."""
        return {
            name: [load_page(scene, self.recipe.network.input) for scene in self.scenes[name]]
            for name in ("train", "validation")
        }

    def make_optimizer(self) -> torch.optim.Optimizer:
        settings = self.recipe.training
        parameters = self.network.parameters()
        return torch.optim.AdamW(parameters, settings.learning_rate, weight_decay=settings.weight_decay, fused=True)

    def draw_batches(self, epoch: int) -> list[np.ndarray]:
        """Rows of the labelled pages or numbers of the epoch's composed ones."""
        count = self.recipe.composer.scenes if self._is_composed(epoch) else len(self.scenes["train"])
        order = np.random.default_rng((self.seed, epoch)).permutation(count)
        return np.array_split(order, math.ceil(count / self.recipe.training.batch_size))

    def learning_rate(self, epoch: int, step: int, steps: int) -> float:
        """One cycle for the composed scenes and one for the labelled ones."""
        composed = self.recipe.training.composed_epochs
        first, last = (0, composed) if self._is_composed(epoch) else (composed, self.epochs)
        return self.recipe.training.learning_rate * one_cycle((epoch - first + step / steps) / (last - first))

    def measure_loss(
        self, answer: Callable[..., Any], rows: np.ndarray, epoch: int, fabric: Fabric
    ) -> tuple[Tensor, Tensor]:
        """And [sum of losses, pages]. The loss is divided by the objects of the batch as all processes have it."""
        mine = rows[fabric.global_rank :: fabric.world_size]
        pixels, targets = collate([self._show(int(row), epoch) for row in mine])
        loss = answer(pixels.to(fabric.device), targets.to(fabric.device))["total_loss"]
        pages = torch.tensor(float(len(mine)), dtype=torch.float64, device=fabric.device)
        return loss, torch.stack([loss.detach().double() * pages, pages])

    def validate(self, answer: Callable[..., Any], fabric: Fabric) -> tuple[float, float, float]:
        """Mean loss, mAP50 and mAP50-95. The first process measures and tells the others: precision over all pages is
        not the mean of each share's."""
        del answer  # under DDP all processes would have to ask it
        measured = self._measure(fabric) if fabric.is_global_zero else (0.0, 0.0, 0.0)
        return fabric.broadcast(measured)

    def sum_up(
        self, epoch: int, sums: Sequence[float], validation: tuple[float, float, float], seconds: float
    ) -> Epoch:
        return Epoch(epoch, sums[0] / sums[1], *validation, seconds)

    def recall(self, kept: dict[str, Any]) -> Epoch:
        return Epoch(**kept)

    def identify(self) -> str:
        """Changes with the recipe, the scenes and the drawings, so that a run is resumed only on the same."""
        parts = {"data", "network", "composer", "training"}
        digest = hashlib.sha256(self.recipe.model_dump_json(include=parts).encode())
        for name in ("train", "validation"):
            digest.update(name.encode())
            for scene in self.scenes[name]:
                digest.update(scene.path.read_bytes() + scene.boxes.tobytes() + scene.classes.tobytes())
        for drawing in self.drawings:
            digest.update(drawing.image.tobytes() + bytes([drawing.label % 256]) + repr(drawing.size).encode())
        return digest.hexdigest()[:12]

    def _is_composed(self, epoch: int) -> bool:
        return epoch < self.recipe.training.composed_epochs

    def _show(self, row: int, epoch: int) -> Page:
        """A composed page, or a labelled one changed: how depends on seed, epoch and row, in however many processes."""
        if not self._is_composed(epoch):
            return augment(self.pages["train"][row], np.random.default_rng((self.seed, epoch, row)))
        side, composer = self.recipe.network.input, self.recipe.composer
        page = compose(self.drawings, composer, (side, side), self.seed, epoch * composer.scenes + row)
        return np.asarray(page.image), page.boxes, page.classes

    @torch.no_grad()
    def _measure(self, fabric: Fabric) -> tuple[float, float, float]:
        pages = self.pages["validation"]
        loss = 0.0
        with fabric.autocast():
            for batch in batches(pages, _BATCH):
                pixels, targets = (each.to(fabric.device) for each in collate(batch))
                loss += float(self.network(pixels, targets)["total_loss"]) * len(batch)
            found = detect(self.network, np.stack([pixels for pixels, _, _ in pages]), 0.001, 0.6)
        measured = measure_detection(found, [(boxes, kinds) for _, boxes, kinds in pages], self.classes)
        return loss / len(pages), float(np.nan_to_num(measured.map50)), float(np.nan_to_num(measured.map50_95))


def one_cycle(progress: float) -> float:
    """Factor of the learning rate at `progress` 0…1 of a phase: up in the first tenth, down by a cosine to 1%."""
    warm_up = 0.1
    if progress < warm_up:
        return 0.1 + 0.9 * progress / warm_up
    return 0.01 + 0.99 * 0.5 * (1 + math.cos(math.pi * (progress - warm_up) / (1 - warm_up)))
