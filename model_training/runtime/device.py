"""The device that somebody asks for, or a refusal: never another one without a word."""

from __future__ import annotations

import torch

from .errors import RecipeError


def choose_device(device: str) -> str:
    """`cpu`, `cuda:N`, `cuda` for the first, or `auto` for CUDA where there is any → `cpu` or `cuda:N`.

    Raises `RecipeError` for anything else, or for a CUDA device that is not there.
    """
    there = torch.cuda.device_count()
    if device == "auto":
        return "cuda:0" if there else "cpu"
    kind, _, number = device.partition(":")
    if device != "cpu" and (kind != "cuda" or not (number or "0").isdigit()):
        raise RecipeError(f"There is no device {device!r}.", "Use cpu, cuda, cuda:1 or auto.")
    if kind == "cuda" and int(number or 0) >= there:
        raise RecipeError(f"This machine has no device {device!r}.", "Use --device cpu, or auto.")
    return f"cuda:{number or 0}" if kind == "cuda" else device
