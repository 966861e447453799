"""How far the average precision would move with other scenes: a bootstrap over them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torchvision.ops import box_iou

from .metrics import Found

_LEVELS = torch.linspace(0, 1, 101).numpy()  # COCO's recall levels, rounded as torchmetrics rounds them


def map_interval(
    found: Sequence[Found],
    truth: Sequence[tuple[np.ndarray, np.ndarray]],
    classes: int,
    thresholds: Sequence[float],
    draws: int = 1000,
) -> tuple[float, float]:
    """A 95% interval of the average precision's mean over classes and IoU `thresholds`: a bootstrap of whole scenes,
    since objects of one scene are alike. Few scenes drawn anew are easier than all of them, because a curve's envelope
    only ever rises: so the draws' spread is laid around the value.

    `found`, `truth`: as `measure_detection`'s. Of a handful of scenes it is too narrow, of one it is the value itself.
    """
    count = len(truth)
    drawn = np.random.default_rng(0).multinomial(count, np.full(count, 1 / count), draws)
    weights = np.concatenate([np.ones((1, count), int), drawn])
    value, *others = np.mean([mean_precision(found, truth, classes, each, weights) for each in thresholds], axis=0)
    low, high = value + np.quantile(others, [0.025, 0.975]) - np.mean(others)
    return max(float(low), 0.0), min(float(high), 1.0)


def mean_precision(
    found: Sequence[Found],
    truth: Sequence[tuple[np.ndarray, np.ndarray]],
    classes: int,
    threshold: float,
    weights: np.ndarray,
) -> np.ndarray:
    """Mean average precision by COCO's rules, float (draws,). `weights`: how often each draw has a scene, int (draws,
    scenes). A class without an object in a draw is left out of its mean."""
    rows = []
    for label in range(classes):
        scenes, scores, right = _match(found, truth, label, threshold)
        objects = weights @ np.array([(kinds == label).sum() for _, kinds in truth])
        order = np.argsort(-scores, kind="stable")
        counts = weights[:, scenes[order]]
        hits = np.cumsum(counts * right[order], 1)
        precision = hits / np.maximum(np.cumsum(counts, 1), 1)
        precision = np.maximum.accumulate(precision[:, ::-1], 1)[:, ::-1]  # at this recall or a higher one
        recall = hits / np.maximum(objects, 1)[:, None]
        padded = np.pad(precision, ((0, 0), (0, 1)))
        reached = [padded[draw, np.searchsorted(recall[draw], _LEVELS)].mean() for draw in range(len(weights))]
        rows.append(np.where(objects > 0, reached, np.nan))
    present = ~np.isnan(rows)
    return np.nansum(rows, 0) / np.maximum(present.sum(0), 1)


def _match(
    found: Sequence[Found], truth: Sequence[tuple[np.ndarray, np.ndarray]], label: int, threshold: float
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Of each box of a class its scene, its score and whether it is right: the surest first, each takes the object
    that it overlaps most of those that are left."""
    scenes, scores, right = [], [], []
    for scene, ((boxes, sure, kinds), (true_boxes, true_kinds)) in enumerate(zip(found, truth, strict=True)):
        own = np.flatnonzero(kinds == label)
        own = own[np.argsort(-sure[own], kind="stable")][:100]
        overlap = box_iou(*(torch.from_numpy(each) for each in (boxes[own], true_boxes[true_kinds == label]))).numpy()
        for row, index in enumerate(own):
            best = int(overlap[row].argmax()) if overlap.shape[1] else -1
            hit = best >= 0 and overlap[row, best] >= threshold
            if hit:
                overlap[:, best] = -1
            scenes.append(scene)
            scores.append(sure[index])
            right.append(hit)
    return np.array(scenes, int), np.array(scores, np.float32), np.array(right, bool)
