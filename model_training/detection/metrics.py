"""How well a detector finds: precision, recall, mAP50 and mAP50-95 for each class, by COCO's rules."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch

Found = tuple[np.ndarray, np.ndarray, np.ndarray]


@dataclass(frozen=True)
class ClassDetection:
    """One class: `precision` and `recall` at an IoU of 0.5 and at the score that gives the best F1; the average
    precisions are over all scores. 0…1; NaN where the class has no object."""

    key: str
    objects: int
    precision: float
    recall: float
    map50: float
    map50_95: float


@dataclass(frozen=True)
class Detection:
    """Means over the classes that have an object, and each class."""

    map50: float
    map50_95: float
    precision: float
    recall: float
    classes: tuple[ClassDetection, ...]


def measure_detection(
    found: Sequence[Found], truth: Sequence[tuple[np.ndarray, np.ndarray]], classes: Sequence[str]
) -> Detection:
    """`found`: boxes, scores and classes for each image; `truth`: boxes and classes. Boxes float32 (n, 4), corners.

    COCO's evaluation, by torchmetrics and pycocotools: 101 recall levels, at most 100 boxes an image.
    """
    from torchmetrics.detection import MeanAveragePrecision

    metric = MeanAveragePrecision(box_format="xyxy", iou_type="bbox", class_metrics=True, extended_summary=True)
    metric.warn_on_many_detections = False
    for (boxes, scores, kinds), (true_boxes, true_kinds) in zip(found, truth, strict=True):
        metric.update(
            [{"boxes": _tensor(boxes), "scores": torch.from_numpy(scores), "labels": torch.from_numpy(kinds)}],
            [{"boxes": _tensor(true_boxes), "labels": torch.from_numpy(true_kinds)}],
        )
    summary = metric.compute()
    seen = [int(each) for each in summary["classes"].reshape(-1)]
    # (IoU thresholds, recall levels, classes, areas, most boxes); −1 where a class has no object
    precision = summary["precision"][:, :, :, 0, -1].numpy()
    counts = np.bincount(np.concatenate([kinds for _, kinds in truth]), minlength=len(classes))
    rows = tuple(
        _class_row(key, int(counts[number]), precision[:, :, seen.index(number)] if number in seen else None)
        for number, key in enumerate(classes)
    )
    present = [row for row in rows if row.objects]

    def mean(name: str) -> float:
        return float(np.mean([getattr(row, name) for row in present])) if present else float("nan")

    return Detection(mean("map50"), mean("map50_95"), mean("precision"), mean("recall"), rows)


def _class_row(key: str, objects: int, precision: np.ndarray | None) -> ClassDetection:
    if not objects:
        return ClassDetection(key, 0, *[float("nan")] * 4)
    if precision is None:
        return ClassDetection(key, objects, 0.0, 0.0, 0.0, 0.0)
    curve = precision[0]
    levels = np.linspace(0, 1, len(curve))
    f1 = 2 * curve * levels / np.maximum(curve + levels, 1e-12)
    best = int(f1.argmax())
    return ClassDetection(
        key, objects, float(curve[best]), float(levels[best]), float(curve.mean()), float(precision.mean())
    )


def _tensor(boxes: np.ndarray) -> torch.Tensor:
    return torch.from_numpy(np.ascontiguousarray(boxes, np.float32).reshape(-1, 4))
