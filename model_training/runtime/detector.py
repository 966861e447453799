"""A page → boxes around the drawn objects, by the detector's OpenVINO form."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import NamedTuple

import numpy as np
from PIL import Image

from .card import DetectorPart
from .drawing import Box, has_drawing
from .errors import BundleError
from .resize import resize
from .threads import count_threads

#: Most objects of one drawing that are answered, the surest first: the answer's time stays bounded.
MOST_OBJECTS = 24
#: Most boxes that are looked at before overlapping ones are dropped, and most that are left.
_CANDIDATES, _MOST = 1000, 100


class Found(NamedTuple):
    """An object: its box in the page's pixels, its score 0…1 and the index of its class."""

    box: Box
    score: float
    label: int


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
                    "INFERENCE_NUM_THREADS": count_threads(),
                },
            )
        except RuntimeError as error:
            reason = str(error).strip().splitlines()[-1]
            raise BundleError(
                f"{path}: OpenVINO can't load the detector ({reason}).", "Make the bundle again: hwapung train sketch."
            ) from None
        self.request = self.compiled.create_infer_request()
        self.lock = threading.Lock()

    def __call__(self, page: Image.Image) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """`page`: RGB. Returns boxes float32 (n, 4), corners in the page's pixels and inside it, scores (n,) 0…1 and
        classes int64 (n,), best first. Of two boxes that overlap one is left, also where their classes differ."""
        pixels, factor = letterbox(page, self.settings.side)
        boxes, scores, classes = suppress(self.forward(pixels), self.settings.score, self.settings.iou, by_class=False)
        return np.clip(boxes / factor, 0, [page.width, page.height] * 2).astype(np.float32), scores, classes

    def forward(self, pixels: np.ndarray) -> np.ndarray:
        """`pixels`: uint8 (side, side, 3). Returns float (4 + classes, anchors): corners in pixels, then scores 0…1."""
        with self.lock:
            return self.request.infer([pixels[None]])[0][0].copy()

    def find(self, page: Image.Image) -> list[Found] | None:
        """What is drawn on an RGB page, the surest first; None where there is no drawing on it."""
        if not has_drawing(page, self.settings.min_flatness):
            return None
        columns = (each[:MOST_OBJECTS].tolist() for each in self(page))
        return [Found(tuple(box), score, label) for box, score, label in zip(*columns, strict=True)]


def letterbox(page: Image.Image, side: int) -> tuple[np.ndarray, float]:
    """The page in the upper left corner of a white square, uint8 (side, side, 3), and the factor that scaled it."""
    factor = side / max(page.size)
    size = (max(1, round(page.width * factor)), max(1, round(page.height * factor)))
    square = Image.new("RGB", (side, side), "white")
    square.paste(page if page.size == size else resize(page, size, "bilinear"))
    return np.asarray(square), factor


def suppress(
    output: np.ndarray, score: float, iou: float, *, by_class: bool = True
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Non-maximum suppression, class by class or of all together.

    `output`: float (4 + classes, anchors): corners, then scores. Returns boxes float32 (n, 4), scores float32 (n,) and
    classes int64 (n,), best first.
    """
    scores, classes = output[4:].max(0), output[4:].argmax(0)
    kept = np.argsort(-scores, kind="stable")[:_CANDIDATES]
    kept = kept[scores[kept] >= score]
    boxes = np.ascontiguousarray(output[:4, kept].T, np.float32)
    order = drop_overlapping(boxes, classes[kept] if by_class else np.zeros_like(kept), iou)
    return boxes[order], scores[kept][order].astype(np.float32), classes[kept][order].astype(np.int64)


def drop_overlapping(boxes: np.ndarray, groups: np.ndarray, iou: float) -> np.ndarray:
    """Greedy non-maximum suppression, as torchvision's `batched_nms`, for whose sake a worker would load torch.

    `boxes`: float (n, 4), corners, best first; only boxes of one of the `groups`, (n,), compete. Returns the indices of
    at most `_MOST` that no better one overlaps by more than `iou`.
    """
    left, top, right, bottom = boxes.T
    areas = (right - left) * (bottom - top)
    there = np.ones(len(boxes), bool)
    kept: list[int] = []
    for index in range(len(boxes)):
        if not there[index]:
            continue
        kept.append(index)
        if len(kept) == _MOST:
            break
        width = np.minimum(right, right[index]) - np.maximum(left, left[index])
        height = np.minimum(bottom, bottom[index]) - np.maximum(top, top[index])
        shared = np.maximum(width, 0) * np.maximum(height, 0)
        overlapping = shared > iou * (areas + areas[index] - shared)
        there &= ~(overlapping & (groups == groups[index]))
    return np.array(kept, np.int64)
