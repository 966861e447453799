"""A picture's file → its pixels, within the budget of any file and within that of a plain one."""

from __future__ import annotations

from contextlib import suppress

from model_training.runtime.budget import CHEAP, WHOLE, DearError
from model_training.runtime.errors import ImageError
from model_training.runtime.image import decode_with_warnings


def feed(data: bytes) -> None:
    for budget in (CHEAP, WHOLE):
        with suppress(ImageError, DearError):
            found = decode_with_warnings(data, at_least=128, budget=budget)
            assert found.image.mode == "RGB"
            assert min(found.image.size) > 0
