from __future__ import annotations

import numpy as np
import pytest
import torch

from model_training.runtime.architecture import Preprocessing
from model_training.runtime.ensemble import EnsembleBackbone, average
from model_training.runtime.explain import Explainer
from model_training.runtime.network import ClassificationNetwork

PREPROCESSING = Preprocessing(height=64, width=64, mean=(0.5, 0.5, 0.5), std=(0.25, 0.25, 0.25))
TEMPERATURES = (0.5, 2.0)


@pytest.fixture(scope="module")
def members() -> list[ClassificationNetwork]:
    """A convolutional network and a transformer."""
    torch.manual_seed(0)
    return [ClassificationNetwork(name, 3, PREPROCESSING).eval() for name in ("mobilenetv3_small_050", "test_vit")]


@pytest.fixture(scope="module")
def network(members: list[ClassificationNetwork]) -> ClassificationNetwork:
    backbone = EnsembleBackbone([each.backbone for each in members], TEMPERATURES)
    return ClassificationNetwork(backbone, 3, PREPROCESSING).eval()


@pytest.fixture(scope="module")
def pixels() -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (4, 64, 64, 3), dtype=np.uint8)


def test_it_is_the_mean_of_probabilities_by_hand() -> None:
    """softmax([ln 3, 0]) = (3/4, 1/4) and softmax([ln 9, 0] / 2) = (3/4, 1/4); softmax([0, ln 4]) = (1/5, 4/5)."""
    one = torch.tensor([[np.log(3), 0.0], [np.log(9), 0.0]], dtype=torch.float64)
    two = torch.tensor([[0.0, np.log(4)], [0.0, np.log(4)]], dtype=torch.float64)
    mean = average([one[:1], two[:1]], [1.0, 1.0]).softmax(1)
    assert mean.tolist() == [pytest.approx([0.475, 0.525])]  # (3/4 + 1/5) / 2, (1/4 + 4/5) / 2
    assert average([one[1:], two[1:]], [2.0, 1.0]).softmax(1).tolist() == [pytest.approx([0.475, 0.525])]
    # The mean of logits would have said (0.464, 0.536).


def test_large_logits_do_not_overflow() -> None:
    logits = torch.tensor([[1000.0, 0.0]])
    assert average([logits, -logits], [1.0, 1.0]).softmax(1).tolist() == [pytest.approx([0.5, 0.5])]


def test_the_logits_are_logarithms_of_the_mean_probabilities() -> None:
    generator = torch.Generator().manual_seed(1)
    one, two = (torch.randn(5, 3, generator=generator) * 4 for _ in range(2))
    mean = (one.softmax(1) + (two / 2).softmax(1)) / 2
    torch.testing.assert_close(average([one, two], [1.0, 2.0]), mean.log())


@torch.inference_mode()
def test_every_member_sees_the_image_at_its_temperature(
    members: list[ClassificationNetwork], network: ClassificationNetwork, pixels: np.ndarray
) -> None:
    batch = torch.from_numpy(pixels)
    expected = sum((each(batch) / t).softmax(1) for each, t in zip(members, TEMPERATURES, strict=True)) / 2
    torch.testing.assert_close(network(batch).softmax(1), expected, atol=1e-6, rtol=1e-5)
    logits, features = network.forward_with_features(batch)
    torch.testing.assert_close(logits, network(batch))
    widths = [each.forward_with_features(batch)[1].shape[1] for each in members]
    assert features.shape == (4, sum(widths))
    lengths = [part.norm(dim=1) for part in features.split(widths, dim=1)]
    torch.testing.assert_close(torch.stack(lengths), torch.ones(2, 4))


def test_its_heatmap_is_the_mean_of_the_members(
    members: list[ClassificationNetwork], network: ClassificationNetwork, pixels: np.ndarray
) -> None:
    classes = [0, 1, 2, 0]
    mean = np.mean([Explainer(each, "cpu").heatmaps(pixels, classes) for each in members], axis=0)
    found = Explainer(network, "cpu").heatmaps(pixels, classes)
    assert found.dtype == np.float32
    highest = mean.max(axis=(1, 2), keepdims=True)
    assert (highest > 0).any()
    np.testing.assert_allclose(found, mean / np.where(highest > 0, highest, 1), atol=1e-4)
