"""The OpenVINO form of a network in 8-bit integers: smaller, and faster on processors that multiply them."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from ..runtime.errors import BundleError

#: Training images from which the ranges of activations are read.
CALIBRATED_ON = 200


def quantise(model: Path, pixels: np.ndarray, rows: np.ndarray) -> None:
    """Replace the OpenVINO form `model` (.xml and .bin) by its 8-bit form, by post-training quantisation.

    Ranges of activations are read from 200 of the training images `rows` of `pixels`, uint8 (N, height, width, 3).
    What the last layer sees and says stays in float32. Raises `BundleError` where nncf is not installed.
    """
    try:
        import nncf
    except ImportError:
        raise BundleError(
            "8-bit integers need nncf, which is not installed.",
            "Install it: pip install -r requirements/quantise.txt; or set precision=float32.",
        ) from None
    import openvino

    chosen = np.sort(np.random.default_rng(0).choice(rows, min(CALIBRATED_ON, len(rows)), replace=False))
    core = openvino.Core()
    original = core.read_model(model)
    data = nncf.Dataset([np.ascontiguousarray(pixels[row : row + 1]) for row in chosen])
    smaller = nncf.quantize(original, data, subset_size=len(chosen))
    del original  # it maps the file that is replaced now
    stage = model.with_name(f"int8-{model.name}")
    openvino.save_model(smaller, stage, compress_to_fp16=False)
    stage.with_suffix(".bin").replace(model.with_suffix(".bin"))
    stage.replace(model)
