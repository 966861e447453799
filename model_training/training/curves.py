"""`loss_accuracy.png`: losses, and what validation measured, over the epochs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from ..fonts import using_plain_text
from ..runtime.files import replacing

_COLOURS = ("#b8372b", "#2f3a40")


def write_curves(epochs: Sequence[Mapping[str, float]], monitor: str, path: Path, title: str) -> None:
    """Draw without a display, by way of a temporary name.

    `epochs`: each with `epoch`, `train_loss`, `validation_loss` and metrics of 0…1 under names with `validation_`, of
    which `monitor` is the one whose best value is written beside its point.
    """
    with using_plain_text(), replacing(path) as temporary:
        _draw(epochs, monitor, title).savefig(temporary, format="png", dpi=130)


def _draw(epochs: Sequence[Mapping[str, float]], monitor: str, title: str) -> Figure:
    numbers = [each["epoch"] for each in epochs]
    figure = Figure(figsize=(9, 3.6), layout="constrained")
    FigureCanvasAgg(figure)
    figure.suptitle(title, fontsize=11)
    left, right = figure.subplots(1, 2)
    others = [name for name in epochs[0] if name.startswith("validation_") and name not in (monitor, "validation_loss")]
    for axes, names in ((left, ("validation_loss", "train_loss")), (right, (monitor, *others))):
        for name, colour in zip(names, _COLOURS, strict=False):
            values = [each[name] for each in epochs]
            label = name.replace("_", " ")
            axes.plot(numbers, values, marker="o", markersize=3, color=colour, label=label)
        axes.legend(frameon=False, loc="upper right" if axes is left else "lower right")  # "best" takes long
    least = min(each[name] for each in epochs for name in (monitor, *others))
    values = [each[monitor] for each in epochs]
    best = max(range(len(values)), key=lambda index: values[index])
    right.annotate(
        f"{values[best]:.3f}", (numbers[best], values[best]), textcoords="offset points", xytext=(0, -14), ha="center"
    )
    left.set(xlabel="epoch", ylabel="loss", ylim=(0, None))
    right.set(xlabel="epoch", ylabel="on the validation pictures", ylim=(min(0.5, least), 1.02))
    for axes in (left, right):
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
        axes.spines[["top", "right"]].set_visible(False)
        axes.grid(alpha=0.25)
    return figure
