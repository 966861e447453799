"""Part of `make bench-forms`: what a gate's companion in 8 bits calls unknown, beside one in float32.

A companion is the same for every network of an input's size, and needs no training: the gate is fitted to landscapes.
"""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from model_training.evaluation.ood import bound_of, fit_distance, measure_apart
from model_training.packaging.gate import export_companion
from model_training.packaging.quantise import quantise
from model_training.recipe import load_recipe
from model_training.runtime.execution import OpenVINOExecution
from model_training.runtime.ood import COMPANION_AT_ONCE
from model_training.runtime.preprocess import read

#: What a companion of ResNet-18 at 224×224 sees.
FACTOR = 2
SPLITS = 5
#: Name → pictures in the data's folder, every so many-th: the known ones, and strangers.
SETS = {
    "landscapes": ("landscape/*/*.jpg", 1),
    "drawings": ("sketches/*/*.png", 4),
    "photographs": ("ai_vs_real/real/*", 8),
    "styles": ("painting_styles/[!u]*/*.jpg", 1),
}


def measure_companions(data: Path, folder: Path) -> dict[str, float]:
    """Shares called unknown of each set, by form: of landscapes those set aside, a fifth on each split."""
    preprocessing = load_recipe("landscape").preprocessing
    pixels: dict[str, np.ndarray] = {}
    for name, (pattern, step) in SETS.items():
        pixels[name] = np.stack([read(path.read_bytes(), preprocessing) for path in sorted(data.glob(pattern))[::step]])
    classes = np.unique([path.parent.name for path in sorted(data.glob(SETS["landscapes"][0]))], return_inverse=True)[1]
    folder.mkdir(parents=True, exist_ok=True)
    export_companion(FACTOR, preprocessing, folder / "float32.xml")
    for suffix in (".xml", ".bin"):
        shutil.copyfile(folder / f"float32{suffix}", folder / f"int8{suffix}")
    splits = np.random.default_rng(0).permutation(len(classes))
    quantise(folder / "int8.xml", pixels["landscapes"], splits[len(splits) // SPLITS :], exactly=True, keep_head=False)
    figures: dict[str, float] = {}
    for form in ("float32", "int8"):
        companion = OpenVINOExecution(
            folder / f"{form}.xml", "int8" if form == "int8" else "float32", COMPANION_AT_ONCE
        )
        seen = {name: _look(companion, each) for name, each in pixels.items()}
        caught = [_catch(seen, classes, held) for held in np.array_split(splits, SPLITS)]
        figures |= {f"companion_{form}_{name}": float(np.mean([each[name] for each in caught])) for name in SETS}
    return figures


def _look(companion: OpenVINOExecution, pixels: np.ndarray) -> np.ndarray:
    return np.concatenate([companion.run(pixels[start : start + 32])[0] for start in range(0, len(pixels), 32)])


def _catch(seen: dict[str, np.ndarray], classes: np.ndarray, held: Sequence[int] | np.ndarray) -> dict[str, float]:
    """The shares above the bound that the landscapes which are not `held` give."""
    known = np.setdiff1d(np.arange(len(classes)), held)
    features = seen["landscapes"]
    distance = fit_distance(features[known], classes[known])
    bound = bound_of(measure_apart(features[known], known, classes[known]))
    assert distance is not None
    assert bound is not None
    shown = seen | {"landscapes": features[held]}
    return {name: float((distance(each) > bound).mean()) for name, each in shown.items()}
