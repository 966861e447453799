"""One trial of a search: a recipe trained and validated, nothing written but the features that others can use."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from lightning_fabric import Fabric
from torch import Tensor, nn

from ..datasets.prepare import Prepared
from ..evaluation.metrics import measure_confusion
from ..recipe import Recipe
from ..runtime.errors import RecipeError
from ..runtime.network import ClassificationNetwork
from ..training.classification import ClassificationTask
from ..training.feature_cache import FeatureInputs, choose_inputs
from ..training.inputs import Inputs
from ..training.loop import begin, choose_best, run_epochs
from ..training.start import START, Common, build_network


@dataclass(frozen=True)
class Outcome:
    """The best epoch on the validation images: accuracy and macro-F1 each with its 95% interval (value, low, high).

    `value`: the one that the recipe keeps. `cached`: whether the frozen layers' features came from the cache.
    """

    value: float
    accuracy: tuple[float, float, float]
    macro_f1: tuple[float, float, float]
    loss: float
    best_epoch: int
    seconds: float
    trained_parameters: int
    cached: bool


@dataclass
class Trials:
    """Trains recipes without leaving runs. With a `cache`, frozen layers are computed once for all trials that share
    them; the trained ones see the same numbers as without."""

    prepared: Prepared
    fabric: Fabric
    cache: Path | None
    _last: tuple[str, _Start] | None = None
    _common: Common = field(default_factory=Common)

    def run(self, recipe: Recipe, report: Callable[[int, float, float], None]) -> Outcome:
        """Train and validate; `report(epoch, value, loss)` is told each epoch's validation figure and loss.

        Raises `RecipeError` for a recipe with teachers.
        """
        if recipe.training.distillation is not None:
            raise RecipeError("A search goes without teachers.", "Search first, then distil into what was found.")
        started = time.perf_counter()
        start = self._start(recipe)
        task = ClassificationTask(recipe, self.prepared, start.network, start.trained, start.inputs)
        state = begin(task, self.fabric)
        confusions = []
        for validation in run_epochs(state, lambda *_: None):
            confusions.append(validation.confusion)
            report(len(state.history), getattr(state.history[-1], task.monitor), state.history[-1].validation_loss)
        best = choose_best(state.history, task.monitor)
        figures = {figure.name: figure for figure in measure_confusion(confusions[best.epoch - 1], "validation")}
        accuracy, macro_f1 = ((each.value, each.low, each.high) for each in (figures["accuracy"], figures["macro_f1"]))
        return Outcome(
            value=getattr(best, task.monitor),
            accuracy=accuracy,
            macro_f1=macro_f1,
            loss=best.validation_loss,
            best_epoch=best.epoch,
            seconds=round(time.perf_counter() - started, 3),
            trained_parameters=sum(each.numel() for each in start.network.parameters() if each.requires_grad),
            cached=isinstance(start.inputs, FeatureInputs),
        )

    def _start(self, recipe: Recipe) -> _Start:
        """The network before its first step: the last trial's, put back to it, where only the training differs."""
        about: dict[str, Any] = {"preprocessing": True, "augmentation": True, "network": True, "training": START}
        key = recipe.model_dump_json(include=about)
        if self._last is not None and self._last[0] == key:
            start = self._last[1]
            start.network.load_state_dict(start.state)
            return start
        self._last = None  # two large networks may not fit
        network = build_network(recipe, self.prepared, common=self._common)
        network = network.to(self.fabric.device).to(memory_format=torch.channels_last)
        trained, inputs = choose_inputs(network, recipe, self.prepared, self.fabric, self.cache)
        state = {name: value.clone() for name, value in network.state_dict().items()}
        self._last = (key, _Start(network, trained, inputs, state))
        return self._last[1]


@dataclass(frozen=True)
class _Start:
    """`trained`: the network or its upper half, which takes `inputs`; `state`: of the network before its first step."""

    network: ClassificationNetwork
    trained: nn.Module
    inputs: Inputs
    state: dict[str, Tensor]
