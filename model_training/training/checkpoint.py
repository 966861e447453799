"""Checkpoints: epoch, model and optimizer state, the epoch's validation metrics and the history so far."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from ..runtime.errors import CheckpointError
from ..runtime.files import replacing


def write_checkpoint(
    path: Path,
    weights: dict[str, Tensor],
    optimizer: torch.optim.Optimizer,
    epochs: list[dict[str, Any]],
    mean: nn.Module | None = None,
) -> None:
    """Write by way of a temporary name: a kill leaves the previous checkpoint whole.

    `mean`: what averages the weights, if anything does.
    """
    content = {
        "epoch": len(epochs),
        "model": weights,
        "optimizer": optimizer.state_dict(),
        **{name: value for name, value in epochs[-1].items() if name.startswith("validation_")},
        "epochs": epochs,
        **({} if mean is None else {"mean": mean.state_dict()}),
    }
    with replacing(path) as temporary:
        torch.save(content, temporary)


def read_checkpoint(
    path: Path,
    network: nn.Module,
    device: torch.device,
    optimizer: torch.optim.Optimizer | None = None,
    mean: nn.Module | None = None,
) -> list[dict[str, Any]]:
    """Put a checkpoint's states into what is given; returns its epochs, none where there is no file.

    Raises `CheckpointError` for a damaged one.
    """
    if not path.exists():
        return []
    try:
        content = torch.load(path, map_location=device, weights_only=True)
        network.load_state_dict(content["model"])
        if optimizer is not None:
            optimizer.load_state_dict(content["optimizer"])
        if mean is not None:
            mean.load_state_dict(content["mean"])
        return list(content["epochs"])
    except Exception as error:
        reason = " ".join(str(error).split())[:120]
        raise CheckpointError(
            f"{path}: the checkpoint can't be resumed ({reason}).", f"Remove the folder {path.parent} to start again."
        ) from None
