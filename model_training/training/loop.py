"""The training loop: one for classifiers and detectors, on a CPU, on CUDA or in several processes."""

from __future__ import annotations

import dataclasses
import json
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Generic, Literal, Protocol, TypeVar

import numpy as np
import torch
from lightning_fabric import Fabric
from torch import Tensor, nn

from ..progress import follow
from ..runtime.errors import RecipeError
from ..runtime.files import write_text
from ..runtime.measures import Probe
from .averaging import STATISTICS_BATCHES, Average
from .checkpoint import read_checkpoint, write_checkpoint
from .curves import write_curves
from .memory import keeping_memory
from .precision import Asked, Precision, describe_device, name_for_cuda
from .tracking import Tracker


class EpochMetrics(Protocol):
    """What an epoch gave: a dataclass of numbers, those of the validation images under names with `validation_`."""

    __dataclass_fields__: ClassVar[dict[str, Any]]

    @property
    def epoch(self) -> int: ...
    @property
    def train_loss(self) -> float: ...
    @property
    def validation_loss(self) -> float: ...
    @property
    def seconds(self) -> float: ...


NetworkT = TypeVar("NetworkT", bound=nn.Module, covariant=True)
EpochT = TypeVar("EpochT", bound=EpochMetrics, covariant=True)
ValidationT = TypeVar("ValidationT")
AnyEpoch = TypeVar("AnyEpoch", bound=EpochMetrics)


class Task(Protocol[NetworkT, EpochT, ValidationT]):
    """What is trained, on what, and how it is judged; the loop's own part is when.

    All that is random depends on the seed and the epoch alone, so that a run that is resumed ends in the same weights.
    """

    #: How many epochs, and what they are drawn from.
    epochs: int
    seed: int
    #: The metric of an epoch by which the best is chosen; of equals, the lowest validation loss.
    monitor: str
    #: The largest norm of a step's gradients; longer ones are shortened to it.
    max_gradient_norm: float | None
    #: After how many epochs without a better one the training ends; None for never.
    patience: int | None
    #: Which weights are validated and kept, see `averaging.py`.
    average: Literal["none", "ema", "swa", "wise"]
    #: In what a step computes on a CPU; on CUDA the fabric says so.
    precision: Precision

    @property
    def network(self) -> NetworkT:
        """Whose weights are kept, and what is put into training or evaluation mode."""

    @property
    def trained(self) -> nn.Module:
        """`network` or its upper half. The methods below get it as `answer`, wrapped for device and processes."""

    def make_optimizer(self) -> torch.optim.Optimizer: ...

    def draw_batches(self, epoch: int) -> Sequence[np.ndarray]:
        """The rows of each batch, over all processes together."""

    def learning_rate(self, epoch: int, step: int, steps: int) -> float:
        """At `step` of the epoch's `steps`, both from 0. A group of parameters with a `lr_scale` has that share."""

    def measure_loss(
        self, answer: Callable[..., Any], rows: np.ndarray, epoch: int, fabric: Fabric
    ) -> tuple[Tensor, Tensor]:
        """The loss of this process's share of `rows`, such that the mean over the processes is that of the batch; and
        float64 (k,) of which `sum_up` gets the sum over the epoch and all processes."""

    def validate(self, answer: Callable[..., Any], fabric: Fabric) -> ValidationT:
        """On the validation images, in evaluation mode; the same in all processes."""

    def sum_up(self, epoch: int, sums: Sequence[float], validation: ValidationT, seconds: float) -> EpochT: ...

    def recall(self, kept: dict[str, Any]) -> EpochT:
        """An epoch out of a checkpoint."""


@dataclass
class TrainState(Generic[NetworkT, EpochT, ValidationT]):
    """A training between two epochs: `history` holds those that are done."""

    task: Task[NetworkT, EpochT, ValidationT]
    fabric: Fabric
    answer: Callable[..., Any]
    optimizer: torch.optim.Optimizer
    history: list[EpochT]
    average: Average | None = None

    def averaged(self, epoch: int) -> AbstractContextManager[None]:
        """The network has the mean of its weights inside the block, where the task asks for one."""
        if self.average is None:
            return nullcontext()

        def show_images() -> None:
            for rows in self.task.draw_batches(epoch)[:STATISTICS_BATCHES]:
                with self.fabric.autocast():
                    self.task.measure_loss(self.task.trained, rows, epoch, self.fabric)

        return self.average.in_place(show_images)


@dataclass(frozen=True)
class Trained(Generic[NetworkT, EpochT]):
    """The network of the best epoch, on the CPU and in evaluation mode.

    `trainable`: how many of its parameters were trained; `device`: the card's name, or `cpu`, and in what it computed
    where that was not float32 (`cpu in bfloat16`); `probe`: how the network compares with a linear probe, which may
    have taken its place (`probe.py`).
    """

    network: NetworkT
    epochs: list[EpochT]
    best: EpochT
    folder: Path
    device: str
    trainable: int
    probe: Probe | None = None


def start_fabric(device: str, precision: Asked = "auto", trackers: Sequence[Tracker] = ()) -> Fabric:
    """`cpu`, `cuda` or `auto`, with `:N` for N processes (DDP): `cuda:2`, `cpu:2`.

    `precision`: on CUDA (`precision.py`); on a CPU it is settled when the network is known. `trackers`: what `fit`
    gives each epoch to.
    Raises `RecipeError` for anything else, or for CUDA where there is none or less than asked for.
    """
    kind, _, count = device.partition(":")
    if kind == "auto":
        kind = "cuda" if torch.cuda.is_available() else "cpu"
    if kind not in ("cpu", "cuda") or not (count or "1").isdigit() or count == "0":
        raise RecipeError(f"There is no device {device!r}.", "Use cpu, cuda or auto, with :N for N processes.")
    if kind == "cuda" and not torch.cuda.is_available():
        raise RecipeError("There is no CUDA device on this machine.", "Use --device cpu.")
    processes = int(count or 1)
    if kind == "cuda" and processes > torch.cuda.device_count():
        cards = torch.cuda.device_count()
        raise RecipeError(f"{device}: this machine has only {cards} CUDA devices.", f"Use --device cuda:{cards}.")
    named = name_for_cuda(precision) if kind == "cuda" else "32-true"
    strategy = "ddp" if processes > 1 else "auto"
    return Fabric(
        accelerator=kind, devices=processes, strategy=strategy, precision=named, loggers=list(trackers) or None
    )


def begin(task: Task[NetworkT, EpochT, ValidationT], fabric: Fabric) -> TrainState[NetworkT, EpochT, ValidationT]:
    """The state before the first step; `task.network` has to be on the fabric's device."""
    answer, optimizer = fabric.setup(task.trained, task.make_optimizer())
    average = None
    if task.average != "none":
        average = Average(task.average, task.network, task.epochs, len(task.draw_batches(0)))
    return TrainState(task, fabric, answer, optimizer, [], average)


def run_epochs(
    state: TrainState[NetworkT, EpochT, ValidationT], update: Callable[[int, int, str], None]
) -> Iterator[ValidationT]:
    """Train what is left of the epochs; yields after each, which `state.history` then ends with.

    The caller may stop or save in between: the network is the one that was validated.
    `update(steps done, of how many, a note)`.
    With several processes each sees its share of a batch, and gradients are averaged to those of the whole batch. What
    a share changes is batch norm: it normalises by the mean and variance of the share.
    Raises `RecipeError` for batches of fewer images than there are processes.
    """
    task, fabric = state.task, state.fabric
    lengths = [len(task.draw_batches(epoch)) for epoch in range(task.epochs)]
    for epoch in range(len(state.history), task.epochs):
        if has_stalled(state.history, task):
            return
        started = time.perf_counter()
        torch.manual_seed(mix_seed(task.seed, epoch))
        task.network.train()
        batches = task.draw_batches(epoch)
        if min(map(len, batches)) < fabric.world_size:
            raise RecipeError(
                f"A batch of {min(map(len, batches))} pictures is too small for {fabric.world_size} processes.",
                "Raise training.batch_size, or use fewer processes.",
            )
        totals = torch.zeros((), dtype=torch.float64, device=fabric.device)
        for step, rows in enumerate(batches):
            for group in state.optimizer.param_groups:
                group["lr"] = task.learning_rate(epoch, step, len(batches)) * group.get("lr_scale", 1.0)
            loss, sums = task.measure_loss(state.answer, rows, epoch, fabric)
            fabric.backward(loss)
            if task.max_gradient_norm is not None:
                fabric.clip_gradients(
                    task.trained, state.optimizer, max_norm=task.max_gradient_norm, error_if_nonfinite=False
                )
            state.optimizer.step()
            state.optimizer.zero_grad(set_to_none=True)
            if state.average is not None:
                state.average.follow_step()
            totals = totals + sums
            note = f"epoch {epoch + 1}/{task.epochs}, loss {loss.item():.3f}"
            update(sum(lengths[:epoch]) + step + 1, sum(lengths), note)
        summed = fabric.all_reduce(totals, reduce_op="sum").tolist()  # type: ignore[union-attr]
        if state.average is not None:
            state.average.follow_epoch(epoch)
        with state.averaged(epoch):
            task.network.eval()
            validation = task.validate(state.answer, fabric)
            state.history.append(task.sum_up(epoch + 1, summed, validation, time.perf_counter() - started))
            yield validation


def has_stalled(history: Sequence[EpochMetrics], task: Task[Any, Any, Any]) -> bool:
    """Whether the task's patience is over: the best epoch is that long ago."""
    if task.patience is None or not history:
        return False
    return len(history) - choose_best(history, task.monitor).epoch >= task.patience


def fit(
    task: Task[NetworkT, EpochT, ValidationT],
    fabric: Fabric,
    folder: Path,
    title: str,
    about: Mapping[str, object],
    remember: Callable[[int, ValidationT], None] | None = None,
) -> Trained[NetworkT, EpochT]:
    """Train to the last epoch, or from where an interrupted run in `folder` stopped.

    Leaves there `last.ckpt`, `best.ckpt`, `loss_accuracy.png` under `title`, and `metrics.json`, which holds `about`
    and the epochs. `remember(epoch, validation)` is asked, by the first process, before an epoch is saved.
    Raises `CheckpointError` for a damaged checkpoint.
    """
    state = begin(task, fabric)
    kept = read_checkpoint(folder / "last.ckpt", task.network, fabric.device, state.optimizer, _mean_of(state))
    state.history += [task.recall(each) for each in kept]
    for epoch in state.history:
        _track(epoch, fabric)
    with keeping_memory(), follow("Training", quiet=not fabric.is_global_zero) as step:
        for validation in run_epochs(state, step.update):
            if fabric.is_global_zero:
                if remember is not None:
                    remember(state.history[-1].epoch, validation)
                _save(state, folder, title, about)
                _track(state.history[-1], fabric)
            step.say(_phrase(state.history[-1]))
            fabric.barrier()
    best = choose_best(state.history, task.monitor)
    read_checkpoint(folder / "best.ckpt", task.network, fabric.device)
    device = describe_device(fabric, task.precision)
    trainable = sum(parameter.numel() for parameter in task.network.parameters() if parameter.requires_grad)
    return Trained(task.network.cpu().eval(), state.history, best, folder, device, trainable)


def choose_best(history: Sequence[AnyEpoch], monitor: str) -> AnyEpoch:
    """Highest in `monitor`, of equals the lowest validation loss."""
    return min(history, key=lambda each: (-getattr(each, monitor), each.validation_loss))


def mix_seed(seed: int, epoch: int) -> int:
    """Another number for each epoch of each seed."""
    return seed * 100_003 + epoch


def _track(epoch: EpochMetrics, fabric: Fabric) -> None:
    if fabric.is_global_zero:
        fabric.log_dict(
            {name: value for name, value in dataclasses.asdict(epoch).items() if name != "epoch"}, epoch.epoch
        )


def _phrase(epoch: EpochMetrics) -> str:
    metrics = {name: value for name, value in dataclasses.asdict(epoch).items() if name not in ("epoch", "seconds")}
    told = ", ".join(f"{name.replace('_', ' ')} {value:.4f}" for name, value in metrics.items())
    return f"epoch {epoch.epoch}: {told}"


def _save(
    state: TrainState[NetworkT, EpochT, ValidationT], folder: Path, title: str, about: Mapping[str, object]
) -> None:
    task, history = state.task, state.history
    epochs = [dataclasses.asdict(each) for each in history]
    if choose_best(history, task.monitor) is history[-1]:
        write_checkpoint(folder / "best.ckpt", task.network.state_dict(), state.optimizer, epochs)
    write_curves(epochs, task.monitor, folder / "loss_accuracy.png", title)
    write_text(folder / "metrics.json", json.dumps({**about, "epochs": epochs}, ensure_ascii=False, indent=2) + "\n")
    # Last, because it vouches for the rest: a kill before this line repeats the epoch.
    own = state.average.own if state.average is not None else None
    weights = own if own is not None else task.network.state_dict()
    write_checkpoint(folder / "last.ckpt", weights, state.optimizer, epochs, _mean_of(state))


def _mean_of(state: TrainState[Any, Any, Any]) -> nn.Module | None:
    return None if state.average is None else state.average.model
