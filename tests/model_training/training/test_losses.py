from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from torch.nn import functional

from model_training.recipe import Training
from model_training.training.losses import class_weights, make_loss

LOGITS = torch.tensor([[2.0, 0.0, -1.0], [0.5, 0.5, 0.0], [0.0, 3.0, 1.0]])
TARGETS = torch.tensor([0, 2, 1])
COUNTS = np.array([60, 30, 10])


def plain() -> torch.Tensor:
    return functional.cross_entropy(LOGITS, TARGETS, reduction="none")


def loss(**settings: object) -> float:
    return make_loss(Training.model_validate(settings), COUNTS)(LOGITS, TARGETS).item()


def test_cross_entropy_is_torchs() -> None:
    assert loss() == pytest.approx(plain().mean().item())
    smoothed = functional.cross_entropy(LOGITS, TARGETS, label_smoothing=0.1).item()
    assert loss(label_smoothing=0.1) == pytest.approx(smoothed)


def test_weights_fall_with_a_class_size_and_average_one_over_the_images() -> None:
    weights = class_weights(torch.tensor([60.0, 30.0, 10.0]), 1.0)
    assert weights.tolist() == pytest.approx([100 / 180, 100 / 90, 100 / 30])  # N / (K · n), scikit-learn's `balanced`
    assert class_weights(torch.tensor([60.0, 30.0, 10.0]), 0.0).tolist() == [1, 1, 1]
    halfway = class_weights(torch.tensor([64.0, 16.0]), 0.5)
    assert (halfway[1] / halfway[0]).item() == pytest.approx(2)
    assert (halfway * torch.tensor([64.0, 16.0])).sum().item() == pytest.approx(80)


def test_class_weights_multiply_each_images_loss() -> None:
    expected = (plain() * torch.tensor([100 / 180, 100 / 30, 100 / 90])).mean().item()
    assert loss(class_balancing="class_weights") == pytest.approx(expected)


def test_logit_adjustment_adds_the_logarithm_of_the_share() -> None:
    shifted = LOGITS + torch.tensor([math.log(0.6), math.log(0.3), math.log(0.1)])
    assert loss(class_balancing="logit_adjustment") == pytest.approx(functional.cross_entropy(shifted, TARGETS).item())
    half = LOGITS + 0.5 * torch.tensor([math.log(0.6), math.log(0.3), math.log(0.1)])
    assert loss(class_balancing="logit_adjustment", class_balancing_strength=0.5) == pytest.approx(
        functional.cross_entropy(half, TARGETS).item()
    )


def test_focal_loss_by_hand() -> None:
    p = np.exp(-plain().numpy())
    expected = float(np.mean((1 - p) ** 2 * -np.log(p)))
    assert loss(class_balancing="focal_loss", class_balancing_strength=2) == pytest.approx(expected, rel=1e-5)
    assert loss(class_balancing="focal_loss", class_balancing_strength=0) == pytest.approx(plain().mean().item())


def test_a_class_without_images_breaks_nothing() -> None:
    for balance in ("class_weights", "logit_adjustment"):
        made = make_loss(Training(class_balancing=balance), np.array([5, 0, 5]))
        assert math.isfinite(made(LOGITS, TARGETS).item())


def test_logit_adjustment_learns_logits_without_the_prior() -> None:
    """Two classes that nothing tells apart, nine to one: plain logits differ by log 9, adjusted ones by nothing."""
    targets = torch.tensor([0] * 9 + [1])
    learned = {}
    for balance in ("none", "logit_adjustment"):
        bias = torch.zeros(2, requires_grad=True)
        measure = make_loss(Training(class_balancing=balance), np.array([9, 1]))  # type: ignore[arg-type]
        optimizer = torch.optim.LBFGS([bias], max_iter=50)

        def step() -> float:
            optimizer.zero_grad()  # noqa: B023
            value = measure(bias.expand(10, 2), targets)  # noqa: B023
            value.backward()
            return value.item()

        optimizer.step(step)
        learned[balance] = (bias[0] - bias[1]).item()
    assert learned["none"] == pytest.approx(math.log(9), abs=0.01)
    assert learned["logit_adjustment"] == pytest.approx(0, abs=0.01)
