from __future__ import annotations

import pytest
import torch
from torch import nn

from model_training.models.freezing import freeze
from model_training.models.frozen_prefix import cut_at_freeze
from model_training.runtime.architecture import Head, Preprocessing
from model_training.runtime.network import ClassificationNetwork

PREPROCESSING = Preprocessing(height=64, width=64, mean=(0.5, 0.5, 0.5), std=(0.2, 0.2, 0.2))


def make(backbone: str, depth: int, head: Head | None = None) -> ClassificationNetwork:
    torch.manual_seed(0)
    network = ClassificationNetwork(backbone, 3, PREPROCESSING, head)
    freeze(network, depth)
    return network


def pixels(seed: int, count: int = 3) -> torch.Tensor:
    return torch.randint(0, 256, (count, 64, 64, 3), dtype=torch.uint8, generator=torch.Generator().manual_seed(seed))


@pytest.mark.parametrize(
    ("backbone", "depth", "tensors"),
    [
        ("mobilenetv3_small_050", 0, 1),
        ("mobilenetv3_small_050", 10, 2),  # inside a residual block: its shortcut and its branch
        ("resnet18", 3, 2),
        ("densenet121", 3, 17),  # a dense block hands on all that came before
        ("vit_tiny_patch16_224", 10, 1),
    ],
)
def test_the_halves_are_the_network(backbone: str, depth: int, tensors: int) -> None:
    network = make(backbone, depth)
    halves = cut_at_freeze(network, pixels(0, 2))
    assert halves is not None
    assert len(halves.shapes) == tensors
    network.eval()
    with torch.no_grad():
        features = halves.frozen(pixels(1))
        assert [tuple(each.shape[1:]) for each in features] == list(halves.shapes)
        assert torch.equal(halves.trained(*features), network(pixels(1)))
    trained = {id(parameter) for parameter in network.parameters() if parameter.requires_grad}
    assert not trained & {id(parameter) for parameter in halves.frozen.parameters()}
    assert trained <= {id(parameter) for parameter in halves.trained.parameters()}


def test_a_step_on_the_upper_half_is_a_step_of_the_network() -> None:
    """Gradients and batch norm's statistics alike, in training mode."""
    steps = []
    for cut in (False, True):
        network = make("resnet18", 5)
        halves = cut_at_freeze(network, pixels(0, 2))
        assert halves is not None
        network.train()
        logits = halves.trained(*halves.frozen(pixels(1))) if cut else network(pixels(1))
        nn.functional.cross_entropy(logits, torch.tensor([0, 1, 2])).backward()
        gradients = {name: each.grad for name, each in network.named_parameters() if each.grad is not None}
        steps.append((gradients, dict(network.named_buffers())))
    (one, buffers), (other, same) = steps
    assert one.keys() == other.keys()
    assert len(one) > 2
    assert all(torch.equal(one[name], other[name]) for name in one)
    assert all(torch.equal(buffers[name], same[name]) for name in buffers)


def test_dropout_stays_above_the_cut_and_follows_the_mode() -> None:
    network = make("mobilenetv2_100", 0, Head(hidden=8, dropout=0.5))
    halves = cut_at_freeze(network, pixels(0, 2))
    assert halves is not None
    features = halves.frozen(pixels(1))
    assert torch.equal(features[0], halves.frozen(pixels(1))[0])
    network.train()
    assert not torch.equal(halves.trained(*features), halves.trained(*features))
    network.eval()
    assert torch.equal(halves.trained(*features), network(pixels(1)))


def test_where_all_is_trained_there_is_no_cut() -> None:
    assert cut_at_freeze(make("mobilenetv3_small_050", 1000), pixels(0, 2)) is None
