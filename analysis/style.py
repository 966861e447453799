"""How the charts of a report look: paper, ink and one vermilion, without a display, in either language."""

from __future__ import annotations

from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import matplotlib
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.figure import Figure

from model_training.fonts import FAMILIES
from model_training.runtime.card import Text

Language = Literal["en", "ko"]

SHEET, MOUNT, LINE, WASH, INK, SEAL = "#fbf7ed", "#e9dfca", "#d6cab3", "#5d5549", "#201d19", "#a92f1c"
#: One colour a class; they differ in lightness, too. Beyond, they come round again.
CLASS_COLOURS = ("#201d19", "#a92f1c", "#3d6a85", "#b98a2f", "#6d7f4a", "#84506e", "#7a9aa6", "#d08b6c")
SHADES = LinearSegmentedColormap.from_list("ink", [SHEET, "#b9ab93", INK])

AXES = {
    "predicted": Text(en="predicted class", ko="예측한 클래스"),
    "true": Text(en="true class", ko="실제 클래스"),
    "false_rate": Text(en="false positive rate", ko="거짓 양성 비율"),
    "true_rate": Text(en="true positive rate", ko="참 양성 비율(재현율)"),
    "recall": Text(en="recall", ko="재현율"),
    "precision": Text(en="precision", ko="정밀도"),
    "epoch": Text(en="epoch", ko="에포크"),
    "loss": Text(en="cross-entropy (nats)", ko="교차 엔트로피(nat)"),
    "accuracy": Text(en="accuracy", ko="정확도"),
    "confidence": Text(en="confidence", ko="확신도"),
    "train": Text(en="train", ko="학습"),
    "validation": Text(en="validation", ko="검증"),
    "before": Text(en="before scaling", ko="보정 전"),
    "after": Text(en="after scaling", ko="보정 후"),
    "wrong": Text(en="wrongly classified", ko="잘못 분류한 그림"),
    "strength": Text(en="strength", ko="강도"),
    "chance": Text(en="chance", ko="찍었을 때"),
    "other": Text(en="the others", ko="나머지"),
}


@dataclass(frozen=True)
class Style:
    """In which language a chart speaks."""

    language: Language = "en"

    def say(self, text: Text) -> str:
        return text.ko if self.language == "ko" else text.en

    def axis(self, name: str) -> str:
        return self.say(AXES[name])


def save(figure: Figure, path: Path) -> None:
    figure.savefig(path, format="png", dpi=180, facecolor=SHEET)


def start(width: float, height: float) -> Figure:
    """A figure on the report's paper. Draw and save it inside `using_look()`, so that its text finds its font."""
    figure = Figure(figsize=(width, height), layout="constrained", facecolor=SHEET)
    FigureCanvasAgg(figure)
    return figure


def using_look() -> AbstractContextManager[None]:
    """The matplotlib settings that all charts share."""
    return matplotlib.rc_context(
        {
            "font.family": FAMILIES,
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
    )
