"""The forms of a network that may serve: its own one, which figures are of, and those that a server may choose."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from ..datasets.prepare import Prepared
from ..recipe import Precision, Recipe
from ..runtime.card import Agreement
from ..runtime.execution import Execution, OpenVINOExecution, TorchExecution, can_run
from ..runtime.export import export_openvino
from ..runtime.network import ClassificationNetwork
from .quantise import Tolerance, quantise
from .sight import Sight, Untouched, choose_sight

OPENVINO_MODEL = "network.xml"
INT8_MODEL = "network-int8.xml"


def make_served(
    stage: Path, recipe: Recipe, prepared: Prepared, network: ClassificationNetwork, untouched: Untouched
) -> tuple[Execution, Sight]:
    """The network's own form on a CPU, written into `stage`, and what the gate will see."""
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
    return OpenVINOExecution(path, "int8" if precision == "int8" else "float32")


def make_others(stage: Path, recipe: Recipe, prepared: Prepared) -> Iterator[tuple[str, OpenVINOExecution]]:
    """File and execution of each further form that the recipe names and this processor can compute, made of the
    float32 one in `stage`: what was not measured here could not be promised elsewhere."""
    if recipe.precision != "float32":
        return
    for precision in recipe.serving.forms:
        if not can_run(precision):
            continue
        if precision == "int8":
            yield INT8_MODEL, make_int8(stage, prepared)
        else:
            yield OPENVINO_MODEL, OpenVINOExecution(stage / OPENVINO_MODEL, precision)


def make_int8(stage: Path, prepared: Prepared, tolerance: Tolerance | None = None) -> OpenVINOExecution:
    """The 8-bit form of the float32 one in `stage`."""
    for suffix in (".xml", ".bin"):
        (stage / INT8_MODEL).with_suffix(suffix).unlink(missing_ok=True)  # an earlier one may still be mapped
        shutil.copyfile((stage / OPENVINO_MODEL).with_suffix(suffix), (stage / INT8_MODEL).with_suffix(suffix))
    quantise(stage / INT8_MODEL, prepared.pixels, prepared.rows["train"], tolerance=tolerance)
    return OpenVINOExecution(stage / INT8_MODEL, "int8")


def measure_agreement(reference: np.ndarray, other: np.ndarray) -> Agreement:
    """How far one form's logits (N, classes) are from the reference's."""
    return Agreement(
        images=len(reference),
        largest_logit_difference=float(np.abs(reference - other).max()),
        same_class=float((reference.argmax(1) == other.argmax(1)).mean()),
    )
