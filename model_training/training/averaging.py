"""The mean of a network's weights along its training: validated and kept in the place of the last step's weights."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

Kind = Literal["ema", "swa", "wise"]

#: `swa` averages the ends of the epochs of the last quarter (Izmailov et al. 2018, section 4.1).
SWA_START = 0.75
#: Enough batches for the statistics of batch norm.
STATISTICS_BATCHES = 16


class Average:
    """`ema`: exponential, over the steps, with a memory of one epoch. `swa`: of equal weights, over late epochs.

    `wise`: halfway from the weights before the first step to the exponential mean, so that half of what pretraining
    knew stays (Wortsman et al. 2022, "Robust fine-tuning of zero-shot models").
    """

    def __init__(self, kind: Kind, network: nn.Module, epochs: int, steps: int) -> None:
        """`network`: before its first step; `steps`: of each of the `epochs`."""
        self.kind = kind
        self.network = network
        self.first = int(SWA_START * epochs) if kind == "swa" else 0
        decay = get_ema_multi_avg_fn(1 - 1 / steps) if kind != "swa" else None
        self.model = AveragedModel(network, multi_avg_fn=decay)
        self.start = [each.detach().clone() for each in network.parameters()] if kind == "wise" else None
        #: The network's own state while the mean is in its place.
        self.own: dict[str, Tensor] | None = None

    def follow_step(self) -> None:
        if self.kind != "swa":
            self.model.update_parameters(self.network)

    def follow_epoch(self, epoch: int) -> None:
        """`epoch`: from 0."""
        if self.kind == "swa" and epoch >= self.first:
            self.model.update_parameters(self.network)

    @contextmanager
    def in_place(self, passes: Callable[[], None]) -> Iterator[None]:
        """The network has the mean weights inside the block, as far as there are any.

        Batch norm's statistics belong to the weights that they were measured under. Those of the trained layers are
        measured again by `passes`, which sends training images through the network; frozen ones stay as they are.
        """
        if not self.model.n_averaged:
            yield
            return
        self.own = {name: value.clone() for name, value in self.network.state_dict().items()}
        try:
            with torch.no_grad():
                means = list(self.model.module.parameters())
                for ours, start, mean in zip(self.network.parameters(), self.start or means, means, strict=True):
                    ours.copy_(torch.lerp(start, mean, 0.5))
                measure_statistics(self.network, passes)
            yield
        finally:
            self.network.load_state_dict(self.own)
            self.own = None


def measure_statistics(network: nn.Module, passes: Callable[[], None]) -> None:
    """Set the statistics of batch norm, where training updates them, to those of what `passes` sends through.

    Leaves the network in evaluation mode. Nothing else is in training mode meanwhile, so dropout is off.
    """
    network.train()
    layers = [each for each in network.modules() if isinstance(each, _BatchNorm) and each.training]
    network.eval()
    momenta = [layer.momentum for layer in layers]
    for layer in layers:
        layer.train()
        layer.reset_running_stats()
        layer.momentum = None  # the mean over all batches
    if layers:
        passes()
    for layer, momentum in zip(layers, momenta, strict=True):
        layer.momentum = momentum
    network.eval()
