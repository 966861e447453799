"""The OpenVINO form of a network in 8-bit integers: smaller, and faster on processors that multiply them."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np

#: Training images from which the ranges of activations are read.
CALIBRATED_ON = 200
#: What the tracer calls the operations that are in none of the network's modules: pooling, and all that the gate does.
_OUTSIDE_MODULES = "^aten::.*"


def quantise(model: Path, pixels: np.ndarray, rows: np.ndarray) -> None:
    """Replace the OpenVINO form `model` (.xml and .bin) by its 8-bit form, by post-training quantisation.

    Ranges of activations are read from 200 of the training images `rows` of `pixels`, uint8 (N, height, width, 3).
    The last layer, and what the gate makes of the maps, stay in float32: rounded means and deviations would be most of
    its distances.
    """
    os.environ.setdefault("NNCF_CI", "1")  # without, nncf tells its makers each time that it is used
    import nncf
    import openvino

    chosen = np.sort(np.random.default_rng(0).choice(rows, min(CALIBRATED_ON, len(rows)), replace=False))
    core = openvino.Core()
    original = core.read_model(model)
    data = nncf.Dataset([np.ascontiguousarray(pixels[row : row + 1]) for row in chosen])
    kept = nncf.IgnoredScope(names=_list_head(original), patterns=[_OUTSIDE_MODULES], validate=False)
    smaller = nncf.quantize(original, data, subset_size=len(chosen), ignored_scope=kept)
    del original  # it maps the file that is replaced now
    stage = model.with_name(f"int8-{model.name}")
    openvino.save_model(smaller, stage, compress_to_fp16=False)
    stage.with_suffix(".bin").replace(model.with_suffix(".bin"))
    stage.replace(model)


def _list_head(model: Any) -> list[str]:
    """The operations from the logits back to the multiplication that makes them."""
    found, waiting = [], [model.output(0).get_node()]
    while waiting:
        node = waiting.pop()
        if node.get_type_name() not in ("Constant", "Result"):
            found.append(node.get_friendly_name())
        if node.get_type_name() not in ("MatMul", "Convolution"):
            waiting += [each.get_source_output().get_node() for each in node.inputs()]
    return found
