"""Images → logits and features, batch by batch: every figure is made of what this returns."""

from __future__ import annotations

from collections.abc import Iterator
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


def predict_logits(execution: Execution, pixels: np.ndarray, rows: np.ndarray) -> np.ndarray:
    """Logits (len(rows), classes) of the images in `rows`, batch by batch."""
    return predict(execution, pixels, rows)[0]


def predict(execution: Execution, pixels: np.ndarray, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Logits (len(rows), classes) and features (len(rows), F) of the images in `rows`, batch by batch."""
    parts = [execution.forward_with_features(pixels[batch]) for batch in batches(rows)]
    return np.concatenate([part[0] for part in parts]), np.concatenate([part[1] for part in parts])
