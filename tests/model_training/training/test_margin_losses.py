"""Quantile-margin weights against numbers worked by hand."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from torch.nn import functional

from model_training.recipe import load_recipe
from model_training.training.losses import make_loss, margin_loss, quantile_margin_weights

# Margins 2, −1, 0.5 and 3; the 0.25-quantile of them by linear interpolation is −1 + 0.75 · 1.5 = 0.125: one is below.
LOGITS = torch.tensor([[3.0, 1.0, 0.0], [1.0, 0.0, 0.5], [0.0, 0.5, 1.0], [4.0, 0.0, 1.0]])
TARGETS = torch.tensor([0, 1, 2, 0])
COUNTS = np.array([19, 1, 4])
LOSSES = functional.cross_entropy(LOGITS, TARGETS, reduction="none")
LOG20, LOG2, LOG5 = math.log(20), math.log(2), math.log(5)


def loss_of(name: str) -> float:
    training = load_recipe("landscape", [f"training.loss={name}", "training.margin_quantile=0.25"]).training
    return float(make_loss(training, COUNTS)(LOGITS, TARGETS))


def mean_of(*weights: float) -> float:
    return float((torch.tensor(weights) * LOSSES).mean())


def test_the_formula_as_written() -> None:
    assert loss_of("quantile_margin") == pytest.approx(mean_of(LOG20, 1 / LOG2, LOG5, LOG20))


def test_the_form_that_the_prose_describes() -> None:
    assert loss_of("quantile_margin_hard") == pytest.approx(mean_of(1 / LOG20, 1 / LOG2, 1 / LOG5, 1 / LOG20))


def test_the_two_differ_in_what_a_small_margin_of_a_frequent_class_weighs() -> None:
    small, counts = torch.tensor([True, False]), torch.tensor([19.0, 19.0])
    assert quantile_margin_weights(small, counts).tolist() == pytest.approx([1 / LOG20, LOG20])
    targets, counts_of = torch.tensor([0, 0, 0]), torch.tensor([19.0, 1.0, 4.0])
    logits = torch.tensor([[0.0, 3.0, 0.0], [2.0, 0.0, 0.0], [3.0, 0.0, 0.0]])
    losses = functional.cross_entropy(logits, targets, reduction="none")
    written = margin_loss(logits, targets, counts=counts_of, quantile=0.4, weigh=quantile_margin_weights)
    assert float(written) == pytest.approx(float((torch.tensor([1 / LOG20, LOG20, LOG20]) * losses).mean()))


def test_focal_by_hand() -> None:
    right = torch.exp(-LOSSES)
    assert loss_of("focal") == pytest.approx(float(((1 - right) ** 2 * LOSSES).mean()))


def test_weights_do_not_pass_gradients() -> None:
    logits = LOGITS.clone().requires_grad_()
    training = load_recipe("landscape", ["training.loss=quantile_margin"]).training
    make_loss(training, COUNTS)(logits, TARGETS).backward()
    plain = LOGITS.clone().requires_grad_()
    (
        torch.tensor([LOG20, 1 / LOG2, LOG5, LOG20]) * functional.cross_entropy(plain, TARGETS, reduction="none")
    ).mean().backward()
    torch.testing.assert_close(logits.grad, plain.grad)
