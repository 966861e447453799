"""Strokes that nearly touch are one object."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from PIL import Image, ImageDraw

from model_training.detection.grouping import StrokeGroups


def test_what_stands_apart_is_found_and_what_nearly_touches_is_one() -> None:
    page = Image.new("RGB", (160, 160), "white")
    pen = ImageDraw.Draw(page)
    pen.ellipse((10, 20, 60, 70), outline="black", width=2)
    pen.line((63, 45, 70, 45), fill="black", width=2)  # with a gap of three pixels
    pen.rectangle((100, 90, 149, 139), outline="black", width=2)
    pen.point((150, 10), fill="black")
    output = StrokeGroups(160)(torch.from_numpy(np.asarray(page).copy())[None])[0].numpy()
    found = sorted(output[:4, output[4] > 0].T.tolist())
    assert found == [pytest.approx([10, 20, 71, 71], abs=1), pytest.approx([100, 90, 150, 140], abs=1)]
