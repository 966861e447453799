"""Which numbers a step computes with: bfloat16 where the processor multiplies it faster than float32.

Weights, their gradients, the optimiser and all that is validated stay float32, as in any mixed precision training
(Micikevicius et al. 2018); bfloat16 has float32's range, so that no loss needs scaling.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Literal
from weakref import WeakKeyDictionary

import torch
from lightning_fabric import Fabric
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode
from torch.utils.flop_counter import FlopCounterMode

from ..runtime.errors import RecipeError

Asked = Literal["auto", "float32", "bfloat16"]
Precision = Literal["float32", "bfloat16"]

#: Floating-point operations of an image in a layer, on average, from which bfloat16 pays: below, a step's time goes
#: into calling the layers. MobileNetV2 has 0.9 million at 64 pixels, where both are as fast, and 1.6 at 80.
LEAST_WORK = 1.2e6
#: What `_work` found for images of a shape. A search asks about one network for several of its trials.
_FOUND: WeakKeyDictionary[nn.Module, dict[tuple[torch.Size, ...], float]] = WeakKeyDictionary()


def has_bfloat16() -> bool:
    """Whether the processor multiplies bfloat16 itself; where it is emulated, it is slower than float32."""
    there = torch.cpu.get_capabilities()
    return bool(there.get("avx512_bf16") or there.get("amx_bf16"))


def settle_precision(asked: Asked, network: nn.Module, example: Sequence[Tensor]) -> Precision:
    """Of a training on a CPU; elsewhere the fabric sees to it. `example`: what the network is given for some images.

    It depends on recipe, network and processor alone, not on a stopwatch: the same command gives the same weights.
    """
    if example[0].device.type != "cpu":
        return "float32"
    if asked != "auto":
        return asked
    return "bfloat16" if has_bfloat16() and _work(network, example) >= LEAST_WORK else "float32"


def _work(network: nn.Module, example: Sequence[Tensor]) -> float:
    """Floating-point operations of an image in a layer with weights, on average."""
    known, shapes = _FOUND.setdefault(network, {}), tuple(each.shape[1:] for each in example)
    if shapes not in known:
        known[shapes] = _count_work(network, example)
    return known[shapes]


def _count_work(network: nn.Module, example: Sequence[Tensor]) -> float:
    training = network.training
    with torch.no_grad(), FlopCounterMode(display=False) as counter:
        network.eval()(*example)
    network.train(training)
    layers = sum(isinstance(each, nn.Conv2d | nn.Linear) for each in network.modules())
    return float(counter.get_total_flops()) / len(example[0]) / max(1, layers)


@contextmanager
def computing_in(precision: Precision) -> Iterator[None]:
    """What a network answers on a CPU inside the block is computed in `precision`."""
    if precision == "float32":
        yield
        return
    with torch.autocast("cpu", torch.bfloat16), _SlowGradients():
        yield


class _SlowGradients(TorchFunctionMode):
    """Computes in float32 the grouped convolutions for whose gradients oneDNN 3 has no kernel of its own in bfloat16:
    those with a stride, or of more than 3×3. The four of MobileNetV2 took 145 of the 239 ms of a step's convolutions,
    and take 15 in float32."""

    def __torch_function__(
        self, function: Callable[..., Any], types: object, args: tuple[Any, ...] = (), kwargs: Any = None
    ) -> Any:
        given = kwargs or {}
        if function is not torch.conv2d or not _is_slow(*args, **given):
            return function(*args, **given)
        images, *rest = args
        with torch.autocast("cpu", enabled=False):
            return function(images.float(), *rest, **given).to(images.dtype)


def _is_slow(
    input: Tensor,
    weight: Tensor,
    bias: Tensor | None = None,
    stride: Any = 1,
    padding: Any = 0,
    dilation: Any = 1,
    groups: int = 1,
) -> bool:
    """The arguments are those of `torch.conv2d`."""
    del input, bias, padding, dilation
    return groups > 1 and ((stride if isinstance(stride, int) else max(stride)) > 1 or max(weight.shape[2:]) > 3)


def name_for_cuda(asked: Asked) -> Literal["32-true", "bf16-mixed", "16-mixed"]:
    """As Lightning calls it: `auto` is bfloat16, or float16 with loss scaling where the card has no bfloat16.

    Raises `RecipeError` for bfloat16 on such a card.
    """
    if asked == "float32":
        return "32-true"
    if torch.cuda.is_bf16_supported():
        return "bf16-mixed"
    if asked == "bfloat16":
        raise RecipeError("This CUDA device has no bfloat16.", "Set training.precision to auto or float32.")
    return "16-mixed"


def describe_device(fabric: Fabric, precision: Precision) -> str:
    """For a card: `cpu`, `cpu in bfloat16`, `NVIDIA H200 in bfloat16`. `precision`: of a training on a CPU."""
    if fabric.device.type == "cuda":
        by_fabric = {"bf16-mixed": "bfloat16", "16-mixed": "float16"}
        name, used = torch.cuda.get_device_name(), by_fabric.get(str(fabric._precision.precision), "float32")
    else:
        name, used = "cpu", precision
    return name if used == "float32" else f"{name} in {used}"
