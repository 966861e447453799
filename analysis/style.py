"""How the charts of a report look: paper, ink and one vermilion, without a display, in either language."""

from __future__ import annotations

import io
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import matplotlib
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.figure import Figure
from PIL import Image

from model_training.fonts import using_plain_text
from model_training.runtime.card import Text

from .translation import _

Language = Literal["en", "ko"]

SHEET, LINE, WASH, INK, SEAL = "#fbf7ed", "#d6cab3", "#5d5549", "#201d19", "#a92f1c"
#: One colour a class; they differ in lightness, too. Beyond, they come round again.
CLASS_COLOURS = ("#201d19", "#a92f1c", "#3d6a85", "#b98a2f", "#6d7f4a", "#84506e", "#7a9aa6", "#d08b6c")
#: The same on a dark page.
DARK_CLASS_COLOURS = ("#efe7d8", "#ef7d63", "#7fb2d1", "#e0b45c", "#a9bd80", "#c98fb2", "#5f7f8b", "#a8664a")
DPI = 180
SHADES = LinearSegmentedColormap.from_list("ink", [SHEET, "#b9ab93", INK])

AXES = {
    "predicted": _("predicted class"),
    "true": _("true class"),
    "false_rate": _("false positive rate"),
    "true_rate": _("true positive rate"),
    "recall": _("recall"),
    "precision": _("precision"),
    "epoch": _("epoch"),
    "loss": _("cross-entropy (nats)"),
    "accuracy": _("accuracy"),
    "confidence": _("confidence"),
    "train": _("train"),
    "validation": _("validation"),
    "before": _("before scaling"),
    "after": _("after scaling"),
    "wrong": _("wrongly classified"),
    "strength": _("strength"),
    "chance": _("chance"),
    "other": _("the others"),
}


@dataclass(frozen=True)
class Style:
    """In which language a chart speaks."""

    language: Language = "en"

    def say(self, text: Text) -> str:
        return text.ko if self.language == "ko" else text.en

    def axis(self, name: str) -> str:
        return self.say(AXES[name])


def save(figure: Figure, path: Path) -> tuple[int, int]:
    """As PNG in 128 colours: a third of the bytes, and nothing that the eye would miss. Returns width and height."""
    buffer = io.BytesIO()
    figure.savefig(buffer, format="raw", dpi=DPI, facecolor=SHEET)
    width, height = (int(side * DPI) for side in figure.get_size_inches())
    image = Image.frombytes("RGBA", (width, height), buffer.getvalue()).convert("RGB")
    image.quantize(128, dither=Image.Dither.NONE).save(path, "PNG", optimize=True)
    return image.size


def start(width: float, height: float) -> Figure:
    """A figure on the report's paper. Draw and save it inside `using_look()`, so that its text finds its font."""
    figure = Figure(figsize=(width, height), layout="constrained", facecolor=SHEET)
    FigureCanvasAgg(figure)
    return figure


@contextmanager
def using_look() -> Iterator[None]:
    """The matplotlib settings that all charts share."""
    with (
        using_plain_text(),
        matplotlib.rc_context(
            {
                "font.size": 10,
                "axes.unicode_minus": False,
                "text.color": INK,
                "axes.labelcolor": WASH,
                "axes.edgecolor": LINE,
                "axes.facecolor": SHEET,
                "axes.spines.top": False,
                "axes.spines.right": False,
                "xtick.color": WASH,
                "ytick.color": WASH,
                "grid.color": LINE,
                "grid.alpha": 0.6,
                # readable also where lines run behind it
                "legend.facecolor": SHEET,
                "legend.edgecolor": "none",
                "legend.framealpha": 0.85,
            }
        ),
    ):
        yield
