"""One call from pixels to logits and features, whichever engine runs it: torch on a GPU, OpenVINO on a CPU."""

from __future__ import annotations

import threading
import warnings
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import torch
from torch import Tensor, nn

from .card import ClassifierCard
from .errors import BundleError
from .measures import Precision
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

    @torch.inference_mode()
    def _run(self, call: Callable[[Tensor], tuple[Tensor, ...]], images: Images) -> list[np.ndarray]:
        pixels = images if isinstance(images, np.ndarray) else np.stack(list(images))
        batch = torch.from_numpy(pixels).to(self.device, non_blocking=True)
        with torch.autocast(self.device.type, dtype=self.half, enabled=self.half is not None):
            found = call(batch)
        return [each.float().cpu().numpy() for each in found]


#: Images of a part, by precision: several share what is read of the weights, as long as their maps stay in the cache.
_AT_ONCE: dict[Precision, int] = {"float32": 2, "bf16": 4, "int8": 4}


class OpenVINOExecution:
    """The OpenVINO form of the network on the CPU.

    A batch is cut into parts that run side by side, one stream a core: for convolutional networks of this size that
    is faster than all cores on one image, since nothing waits at the end of each layer. What is left over when every
    stream has had as many images, and so an image that comes alone, is computed by all cores together, which takes the
    network compiled twice. Both give the same bits.
    """

    def __init__(self, model: Path, precision: Precision = "float32", at_once: int | None = None) -> None:
        """`precision`: `bf16` computes with a file of float32 in bfloat16. `at_once`: the most images of a part."""
        import openvino

        core = openvino.Core()
        core.set_property({"CACHE_DIR": ""})  # the archive's folder may be read-only
        # As many as torch was told to use (OMP_NUM_THREADS): several workers share the machine.
        threads = torch.get_num_threads()
        settings = {
            "INFERENCE_PRECISION_HINT": "bf16" if precision == "bf16" else "f32",
            "INFERENCE_NUM_THREADS": threads,
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
        self.queue = openvino.AsyncInferQueue(compiled)
        self.queue.set_callback(_store)
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
        started: list[tuple[np.ndarray, list[np.ndarray]]] = []
        even = len(images) - len(images) % len(self.queue) if isinstance(images, np.ndarray) else 0
        with self.lock:  # the queue hands one free request to two threads; a batch fills all cores anyway
            try:
                for part in self._share(images[:even]) if isinstance(images, np.ndarray) else self._gather(images):
                    started.append((self._check(part), []))
                    self.queue.start_async([started[-1][0]], userdata=started[-1][1], share_inputs=True)
            finally:
                self.queue.wait_all()
            if isinstance(images, np.ndarray) and even < len(images):
                started.append((self._check(images[even:]), []))
                self._together.infer([started[-1][0]], share_inputs=True)
                _store(self._together, started[-1][1])
        if not started:
            return [np.empty((0, width), np.float32) for width in self.widths]
        return [np.concatenate(each) for each in zip(*(outputs for _, outputs in started), strict=True)]

    def _check(self, pixels: np.ndarray) -> np.ndarray:
        # The queue never gets back a request whose input it refused; once all are lost it waits for ever.
        if pixels.shape[1:] != self.shape:
            raise ValueError(f"The network takes pixels of shape {self.shape}, not {pixels.shape[1:]}.")
        # OpenVINO reads shared memory while we go on, so it has to be memory that stays: of an array that it can not
        # share (read-only or strided) it would read a copy that is already gone.
        return np.require(pixels, requirements=["C_CONTIGUOUS", "WRITEABLE"])

    def _share(self, images: np.ndarray) -> Iterator[np.ndarray]:
        """(n, height, width, 3) each, as many images for every stream."""
        share = len(images) // len(self.queue)
        for first in range(0, len(images), max(share, 1)):
            for start in range(first, first + share, self.at_once):
                yield images[start : min(start + self.at_once, first + share)]

    def _gather(self, images: Iterable[np.ndarray]) -> Iterator[np.ndarray]:
        """(n, height, width, 3) each: an image as soon as a stream is free for it, with those that came before it while
        none was."""
        waiting: list[np.ndarray] = []
        for image in images:
            waiting.append(image)
            if len(waiting) == self.at_once or self.queue.is_ready():
                yield np.stack(waiting)
                waiting = []
        if waiting:
            yield np.stack(waiting)


def _store(request, outputs: list[np.ndarray]) -> None:  # type: ignore[no-untyped-def]
    outputs += [each.data.copy() for each in request.output_tensors]


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


def can_run(precision: Precision) -> bool:
    """Whether this processor has the instructions. Without, OpenVINO would silently compute in float32."""
    import openvino

    return precision != "bf16" or "BF16" in openvino.Core().get_property("CPU", "OPTIMIZATION_CAPABILITIES")


def choose_execution(card: ClassifierCard, bundle: Path, network: ClassificationNetwork, device: str) -> Execution:
    """OpenVINO where the device is a CPU and the bundle has its form, else torch."""
    if device == "cpu" and card.openvino_model is not None:
        path = bundle / card.openvino_model.file
        if not path.is_file():
            raise BundleError(f"{path}: the OpenVINO form is missing.", "Make the bundle again: hwapung train.")
        return OpenVINOExecution(path, card.openvino_model.precision)
    return TorchExecution(network, device, card.ood.stages if card.ood is not None else None)
