"""Charts that must draw without a warning, in both languages, from two classes to two hundred."""

from __future__ import annotations

import io
import subprocess
import sys
import warnings
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from matplotlib.figure import Figure
from PIL import Image

from analysis import charts as figures
from analysis.calibration import measure_calibration
from analysis.charts import Curve
from analysis.metrics import Score
from analysis.style import CLASS_COLOURS, Style, save, using_look
from model_training import fonts
from model_training.runtime.card import Text
from tests.conftest import ROOT

NAMES = [Text(en="먹", ko="먹"), Text(en="woodblock", ko="판화")]
SCORE = Score(0.9, 0.8, 0.95, "newcombe", 40)


def draw(make: Callable[[Style], Figure], look: Style, path: Path) -> np.ndarray:
    """The chart's pixels; a missing letter or a layout that does not fit is an error."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with using_look():
            save(make(look), path)
    return np.asarray(Image.open(path).convert("RGB"))


def measured() -> object:
    generator = np.random.default_rng(0)
    probabilities = generator.dirichlet([1, 1], 60)
    return measure_calibration(probabilities, generator.integers(0, 2, 60), np.arange(60))


def charts() -> dict[str, Callable[[Style], Figure]]:
    points = np.random.default_rng(0).normal(size=(30, 2))
    targets, predicted = np.arange(30) % 2, np.r_[1, np.arange(1, 30) % 2]
    curve = [Curve(name, np.array([0, 0.2, 1]), np.array([0, 0.9, 1]), SCORE) for name in NAMES]
    epochs = [
        {"epoch": n, "train_loss": 1 / n, "validation_loss": 2 / n, "train_accuracy": 0.5, "validation_accuracy": 0.6}
        for n in (1, 2)
    ]
    calibrated = measured()
    return {
        "confusion_matrix": lambda style: figures.confusion_matrix(np.array([[18, 2], [1, 19]]), NAMES, style),
        "roc_curve": lambda style: figures.roc_curve(curve, style),
        "precision_recall": lambda style: figures.precision_recall(curve, style),
        "loss_accuracy": lambda style: figures.loss_accuracy(epochs, style),
        "reliability": lambda style: figures.reliability(calibrated, calibrated, style),  # type: ignore[arg-type]
        "projection": lambda style: figures.projection(points, targets, predicted, NAMES, style),
        "corruption": lambda style: figures.corruption_curves([(NAMES[0], [SCORE] * 4)], 0.5, style),
        "sheet": lambda style: figures.sheet([np.zeros((20, 20, 3), np.uint8)] * 7, ["먹"] * 7, [True] + [False] * 6),
    }


@pytest.mark.parametrize("name", list(charts()))
def test_charts_draw_hangul_without_a_missing_letter(name: str, tmp_path: Path) -> None:
    make = charts()[name]
    korean = draw(make, Style("ko"), tmp_path / "ko.png")
    english = draw(make, Style("en"), tmp_path / "en.png")
    assert korean.std() > 5
    if name != "sheet":
        assert korean.shape != english.shape or (korean != english).any()


def test_a_missing_letter_would_be_seen(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fonts, "FAMILIES", ["DejaVu Sans"])
    with pytest.raises(UserWarning, match="missing from"):
        draw(charts()["confusion_matrix"], Style("ko"), tmp_path / "x.png")


def test_the_font_is_ours_and_found_without_the_machines() -> None:
    """Matplotlib's list of installed fonts is kept on disk and may be older than a font, or empty."""
    program = (
        "from matplotlib import font_manager as f; f.fontManager.ttflist = [each for each in f.fontManager.ttflist "
        "if 'dejavu' in each.fname.lower()]; import model_training.fonts; from matplotlib.font_manager import findfont;"
        "print(findfont('NanumGothic'))"
    )
    found = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, cwd=ROOT)
    assert "koreanize_matplotlib" in found.stdout
    assert found.stderr == ""


def test_letters_that_no_font_has_are_named() -> None:
    assert fonts.find_missing_letters("산수화 먹 판화 그림을 China – 中 ½ ≥") == ""
    assert fonts.find_missing_letters("ภาพ 그림 ภ") == "".join(sorted("ภาพ"))


@pytest.mark.parametrize("classes", [2, 30, 200])
def test_any_number_of_classes_draws(classes: int, tmp_path: Path) -> None:
    names = [Text(en=f"class {n}", ko=f"클래스 {n}") for n in range(classes)]
    matrix = np.diag(np.full(classes, 3))
    drawn = draw(lambda style: figures.confusion_matrix(matrix, names, style), Style("ko"), tmp_path / "m.png")
    assert max(drawn.shape) < 1600
    curves = [Curve(name, np.array([0, 1]), np.array([0, 1]), SCORE) for name in names]
    figure = figures.roc_curve(curves, Style("en"))
    listed = figure.axes[0].get_legend()
    assert listed is not None
    assert len(listed.get_texts()) == (2 if classes == 2 else figures.LISTED_CURVES + 1)


def test_the_matrix_shows_its_counts() -> None:
    figure = figures.confusion_matrix(np.array([[18, 2], [0, 20]]), NAMES, Style("en"))
    shown = {tuple(map(int, text.get_position())): text.get_text() for text in figure.axes[0].texts}
    assert shown == {(0, 0): "18", (1, 0): "2", (1, 1): "20"}


def test_wrong_answers_are_ringed() -> None:
    points = np.arange(10.0).reshape(5, 2)
    targets, predicted = np.array([0, 0, 1, 1, 1]), np.array([0, 1, 1, 1, 0])
    (axes,) = figures.projection(points, targets, predicted, NAMES, Style("en")).axes
    assert axes.collections[-1].get_offsets().tolist() == points[[1, 4]].tolist()
    assert len(set(CLASS_COLOURS)) == len(CLASS_COLOURS)


def test_the_same_arrays_draw_the_same_file() -> None:
    def once() -> bytes:
        buffer = io.BytesIO()
        with using_look():
            charts()["roc_curve"](Style("ko")).savefig(buffer, format="png")
        return buffer.getvalue()

    assert once() == once()
