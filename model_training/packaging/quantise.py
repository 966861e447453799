"""The OpenVINO form of a network in 8-bit integers: smaller, and faster on processors that multiply them."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

#: Training images from which the ranges of activations are read; where biases are corrected layer by layer, which
#: takes seconds for each ten of them, so many.
CALIBRATED_ON = 200
EXACTLY_CALIBRATED_ON = 40
#: By so many images layers are ranked.
RANKED_BY = 50
#: What the tracer calls the operations that are in none of the network's modules: pooling, and all that the gate does.
_OUTSIDE_MODULES = "^aten::.*"


class Tolerance(NamedTuple):
    """What rounding may cost. `loss`: of the logits, float32 (N, classes), of the images in `rows`; `most`: of it;
    `layers`: that may stay in float32 to keep to it."""

    rows: np.ndarray
    loss: Callable[[np.ndarray], float]
    most: float
    layers: int


def quantise(
    model: Path,
    pixels: np.ndarray,
    rows: np.ndarray,
    *,
    exactly: bool = False,
    keep_head: bool = True,
    tolerance: Tolerance | None = None,
) -> None:
    """Replace the OpenVINO form `model` (.xml and .bin) by its 8-bit form, by post-training quantisation.

    Ranges of activations are read from some of the training images `rows` of `pixels`, uint8 (N, height, width, 3).
    What the gate makes of the maps stays in float32: rounded means and deviations would be most of its distances. So
    does the layer that makes the logits (`keep_head`); a companion has none, and would keep all that make its maps.
    Weights have 7 bits, so that sums don't overflow where the processor adds products in 16 bits, as those without VNNI
    do: all give the same answers. `exactly`: each bias is corrected by what the layers before it give after their own
    correction (nncf's accurate bias correction). `tolerance`: the layers whose rounding moves the logits most go back
    to float32, one after the other, until the loss is within it (nncf's accuracy control).
    """
    os.environ.setdefault("NNCF_CI", "1")  # without, nncf tells its makers each time that it is used
    import nncf

    nncf.set_log_level(logging.WARNING)  # it names each operation that it leaves alone
    import openvino

    most = min(EXACTLY_CALIBRATED_ON if exactly else CALIBRATED_ON, len(rows))
    chosen = np.sort(np.random.default_rng(0).choice(rows, most, replace=False))
    core = openvino.Core()
    original = core.read_model(model)

    def dataset(rows: np.ndarray) -> Any:
        return nncf.Dataset([int(row) for row in rows], lambda row: np.ascontiguousarray(pixels[row : row + 1]))

    head = _list_head(original) if keep_head else []
    kept = nncf.IgnoredScope(names=head, patterns=[_OUTSIDE_MODULES], validate=False)
    options: dict[str, Any] = {
        "subset_size": most,
        "ignored_scope": kept,
        "fast_bias_correction": not exactly,
    }
    advanced = nncf.AdvancedQuantizationParameters(overflow_fix=nncf.OverflowFix.ENABLE)
    if tolerance is None:
        smaller = nncf.quantize(original, dataset(chosen), advanced_parameters=advanced, **options)
    else:
        smaller = nncf.quantize_with_accuracy_control(
            original,
            dataset(chosen),
            dataset(tolerance.rows),
            _validate_by(tolerance, pixels),
            max_drop=tolerance.most,
            advanced_quantization_parameters=advanced,
            advanced_accuracy_restorer_parameters=nncf.AdvancedAccuracyRestorerParameters(
                max_num_iterations=tolerance.layers, ranking_subset_size=RANKED_BY
            ),
            **options,
        )
    del original  # it maps the file that is replaced now
    stage = model.with_name(f"int8-{model.name}")
    openvino.save_model(smaller, stage, compress_to_fp16=False)
    stage.with_suffix(".bin").replace(model.with_suffix(".bin"))
    stage.replace(model)


def _validate_by(tolerance: Tolerance, pixels: np.ndarray) -> Callable[[Any, Iterable[int]], tuple[float, None]]:
    """The more, the better, as nncf wants it. It ranks the layers by what they do to the outputs."""

    def validate(network: Any, rows: Iterable[int]) -> tuple[float, None]:
        logits = [network(np.ascontiguousarray(pixels[row : row + 1]))[0] for row in rows]
        return 1 - tolerance.loss(np.concatenate(logits)), None

    return validate


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
