"""One call from pixels to logits and features, whichever engine runs it: torch on a GPU, OpenVINO on a CPU.

Of the two only the one that runs is imported: torch costs a worker two seconds and 150 MB.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

import numpy as np

from .card import ClassifierCard
from .errors import BundleError
from .threads import count_threads

if TYPE_CHECKING:
    import torch
    from torch import Tensor

    from .network import ClassificationNetwork


class Execution(Protocol):
    def __call__(self, pixels: np.ndarray) -> np.ndarray:
        """`pixels`: uint8 (N, height, width, 3). Returns logits, float32 (N, classes)."""

    def forward_with_features(self, pixels: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """The logits, and the features that the last layer makes them of, float32 (N, F)."""

    def observe(self, pixels: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
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

    def __call__(self, pixels: np.ndarray) -> np.ndarray:
        return self.forward_with_features(pixels)[0]

    def forward_with_features(self, pixels: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        logits, features = self._run(self.network.forward_with_features, pixels)
        return logits, features

    def observe(self, pixels: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        logits, features, seen = self._run(lambda batch: self.network.observe(batch, self.until), pixels)
        return logits, features, seen

    def _run(self, call: Callable[[Tensor], tuple[Tensor, ...]], pixels: np.ndarray) -> list[np.ndarray]:
        import torch

        with torch.inference_mode():
            batch = torch.from_numpy(pixels).to(self.device, non_blocking=True)
            with torch.autocast(self.device.type, dtype=self.half, enabled=self.half is not None):
                found = call(batch)
            return [each.float().cpu().numpy() for each in found]


class OpenVINOExecution:
    """The OpenVINO form of the network on the CPU, in float32.

    A batch is cut into parts that run side by side, one stream a core: for convolutional networks of this size that
    is faster than all cores on one image, since nothing waits at the end of each layer.
    """

    def __init__(self, model: Path, at_once: int = 1) -> None:
        """`at_once`: the most images of a part. Where maps are small, reading the weights takes longer than computing
        with them, and several images share it."""
        import openvino

        core = openvino.Core()
        core.set_property({"CACHE_DIR": ""})  # the archive's folder may be read-only
        try:
            compiled = core.compile_model(
                model,
                "CPU",
                {
                    "PERFORMANCE_HINT": "THROUGHPUT",
                    "INFERENCE_PRECISION_HINT": "f32",
                    # As many as torch uses (OMP_NUM_THREADS): several workers share the machine.
                    "INFERENCE_NUM_THREADS": count_threads(),
                },
            )
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
        self.at_once = at_once

    def __call__(self, pixels: np.ndarray) -> np.ndarray:
        return self.forward_with_features(pixels)[0]

    def forward_with_features(self, pixels: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        logits, features, *_ = self.run(pixels)
        return logits, features

    def observe(self, pixels: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        logits, features, seen = self.run(pixels)
        return logits, features, seen

    def run(self, pixels: np.ndarray) -> list[np.ndarray]:
        """What each of the network's outputs says of `pixels`, uint8 (N, height, width, 3): float32 (N, width)."""
        # The queue never gets back a request whose input it refused, and once all are lost it waits for ever.
        if pixels.shape[1:] != self.shape:
            raise ValueError(f"The network takes pixels of shape {self.shape}, not {pixels.shape[1:]}.")
        # OpenVINO reads shared memory while we go on, so it has to be memory that stays: of an array that it can not
        # share (read-only or strided) it would read a copy that is already gone.
        pixels = np.require(pixels, requirements=["C_CONTIGUOUS", "WRITEABLE"])
        found = [np.empty((len(pixels), width), np.float32) for width in self.widths]
        size = max(1, min(self.at_once, -(-len(pixels) // len(self.queue))))
        with self.lock:  # the queue hands one free request to two threads; a batch fills all cores anyway
            try:
                for start in range(0, len(pixels), size):
                    self.queue.start_async([pixels[start : start + size]], userdata=(found, start), share_inputs=True)
            finally:
                self.queue.wait_all()
        return found


def _store(request, target: tuple[list[np.ndarray], int]) -> None:  # type: ignore[no-untyped-def]
    found, start = target
    for number, each in enumerate(found):
        part = request.get_output_tensor(number).data
        each[start : start + len(part)] = part


def choose_execution(
    card: ClassifierCard, bundle: Path, load: Callable[[], ClassificationNetwork], device: str
) -> Execution:
    """OpenVINO where the device is a CPU and the bundle has its form, else torch with the network that `load` gives."""
    if device == "cpu" and card.openvino_model is not None:
        path = bundle / card.openvino_model.file
        if not path.is_file():
            raise BundleError(f"{path}: the OpenVINO form is missing.", "Make the bundle again: hwapung train.")
        return OpenVINOExecution(path)
    return TorchExecution(load(), device, card.ood.stages if card.ood is not None else None)
