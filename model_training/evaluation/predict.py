"""Images → logits and features, batch by batch: every figure is made of what this returns."""

from __future__ import annotations

import numpy as np

from ..runtime.execution import Execution

_BATCH = 64


def predict_logits(execution: Execution, pixels: np.ndarray, rows: np.ndarray) -> np.ndarray:
    """Logits (len(rows), classes) of the images in `rows`, batch by batch."""
    return predict(execution, pixels, rows)[0]


def predict(execution: Execution, pixels: np.ndarray, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Logits (len(rows), classes) and features (len(rows), F) of the images in `rows`, batch by batch."""
    starts = range(0, len(rows), _BATCH)
    parts = [execution.forward_with_features(pixels[rows[start : start + _BATCH]]) for start in starts]
    return np.concatenate([part[0] for part in parts]), np.concatenate([part[1] for part in parts])
