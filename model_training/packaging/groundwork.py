"""What every classifier's bundle begins with: the weights, the form that serves, its logits and its gate."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ..datasets.prepare import Prepared
from ..evaluation.predict import predict_logits
from ..progress import Step
from ..recipe import Recipe
from ..runtime.network import MEAN_IMAGE, ClassificationNetwork, save_mean_image, save_weights
from .gate import Gate, fit_gate
from .served_form import make_served
from .sight import Untouched

#: Of the progress that is shown.
STEPS = 3


@dataclass(frozen=True)
class Groundwork:
    """`logits`: split → those of the form that serves, float32 (N, classes)."""

    logits: dict[str, np.ndarray]
    gate: Gate


def lay_groundwork(
    stage: Path,
    recipe: Recipe,
    prepared: Prepared,
    network: ClassificationNetwork,
    untouched: Untouched,
    step: Step,
    total: int,
) -> Groundwork:
    """Write it into `stage`, in the first `STEPS` of `total` steps."""
    save_weights(network, stage / "weights.safetensors")
    if recipe.preprocessing.mean == "image":
        save_mean_image(network, stage / MEAN_IMAGE)
    step.update(1, total, "weights")
    served, sight = make_served(stage, recipe, prepared, network, untouched)
    step.update(2, total, "OpenVINO form")
    logits = {name: predict_logits(served, prepared.pixels, prepared.rows[name]) for name in ("validation", "test")}
    gate = fit_gate(stage, recipe, prepared, served, sight)
    step.update(STEPS, total, "figures")
    return Groundwork(logits, gate)
