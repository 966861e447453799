"""The detector's class losses against numbers worked by hand."""

from __future__ import annotations

import math

import pytest
import torch

from model_training.detection.losses import make_detection_loss

# One image, two anchors, two classes: the first anchor is aligned with class 0 by 0.8, the second is background.
LOGITS = torch.tensor([[[2.0, -1.0], [0.0, -2.0]]])
TARGETS = torch.tensor([[[0.8, 0.0], [0.0, 0.0]]])
NORM = TARGETS.sum()


def sigmoid(value: float) -> float:
    return 1 / (1 + math.exp(-value))


def bce(logit: float, target: float) -> float:
    return -target * math.log(sigmoid(logit)) - (1 - target) * math.log(1 - sigmoid(logit))


def test_bce() -> None:
    expected = (bce(2, 0.8) + bce(-1, 0) + bce(0, 0) + bce(-2, 0)) / 0.8
    assert float(make_detection_loss("bce")(LOGITS, TARGETS, NORM)) == pytest.approx(expected)


def test_cross_entropy_with_the_background_as_a_class() -> None:
    first = math.exp(2) + math.exp(-1) + 1
    second = 1 + math.exp(-2) + 1
    expected = -(0.8 * math.log(math.exp(2) / first) + 0.2 * math.log(1 / first) + math.log(1 / second)) / 0.8
    assert float(make_detection_loss("cross_entropy")(LOGITS, TARGETS, NORM)) == pytest.approx(expected)


def test_focal_weighs_foreground_by_alpha_and_easy_background_by_little() -> None:
    def focal(logit: float, target: float) -> float:
        p = sigmoid(logit)
        right = target * p + (1 - target) * (1 - p)
        return (0.25 * target + 0.75 * (1 - target)) * (1 - right) ** 2 * bce(logit, target)

    expected = (focal(2, 0.8) + focal(-1, 0) + focal(0, 0) + focal(-2, 0)) / 0.8
    assert float(make_detection_loss("focal", 0.25, 2.0)(LOGITS, TARGETS, NORM)) == pytest.approx(expected)


def test_focal_of_a_hard_target_is_the_formula() -> None:
    p = sigmoid(1.0)
    loss = make_detection_loss("focal", 0.3, 1.5)
    one = torch.ones(1)
    foreground = loss(torch.tensor([1.0]), torch.tensor([1.0]), one)
    background = loss(torch.tensor([1.0]), torch.tensor([0.0]), one)
    assert float(foreground) == pytest.approx(-0.3 * (1 - p) ** 1.5 * math.log(p))
    assert float(background) == pytest.approx(-0.7 * p**1.5 * math.log(1 - p))
