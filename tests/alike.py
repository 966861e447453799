"""Answers that are the same but for rounding: a network says another last digit of a picture in another batch, and
who shares a batch is a matter of time."""

from __future__ import annotations

from typing import Any

import pytest


def are_alike(found: Any, wanted: Any, tolerance: float = 2e-6) -> bool:
    """The same keys, words and counts, and numbers to `tolerance`: answers have six decimals, of which the last may be
    rounded otherwise. Those of the tests' tiny networks are not much further apart."""
    if isinstance(found, dict) and isinstance(wanted, dict):
        return found.keys() == wanted.keys() and all(are_alike(found[key], wanted[key], tolerance) for key in wanted)
    if isinstance(found, list) and isinstance(wanted, list):
        return len(found) == len(wanted) and all(
            are_alike(one, other, tolerance) for one, other in zip(found, wanted, strict=True)
        )
    if isinstance(found, float) and isinstance(wanted, float):
        return bool(found == pytest.approx(wanted, rel=0, abs=tolerance, nan_ok=True))
    return type(found) is type(wanted) and bool(found == wanted)
