from __future__ import annotations

import numpy as np
import pytest
import timm
import torch
from torch import Tensor

from model_training.runtime.architecture import Head, Preprocessing
from model_training.runtime.network import ClassificationNetwork
from model_training.runtime.observer import COMPANION, Companion, observe

PREPROCESSING = Preprocessing(fit="stretch", height=64, width=64, mean=(0.5, 0.5, 0.5), std=(0.5, 0.5, 0.5))
PIXELS = torch.from_numpy(np.random.default_rng(0).integers(0, 256, (3, 64, 64, 3), dtype=np.uint8))
#: Of MobileNetV2's five stages; its last layer has 1,280 features.
CHANNELS = [16, 24, 32, 96, 320]


def describe(maps: list[Tensor]) -> np.ndarray:
    """Each stage's means, deviations and largest values, of length 1 each."""
    parts = []
    for each in maps:
        for pooled in (each.mean((2, 3)), each.std((2, 3), correction=0), each.amax((2, 3))):
            parts.append((pooled / pooled.norm(dim=1, keepdim=True)).numpy())
    return np.concatenate(parts, 1)


@pytest.mark.parametrize("stages", [None, 1, 3])
@torch.inference_mode()
def test_the_gate_sees_the_last_stages_or_the_last_of_the_first(stages: int | None) -> None:
    torch.manual_seed(0)
    head = Head() if stages is None else Head(stages=stages)
    network = ClassificationNetwork("mobilenetv2_100", 4, PREPROCESSING, head).eval()
    backbone = network.backbone if stages is None else network.backbone.body.network  # type: ignore[union-attr]
    maps = backbone.forward_intermediates(network.normalise(PIXELS), intermediates_only=True)  # type: ignore[operator]
    assert [each.shape[1] for each in maps] == CHANNELS
    logits, features = network.forward_with_features(PIXELS)
    for until, chosen in ((None, maps[2:]), (4, maps[1:4]), (3, maps[:3]), (1, maps[:1])):
        found, also, seen = network.observe(PIXELS, until)
        torch.testing.assert_close((found, also), (logits, features))
        expected = describe(chosen)
        np.testing.assert_allclose(seen[:, : expected.shape[1]], expected, atol=2e-3)
        last = seen[:, expected.shape[1] :].numpy()
        if stages is None and until is None:
            np.testing.assert_allclose(last, torch.nn.functional.normalize(features, dim=1), atol=1e-6)
        else:
            assert last.shape[1] == 0


@pytest.mark.parametrize(("height", "width", "factor"), [(64, 64, 1), (64, 64, 2), (96, 70, 2), (101, 130, 3)])
@torch.inference_mode()
def test_a_companion_sees_the_means_of_so_many_pixels(height: int, width: int, factor: int) -> None:
    pixels = torch.from_numpy(np.random.default_rng(1).integers(0, 256, (2, height, width, 3), dtype=np.uint8))
    backbone = timm.create_model(COMPANION, num_classes=0).eval()
    shrunk = torch.nn.functional.avg_pool2d(pixels.permute(0, 3, 1, 2).float(), factor) / 127.5 - 1
    expected = observe(backbone, shrunk)[1]
    torch.testing.assert_close(Companion(backbone, factor)(pixels), expected, atol=1e-5, rtol=1e-4)


@torch.inference_mode()
def test_of_a_transformer_it_sees_the_last_layer() -> None:
    network = ClassificationNetwork(
        "test_vit", 4, Preprocessing(**{**PREPROCESSING.model_dump(), "width": 160, "height": 160})
    ).eval()
    pixels = torch.zeros((2, 160, 160, 3), dtype=torch.uint8)
    _, features, seen = network.observe(pixels, 3)
    torch.testing.assert_close(seen, torch.nn.functional.normalize(features, dim=1))
