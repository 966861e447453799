"""One call from pixels to logits and features, whichever engine runs it: torch on a GPU, OpenVINO on a CPU.

Of the two only the one that runs is imported: torch costs a worker two seconds and 150 MB.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from .card import ClassifierCard
from .errors import BundleError
from .measures import Precision
from .streams import Running
from .threads import count_threads

if TYPE_CHECKING:
    import torch
    from torch import Tensor

    from .network import ClassificationNetwork

#: What a network sees: uint8 (N, height, width, 3), or at least one (height, width, 3), each taken when it comes.
Images = np.ndarray | Iterable[np.ndarray]


class Execution(Protocol):
    def __call__(self, images: Images) -> np.ndarray:
        """Logits, float32 (N, classes)."""

    def forward_with_features(self, images: Images) -> tuple[np.ndarray, np.ndarray]:
        """The logits, and the features that the last layer makes them of, float32 (N, F)."""

    def observe(self, images: Images) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """The same, and what the gate sees of the network (`observer.observe`), float32 (N, G)."""


class TorchExecution:
    """The torch network on one device; half precision and channels-last memory on CUDA."""

    def __init__(self, network: ClassificationNetwork, device: str, until: int | None = None) -> None:
        """`until`: which of its stages the gate sees, see `observer.observe`."""
        import torch

        self.device = torch.device(device)
        self.until = until
        self.network = network.to(self.device).eval()
        self.half: torch.dtype | None = None
        if self.device.type == "cuda":
            self.network = self.network.to(memory_format=torch.channels_last)
            self.half = torch.bfloat16 if torch.cuda.is_bf16_supported() else torch.float16

    def __call__(self, images: Images) -> np.ndarray:
        return self.forward_with_features(images)[0]

    def forward_with_features(self, images: Images) -> tuple[np.ndarray, np.ndarray]:
        logits, features = self._run(self.network.forward_with_features, images)
        return logits, features

    def observe(self, images: Images) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        logits, features, seen = self._run(lambda batch: self.network.observe(batch, self.until), images)
        return logits, features, seen

    def _run(self, call: Callable[[Tensor], tuple[Tensor, ...]], images: Images) -> list[np.ndarray]:
        import torch

        pixels = images if isinstance(images, np.ndarray) else np.stack(list(images))
        with torch.inference_mode():
            batch = torch.from_numpy(pixels).to(self.device, non_blocking=True)
            with torch.autocast(self.device.type, dtype=self.half, enabled=self.half is not None):
                found = call(batch)
            return [each.float().cpu().numpy() for each in found]


#: Images of a part, by precision: several share what is read of the weights, as long as their maps stay in the cache.
_AT_ONCE: dict[Precision, int] = {"float32": 2, "bf16": 4, "int8": 4}

_FIRST = threading.Lock()


class OpenVINOExecution:
    """The OpenVINO form of the network on the CPU.

    Images are computed side by side in small parts, one stream a core: for convolutional networks of this size that is
    faster than all cores on one image, since nothing waits at the end of each layer. What is left over when every
    stream has had as many images, and so an image that comes alone, is computed by all cores together, which takes the
    network compiled twice. Both give the same bits.
    """

    def __init__(self, model: Path, precision: Precision = "float32", at_once: int | None = None) -> None:
        """`precision`: `bf16` computes with a file of float32 in bfloat16. `at_once`: the most images of a part."""
        import openvino

        core = openvino.Core()
        core.set_property({"CACHE_DIR": ""})  # the archive's folder may be read-only
        settings = {
            "INFERENCE_PRECISION_HINT": "bf16" if precision == "bf16" else "f32",
            # As many as torch uses (OMP_NUM_THREADS): several workers share the machine.
            "INFERENCE_NUM_THREADS": count_threads(),
            # Every process would pin its threads to the same first cores; one that is busy then holds all of them up.
            "ENABLE_CPU_PINNING": False,
        }
        try:
            compiled = core.compile_model(model, "CPU", settings | {"PERFORMANCE_HINT": "THROUGHPUT"})
        except RuntimeError as error:
            reason = str(error).strip().splitlines()[-1]
            raise BundleError(
                f"{model}: OpenVINO can't load the network ({reason}).", "Make the bundle again: hwapung train."
            ) from None
        self.shape = tuple(each.get_length() for each in list(compiled.input(0).partial_shape)[1:])
        self.widths = [each.partial_shape[1].get_length() for each in compiled.outputs]
        self.streams: int = compiled.get_property("OPTIMAL_NUMBER_OF_INFER_REQUESTS")
        self.requests: list[Any] = []
        self._make_request = compiled.create_infer_request
        self.reserve(self.streams)
        self.threads = ThreadPoolExecutor(self.streams, thread_name_prefix="compute")
        # The first answer sets up what all requests share, and two threads that do so at a time wait for each other
        # for ever: one for the interpreter's lock, the other for the bindings'.
        with _FIRST:
            self.compute(self.requests[0], np.zeros((1, *self.shape), np.uint8))
        self.lock = threading.Lock()
        self._compile = lambda: core.compile_model(model, "CPU", settings | {"PERFORMANCE_HINT": "LATENCY"})
        self.precision = precision
        self.at_once = at_once or _AT_ONCE[precision]

    @cached_property
    def _together(self) -> Any:
        """The network on all cores, compiled where it is first asked for: batches in equal shares never do."""
        return self._compile().create_infer_request()

    def __call__(self, images: Images) -> np.ndarray:
        return self.forward_with_features(images)[0]

    def forward_with_features(self, images: Images) -> tuple[np.ndarray, np.ndarray]:
        logits, features, *_ = self.run(images)
        return logits, features

    def observe(self, images: Images) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        logits, features, seen = self.run(images)
        return logits, features, seen

    def run(self, images: Images) -> list[np.ndarray]:
        """What each of the network's outputs says of `images`: float32 (N, width). One that comes is computed while the
        next is waited for."""
        (outputs,) = self.run_beside(images)
        return outputs

    def run_beside(self, images: Images, *beside: OpenVINOExecution) -> list[list[np.ndarray]]:
        """The same for this network and those `beside` it, which are computed where it leaves a core free."""
        if not isinstance(images, np.ndarray):
            return self._share_out(images, beside)
        even = len(images) - len(images) % self.streams
        if even == len(images):
            return self._share_out(images, beside)
        rest = self._compute_together(images[even:], beside)
        if not even:
            return rest
        first = self._share_out(images[:even], beside)
        return [
            [np.concatenate(parts) for parts in zip(*outputs, strict=True)] for outputs in zip(first, rest, strict=True)
        ]

    def _share_out(self, images: Iterable[np.ndarray], beside: Sequence[OpenVINOExecution]) -> list[list[np.ndarray]]:
        """One run at a time, for it fills all cores anyway."""
        networks = (self, *beside)
        with _hold(networks):
            for each in networks:
                each.reserve(self.streams)
            running = Running(networks)
            try:
                for image in images:
                    running.put(image)
            except BaseException:
                running.drop()
                raise
            running.finish()
        return running.outputs

    def _compute_together(self, pixels: np.ndarray, beside: Sequence[OpenVINOExecution]) -> list[list[np.ndarray]]:
        """Each network on all cores, and all at a time: a small layer leaves a core free for another network's."""
        networks = (self, *beside)
        pixels = _make_shareable(pixels)
        with _hold(networks):
            for each in networks:
                each.check_shape(pixels.shape[1:])
            with ExitStack() as begun:  # one that fails must not leave another's request busy for ever
                for each in networks:
                    each._together.start_async([pixels], share_inputs=True)
                    begun.callback(each._together.wait)
            return [[each.data.copy() for each in network._together.output_tensors] for network in networks]

    def reserve(self, requests: int) -> None:
        """Be ready for so many at once: OpenVINO may find fewer streams best for one network than for another."""
        self.requests += [self._make_request() for _ in range(requests - len(self.requests))]

    def check_shape(self, shape: tuple[int, ...]) -> None:
        """Raises `ValueError` for images of another shape than (height, width, 3)."""
        if shape != self.shape:
            raise ValueError(f"The network takes pixels of shape {self.shape}, not {shape}.")

    def compute(self, request: Any, pixels: np.ndarray) -> list[np.ndarray]:
        request.infer([_make_shareable(pixels)], share_inputs=True, share_outputs=True)
        return [each.data.copy() for each in request.output_tensors]


@contextmanager
def _hold(networks: Sequence[OpenVINOExecution]) -> Iterator[None]:
    with ExitStack() as stack:
        for each in networks:
            stack.enter_context(each.lock)
        yield


def _make_shareable(pixels: np.ndarray) -> np.ndarray:
    """Of an array that it can't share (read-only or strided) OpenVINO would make a copy of its own."""
    return np.require(pixels, requirements=["C_CONTIGUOUS", "WRITEABLE"])


def can_run(precision: Precision) -> bool:
    """Whether this processor has the instructions. Without, OpenVINO would silently compute in float32."""
    import openvino

    return precision != "bf16" or "BF16" in openvino.Core().get_property("CPU", "OPTIMIZATION_CAPABILITIES")


def choose_execution(
    card: ClassifierCard, bundle: Path, load: Callable[[], ClassificationNetwork], device: str
) -> Execution:
    """OpenVINO where the device is a CPU and the bundle has its form, else torch with the network that `load` gives."""
    if device == "cpu" and card.openvino_model is not None:
        path = bundle / card.openvino_model.file
        if not path.is_file():
            raise BundleError(f"{path}: the OpenVINO form is missing.", "Make the bundle again: hwapung train.")
        return OpenVINOExecution(path, card.openvino_model.precision)
    return TorchExecution(load(), device, card.ood.stages if card.ood is not None else None)
