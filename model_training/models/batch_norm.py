"""Batch norm in given weights whose statistics are not those of its inputs: folded into the convolutions, or damaged.

A published network often comes with its batch norm folded away: mean 0 and variance 1, whatever the inputs. It answers
rightly, but the first training step normalises by the batch instead and is another function: what the weights knew is
gone. The same statistics under which the function does not change are found from the training images.
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from ..datasets.prepare import Prepared
from ..runtime.errors import WeightsError

#: Images that are looked at.
_IMAGES = 64
#: Far off: half of the channels' means by more than as many standard deviations, or variances by more than this factor.
_FAR_MEAN, _FAR_VARIANCE = 5.0, 100.0


@dataclass(frozen=True)
class Seen:
    """Mean and variance of each channel of what a layer was given, float (C,)."""

    mean: Tensor
    variance: Tensor


@torch.no_grad()
def mend_batch_norm(
    network: nn.Module, prepared: Prepared, source: str, seen: dict[str, Seen] | None = None
) -> dict[str, Seen]:
    """Give folded layers, and those that are far off, the statistics of the training images; the network in evaluation
    mode stays the same function. Warns of those that are far off.

    `source`: of the weights. `seen`: what the layers are given, where a network with the same lower layers has told it;
    returned either way. Raises `WeightsError` where a number of a layer is not finite, or a variance is negative.
    """
    layers = {
        name: each
        for name, each in network.named_modules()
        if isinstance(each, _BatchNorm) and each.affine and each.running_mean is not None
    }
    for name, layer in layers.items():
        _check(name, layer, source)
    if seen is None:
        rows = prepared.rows["train"]
        chosen = rows[np.linspace(0, len(rows) - 1, min(len(rows), _IMAGES)).astype(int)]
        seen = watch(network, layers, torch.from_numpy(prepared.pixels[chosen]))
    odd = {name: _is_far_off(layers[name], each) for name, each in seen.items() if not _is_folded(layers[name])}
    if far := [name for name, is_odd in odd.items() if is_odd]:
        warnings.warn(
            f"{source}: the batch norm of {len(far)} of {len(layers)} layers does not match the pictures (first "
            f"{far[0]}). Are preprocessing.mean and preprocessing.std those of the weights?",
            stacklevel=2,
        )
    for name, each in seen.items():
        if odd.get(name, True):
            rebase(layers[name], each)
    return seen


def watch(network: nn.Module, layers: dict[str, _BatchNorm], pixels: Tensor) -> dict[str, Seen]:
    """What the layers are given by the network in evaluation mode; those that are not reached are left out.

    `pixels`: uint8 (N, height, width, 3).
    """
    seen: dict[str, Seen] = {}

    def look(name: str) -> object:
        def hook(_: nn.Module, given: tuple[Tensor, ...]) -> None:
            channels = given[0].transpose(0, 1).flatten(1)
            mean = channels.mean(1)
            # In two passes and in float32: `var` in float64 takes a processor four times as long.
            variance = (channels - mean[:, None]).square_().mean(1)
            seen[name] = Seen(mean.double(), variance.double())

        return layers[name].register_forward_pre_hook(hook)

    hooks = [look(name) for name in layers]
    training = network.training
    network.eval()
    network(pixels)
    network.train(training)
    for hook in hooks:
        hook.remove()  # type: ignore[attr-defined]
    return seen


def rebase(layer: _BatchNorm, seen: Seen) -> None:
    """Take `seen` for the running statistics, and such a scale and shift that γ(x − μ)/√(σ² + ε) + β is what it was."""
    statistics: Any = layer
    mean, variance, scale, shift = (
        each.double() for each in (statistics.running_mean, statistics.running_var, statistics.weight, statistics.bias)
    )
    slope = scale / (variance + layer.eps).sqrt()
    layer.weight.copy_(slope * (seen.variance + layer.eps).sqrt())
    layer.bias.copy_(shift + slope * (seen.mean - mean))
    layer.running_mean.copy_(seen.mean)  # type: ignore[union-attr]
    layer.running_var.copy_(seen.variance)  # type: ignore[union-attr]


def _check(name: str, layer: _BatchNorm, source: str) -> None:
    numbers = {"weight": layer.weight, "bias": layer.bias}
    numbers |= {"running_mean": layer.running_mean, "running_var": layer.running_var}  # type: ignore[dict-item]
    for what, values in numbers.items():
        if not bool(values.isfinite().all()) or (what == "running_var" and bool((values < 0).any())):
            raise WeightsError(
                f"{source}: the batch norm {name} is damaged ({what}).", "Get the weights again, or choose others."
            )


def _is_folded(layer: _BatchNorm) -> bool:
    mean, variance = layer.running_mean, layer.running_var
    assert mean is not None
    assert variance is not None
    return bool((mean == 0).all()) and bool(torch.isclose(variance, torch.ones_like(variance), atol=1e-3).all())


def _is_far_off(layer: _BatchNorm, seen: Seen) -> bool:
    """By the median channel: single ones are dead in many a good network."""
    mean, variance = layer.running_mean, layer.running_var
    assert mean is not None
    assert variance is not None
    known = variance.double() + layer.eps
    distance = (seen.mean - mean).abs() / torch.maximum(known, seen.variance).sqrt()
    ratio = ((seen.variance + layer.eps) / known).log().abs()
    return bool(distance.median() > _FAR_MEAN) or bool(ratio.median() > np.log(_FAR_VARIANCE))
