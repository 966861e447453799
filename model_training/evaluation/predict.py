"""Images → logits and features, batch by batch: every figure is made of what this returns."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, Protocol, TypeVar

import numpy as np

from ..runtime.execution import Execution


class _Sliceable(Protocol):
    def __len__(self) -> int: ...
    def __getitem__(self, key: slice, /) -> Any: ...


RowsT = TypeVar("RowsT", bound=_Sliceable)


def batches(rows: RowsT, size: int = 64) -> Iterator[RowsT]:
    """`rows`, of an array or a list, in their order and in parts of `size`; the last is the rest."""
    for start in range(0, len(rows), size):
        yield rows[start : start + size]


#: pixels, uint8 (N, height, width, 3) → logits, float32 (N, classes), and penultimate features, float32 (N, F)
Forward = Callable[[np.ndarray], tuple[np.ndarray, np.ndarray]]


def predict_batches(forward: Forward, pixels: np.ndarray, rows: np.ndarray) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Logits and features of the images in `rows`, 64 at a time and in order."""
    for batch in batches(rows):
        yield forward(pixels[batch])


def predict_logits(execution: Execution, pixels: np.ndarray, rows: np.ndarray) -> np.ndarray:
    """Logits (len(rows), classes) of the images in `rows`, batch by batch."""
    return predict(execution, pixels, rows)[0]


def predict(execution: Execution, pixels: np.ndarray, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Logits (len(rows), classes) and features (len(rows), F) of the images in `rows`, batch by batch."""
    parts = list(predict_batches(execution.forward_with_features, pixels, rows))
    return np.concatenate([part[0] for part in parts]), np.concatenate([part[1] for part in parts])
