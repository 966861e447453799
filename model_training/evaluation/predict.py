"""Images → logits and features, batch by batch: every figure is made of what this returns."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np

from ..runtime.execution import Execution

_BATCH = 64

#: pixels, uint8 (N, height, width, 3) → logits, float32 (N, classes), and penultimate features, float32 (N, F)
Forward = Callable[[np.ndarray], tuple[np.ndarray, np.ndarray]]


def predict_batches(forward: Forward, pixels: np.ndarray, rows: np.ndarray) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Logits and features of the images in `rows`, 64 at a time and in order."""
    for start in range(0, len(rows), _BATCH):
        yield forward(pixels[rows[start : start + _BATCH]])


def predict_logits(execution: Execution, pixels: np.ndarray, rows: np.ndarray) -> np.ndarray:
    """Logits (len(rows), classes) of the images in `rows`, batch by batch."""
    return predict(execution, pixels, rows)[0]


def predict(execution: Execution, pixels: np.ndarray, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Logits (len(rows), classes) and features (len(rows), F) of the images in `rows`, batch by batch."""
    parts = list(predict_batches(execution.forward_with_features, pixels, rows))
    return np.concatenate([part[0] for part in parts]), np.concatenate([part[1] for part in parts])
