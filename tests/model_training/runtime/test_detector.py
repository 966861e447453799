"""Which of a detector's boxes are left."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torchvision.ops import batched_nms

from model_training.runtime.detector import drop_overlapping


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("iou", [0.3, 0.5, 0.7])
@pytest.mark.parametrize("groups", [1, 3])
def test_the_boxes_that_are_left_are_torchvisions(seed: int, iou: float, groups: int) -> None:
    generator = np.random.default_rng(seed)
    corner, size = generator.uniform(0, 200, (400, 2)), generator.uniform(0, 80, (400, 2))
    size[:5] = 0  # boxes without an area
    boxes = np.hstack([corner, corner + size]).astype(np.float32)
    group = generator.integers(0, groups, len(boxes))
    falling = torch.linspace(1, 0.1, len(boxes))
    expected = batched_nms(torch.from_numpy(boxes), falling, torch.from_numpy(group), iou).numpy()[:100]
    assert len(expected) > 10
    np.testing.assert_array_equal(drop_overlapping(boxes, group, iou), expected)


def test_no_boxes_leave_none() -> None:
    assert drop_overlapping(np.empty((0, 4), np.float32), np.empty(0), 0.5).tolist() == []
