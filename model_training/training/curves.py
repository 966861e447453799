"""`loss_accuracy.png`: train loss, validation loss and validation accuracy over the epochs."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from ..fonts import FAMILIES
from ..runtime.files import replacing


class EpochFigures(Protocol):
    @property
    def epoch(self) -> int: ...
    @property
    def train_loss(self) -> float: ...
    @property
    def validation_loss(self) -> float: ...
    @property
    def validation_accuracy(self) -> float: ...


def write_curves(history: Sequence[EpochFigures], path: Path, title: str) -> None:
    """Draw without a display, by way of a temporary name."""
    epochs = [each.epoch for each in history]
    figure = Figure(figsize=(9, 3.6), layout="constrained")
    FigureCanvasAgg(figure)
    figure.suptitle(title, fontsize=11, fontfamily=FAMILIES)
    losses, accuracy = figure.subplots(1, 2)
    losses.plot(epochs, [each.train_loss for each in history], marker="o", markersize=3, color="#2f3a40", label="train")
    losses.plot(
        epochs,
        [each.validation_loss for each in history],
        marker="o",
        markersize=3,
        color="#b8372b",
        label="validation",
    )
    losses.set(xlabel="epoch", ylabel="cross-entropy (nats)", ylim=(0, None))
    losses.legend(frameon=False)
    values = [each.validation_accuracy for each in history]
    best = max(range(len(values)), key=lambda index: values[index])
    accuracy.plot(epochs, values, marker="o", markersize=3, color="#b8372b")
    accuracy.annotate(
        f"{values[best]:.3f}", (epochs[best], values[best]), textcoords="offset points", xytext=(0, -14), ha="center"
    )
    accuracy.set(xlabel="epoch", ylabel="validation accuracy", ylim=(min(0.5, *values, 1), 1.02))
    for axes in (losses, accuracy):
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
        axes.spines[["top", "right"]].set_visible(False)
        axes.grid(alpha=0.25)
    with replacing(path) as temporary:
        figure.savefig(temporary, format="png", dpi=130)
