"""The OpenVINO form of a network in 8-bit integers: smaller, and faster on processors that multiply them."""

from __future__ import annotations

import logging
import os
from pathlib import Path
from typing import Any

import numpy as np

#: Training images from which the ranges of activations are read; where biases are corrected layer by layer, which
#: takes seconds for each ten of them, so many.
CALIBRATED_ON = 200
EXACTLY_CALIBRATED_ON = 40
#: What the tracer calls the operations that are in none of the network's modules: pooling, and all that the gate does.
_OUTSIDE_MODULES = "^aten::.*"


def quantise(model: Path, pixels: np.ndarray, rows: np.ndarray, *, exactly: bool = False) -> None:
    """Replace the OpenVINO form `model` (.xml and .bin) by its 8-bit form, by post-training quantisation.

    Ranges of activations are read from some of the training images `rows` of `pixels`, uint8 (N, height, width, 3).
    The last layer, and what the gate makes of the maps, stay in float32: rounded means and deviations would be most of
    its distances. Weights have 7 bits, so that sums don't overflow where the processor adds products in 16 bits, as
    those without VNNI do: all give the same answers. `exactly`: each bias is corrected by what the layers before it
    give after their own correction (nncf's accurate bias correction).
    """
    os.environ.setdefault("NNCF_CI", "1")  # without, nncf tells its makers each time that it is used
    import nncf

    nncf.set_log_level(logging.WARNING)  # it names each operation that it leaves alone
    import openvino

    most = min(EXACTLY_CALIBRATED_ON if exactly else CALIBRATED_ON, len(rows))
    chosen = np.sort(np.random.default_rng(0).choice(rows, most, replace=False))
    core = openvino.Core()
    original = core.read_model(model)
    data = nncf.Dataset([np.ascontiguousarray(pixels[row : row + 1]) for row in chosen])
    kept = nncf.IgnoredScope(names=_list_head(original), patterns=[_OUTSIDE_MODULES], validate=False)
    smaller = nncf.quantize(
        original,
        data,
        subset_size=most,
        ignored_scope=kept,
        fast_bias_correction=not exactly,
        advanced_parameters=nncf.AdvancedQuantizationParameters(overflow_fix=nncf.OverflowFix.ENABLE),
    )
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
