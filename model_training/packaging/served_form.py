"""The form of a network that serves: OpenVINO where the recipe does not say torch, with what the gate sees of it."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from ..datasets.prepare import Prepared
from ..evaluation.predict import predict_logits
from ..recipe import Precision, Recipe
from ..runtime.card import Agreement, OpenVINOModel
from ..runtime.execution import Execution, OpenVINOExecution, TorchExecution
from ..runtime.export import export_openvino
from ..runtime.network import ClassificationNetwork
from .quantise import quantise
from .sight import Sight, Untouched, choose_sight

OPENVINO_MODEL = "network.xml"
_AGREEMENT_IMAGES = 256


def make_served(
    stage: Path, recipe: Recipe, prepared: Prepared, network: ClassificationNetwork, untouched: Untouched
) -> tuple[Execution, Sight]:
    """The form that serves on a CPU, written into `stage`, and what the gate will see."""
    sight = choose_sight(network, recipe.preprocessing, untouched)
    if recipe.precision == "torch":
        return TorchExecution(network, "cpu", sight.stages), sight
    return export_form(stage / OPENVINO_MODEL, recipe.precision, prepared, network, sight), sight


def export_form(
    path: Path,
    precision: Precision,
    prepared: Prepared,
    network: ClassificationNetwork,
    sight: Sight | None = None,
) -> Execution:
    """Write the network's OpenVINO form as `path` (.xml) and its .bin, and load it. `sight`: with what the gate sees of
    it."""
    example = np.ascontiguousarray(prepared.pixels[prepared.rows["test"][:2]])
    if sight is None or sight.companion is not None:
        export_openvino(network, example, path)
    else:
        export_openvino(network, example, path, seen=True, until=sight.stages)
    if precision == "int8":
        quantise(path, prepared.pixels, prepared.rows["train"])
    return OpenVINOExecution(path)


def describe_form(
    recipe: Recipe, prepared: Prepared, torch_form: Execution, logits: dict[str, np.ndarray]
) -> OpenVINOModel | None:
    """With its agreement with torch; `logits`: split → the served form's."""
    if recipe.precision == "torch":
        return None
    sample = np.concatenate([prepared.rows["test"], prepared.rows["validation"]])[:_AGREEMENT_IMAGES]
    ours = np.concatenate([logits["test"], logits["validation"]])[:_AGREEMENT_IMAGES]
    agreement = measure_agreement(predict_logits(torch_form, prepared.pixels, sample), ours)
    return OpenVINOModel(precision=recipe.precision, file=OPENVINO_MODEL, agreement=agreement)


def measure_agreement(reference: np.ndarray, other: np.ndarray) -> Agreement:
    """How far one form's logits (N, classes) are from the reference's."""
    return Agreement(
        images=len(reference),
        largest_logit_difference=float(np.abs(reference - other).max()),
        same_class=float((reference.argmax(1) == other.argmax(1)).mean()),
    )
