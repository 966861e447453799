"""A page → boxes around the drawn objects, by the detector's OpenVINO form."""

from __future__ import annotations

import threading
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torchvision.ops import batched_nms

from .card import DetectorPart
from .errors import BundleError

#: Most boxes that are looked at before overlapping ones are dropped, and most that are left.
_CANDIDATES, _MOST = 1000, 100


class Detector:
    """Runs on the CPU also where a GPU classifies: a page takes it some ten milliseconds."""

    def __init__(self, settings: DetectorPart, bundle: Path) -> None:
        import openvino

        self.settings = settings
        path = bundle / settings.file
        core = openvino.Core()
        core.set_property({"CACHE_DIR": ""})  # the archive's folder may be read-only
        try:
            self.compiled = core.compile_model(
                path,
                "CPU",
                {
                    "PERFORMANCE_HINT": "LATENCY",
                    "INFERENCE_PRECISION_HINT": "f32",
                    "INFERENCE_NUM_THREADS": torch.get_num_threads(),
                },
            )
        except RuntimeError as error:
            reason = str(error).strip().splitlines()[-1]
            raise BundleError(
                f"{path}: OpenVINO can't load the detector ({reason}).", "Make the bundle again: make sketch."
            ) from None
        self.request = self.compiled.create_infer_request()
        self.lock = threading.Lock()

    def __call__(self, page: Image.Image) -> tuple[np.ndarray, np.ndarray]:
        """`page`: RGB. Returns boxes float32 (n, 4), corners in the page's pixels and inside it, and scores (n,) 0…1,
        best first, without regard to the detector's classes."""
        pixels, factor = letterbox(page, self.settings.side)
        with self.lock:
            output = self.request.infer([pixels[None]])[0][0].copy()
        output = np.concatenate([output[:4], output[4:].max(0, keepdims=True)])
        boxes, scores, _ = suppress(output, self.settings.score, self.settings.iou)
        return np.clip(boxes / factor, 0, [page.width, page.height] * 2).astype(np.float32), scores


def letterbox(page: Image.Image, side: int) -> tuple[np.ndarray, float]:
    """The page in the upper left corner of a white square, uint8 (side, side, 3), and the factor that scaled it."""
    factor = side / max(page.size)
    size = (max(1, round(page.width * factor)), max(1, round(page.height * factor)))
    square = Image.new("RGB", (side, side), "white")
    square.paste(page if page.size == size else page.resize(size, Image.Resampling.BILINEAR))
    return np.asarray(square), factor


def suppress(output: np.ndarray, score: float, iou: float) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Non-maximum suppression, class by class.

    `output`: float (4 + classes, anchors): corners, then scores. Returns boxes float32 (n, 4), scores float32 (n,) and
    classes int64 (n,), best first.
    """
    scores, classes = output[4:].max(0), output[4:].argmax(0)
    kept = np.argsort(-scores, kind="stable")[:_CANDIDATES]
    kept = kept[scores[kept] >= score]
    boxes = np.ascontiguousarray(output[:4, kept].T, np.float32)
    order = batched_nms(
        torch.from_numpy(boxes), torch.from_numpy(scores[kept]), torch.from_numpy(classes[kept]), iou
    ).numpy()[:_MOST]
    return boxes[order], scores[kept][order].astype(np.float32), classes[kept][order].astype(np.int64)
