"""Answers that are the same but for rounding: a network says another last digit of a picture in another batch, and
who shares a batch is a matter of time."""

from __future__ import annotations

from typing import Any

import pytest


def are_alike(found: Any, wanted: Any, tolerance: float = 1e-5) -> bool:
    """The same keys, words and counts, and numbers to `tolerance`."""
    if isinstance(found, dict) and isinstance(wanted, dict):
        return found.keys() == wanted.keys() and all(are_alike(found[key], wanted[key], tolerance) for key in wanted)
    if isinstance(found, list) and isinstance(wanted, list):
        return len(found) == len(wanted) and all(
            are_alike(one, other, tolerance) for one, other in zip(found, wanted, strict=True)
        )
    if isinstance(found, float) and isinstance(wanted, float):
        return bool(found == pytest.approx(wanted, rel=0, abs=tolerance, nan_ok=True))
    return type(found) is type(wanted) and bool(found == wanted)
