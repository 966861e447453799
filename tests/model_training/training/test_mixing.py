from __future__ import annotations

import numpy as np
import pytest
import torch

from model_training.datasets.augment import augment
from model_training.recipe import Augmentation
from model_training.training.losses import cross_entropy
from model_training.training.mixing import mix

PIXELS = torch.from_numpy(np.random.default_rng(0).integers(0, 256, (6, 16, 16, 3), np.uint8))
TARGETS = torch.tensor([0, 1, 2, 0, 1, 2])


@pytest.mark.parametrize("kind", ["mixup", "cutmix"])
def test_pixels_and_targets_are_shared_alike(kind: str) -> None:
    state = torch.get_rng_state()
    mixed, shares = mix(PIXELS, TARGETS, 3, Augmentation(**{kind: 1.0}), (8, 0))
    assert torch.equal(torch.get_rng_state(), state)
    assert (mixed.shape, mixed.dtype) == (PIXELS.shape, torch.uint8)
    torch.testing.assert_close(shares.sum(1), torch.ones(6))
    own = shares[torch.arange(6), TARGETS]
    assert 0 < own[0] < 1
    if kind == "mixup":
        expected = own[0] * PIXELS[1].float() + (1 - own[0]) * PIXELS[0].float()
        assert (mixed[1].float() - expected).abs().max() <= 0.51
    else:
        kept = (mixed[1] == PIXELS[1]).all(2).float().mean()
        assert kept == pytest.approx(float(own[1]), abs=0.02)
    again, _ = mix(PIXELS, TARGETS, 3, Augmentation(**{kind: 1.0}), (8, 0))
    other, _ = mix(PIXELS, TARGETS, 3, Augmentation(**{kind: 1.0}), (9, 0))
    assert torch.equal(again, mixed)
    assert not torch.equal(other, mixed)


def test_a_shared_targets_loss_is_the_mean_of_both() -> None:
    logits = torch.randn(2, 3, generator=torch.Generator().manual_seed(1))
    weights = torch.tensor([1.0, 2.0, 3.0])
    shares = torch.tensor([[0.3, 0.7, 0.0], [0.3, 0.7, 0.0]])
    logs = -logits.log_softmax(1)
    expected = ((0.3 * logs[:, 0] + 0.7 * logs[:, 1]) * (0.3 * 1 + 0.7 * 2)).mean()
    assert float(cross_entropy(logits, shares, weights=weights)) == pytest.approx(float(expected))


@pytest.mark.parametrize("policy", ["randaugment", "trivialaugment"])
def test_a_policy_hangs_on_row_and_seed_alone(policy: str) -> None:
    settings, pixels, rows = Augmentation(policy=policy), PIXELS.numpy(), np.arange(6)
    state = torch.get_rng_state()
    whole = augment(pixels, rows, settings, 1)
    assert torch.equal(torch.get_rng_state(), state)
    halves = np.concatenate([augment(pixels[part], rows[part], settings, 1) for part in (slice(0, 2), slice(2, 6))])
    assert np.array_equal(whole, halves)
    assert (whole.shape, whole.dtype) == (pixels.shape, np.uint8)
    assert not np.array_equal(whole, pixels)
    assert not np.array_equal(whole, augment(pixels, rows, settings, 2))
