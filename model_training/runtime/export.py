"""A torch network → its OpenVINO form."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from .network import ClassificationNetwork


class _Traced(nn.Module):
    """The tracer follows `forward`."""

    def __init__(self, network: ClassificationNetwork, seen: bool, until: int | None) -> None:
        super().__init__()
        self.network = network
        self.seen = seen
        self.until = until

    def forward(self, pixels: Tensor) -> tuple[Tensor, ...]:
        if not self.seen:
            return self.network.forward_with_features(pixels)
        return self.network.observe(pixels, self.until)


def export_openvino(
    network: ClassificationNetwork, example: np.ndarray, path: Path, *, seen: bool = False, until: int | None = None
) -> None:
    """Write the network, normalisation included, as `path` (.xml) and its .bin, with a free batch dimension and two
    outputs, the logits and the features; with `seen` a third, what the gate sees of it (`until`: of which stages).

    `example`: uint8 (N, height, width, 3), used to trace the graph.
    """
    _, height, width, _ = example.shape
    save_openvino(_Traced(network, seen, until), torch.tensor(example), (-1, height, width, 3), path)


def save_openvino(network: nn.Module, example: Tensor, shape: Sequence[int], path: Path, *, half: bool = False) -> None:
    """Write what `network` makes of uint8 pixels of `shape` (-1: any) as `path` (.xml) and its .bin.

    `half`: its weights are stored in 16 bits; they are computed with in 32.
    """
    import openvino

    with warnings.catch_warnings():
        # OpenVINO traces by torch.jit, which tells its users that it is deprecated; ours can do nothing about that.
        warnings.filterwarnings("ignore", r"`torch\.jit", FutureWarning)
        # What a transformer computes from the pictures' size may become a constant: it is fixed, and the batch is not.
        warnings.filterwarnings("ignore", category=torch.jit.TracerWarning)
        model = openvino.convert_model(
            network.cpu().eval(), example_input=example, input=[(list(shape), openvino.Type.u8)]
        )
    openvino.save_model(model, path, compress_to_fp16=half)
