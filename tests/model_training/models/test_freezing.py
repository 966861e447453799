from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import nn

from model_training.models.factory import head_layers
from model_training.models.freezing import count_untouched, freeze, layers_with_parameters
from model_training.recipe import Depth
from model_training.runtime.architecture import Head, Preprocessing
from model_training.runtime.network import ClassificationNetwork

PREPROCESSING = Preprocessing(height=32, width=32, mean=(0.5, 0.5, 0.5), std=(0.5, 0.5, 0.5))


def make(backbone: str = "test_resnet", head: Head | None = None) -> ClassificationNetwork:
    torch.manual_seed(0)
    return ClassificationNetwork(backbone, 3, PREPROCESSING, head)


def pixels(count: int = 4) -> torch.Tensor:
    return torch.randint(0, 256, (count, 32, 32, 3), dtype=torch.uint8)


def trained_names(network: ClassificationNetwork) -> list[str]:
    return [name for name, parameter in network.backbone.named_parameters() if parameter.requires_grad]


@pytest.mark.parametrize(
    ("backbone", "name"),
    [("test_resnet", "fc"), ("mobilenetv2_100", "classifier"), ("test_vit", "head"), ("convnext_atto", "head.fc")],
)
def test_a_hidden_layer_stands_before_the_last(backbone: str, name: str) -> None:
    network = make(backbone, Head(hidden=16)).eval()
    hidden, output = head_layers(network)
    last = make(backbone).backbone.get_submodule(name)
    assert isinstance(last, nn.Linear)
    assert (hidden.in_features, hidden.out_features) == (last.in_features, 16)
    assert (output.in_features, output.out_features) == (16, 3)
    batch = pixels()
    backbone_of: nn.Module = network.backbone
    features = backbone_of.forward_head(backbone_of.forward_features(network.normalise(batch)), pre_logits=True)  # type: ignore[operator]
    torch.testing.assert_close(network(batch), output(torch.relu(hidden(features))))


def test_a_standardising_head_learns_the_statistics_of_the_features() -> None:
    network = make(head=Head(standardise=True))
    freeze(network, 0)
    batch = pixels(32)
    for _ in range(150):  # until nothing is left of the variance that it starts with
        network.train()(batch)
    backbone_of: nn.Module = network.eval().backbone
    features = backbone_of.forward_head(backbone_of.forward_features(network.normalise(batch)), pre_logits=True)  # type: ignore[operator]
    standardised = network.backbone.get_submodule("fc.standardise")(features)
    torch.testing.assert_close(standardised.mean(0), torch.zeros(features.shape[1]), atol=0.02, rtol=0)
    varied = features.std(0) > 0.01
    torch.testing.assert_close(standardised.std(0)[varied], torch.ones(int(varied.sum())), atol=0.15, rtol=0)
    (output,) = head_layers(network)
    torch.testing.assert_close(network(batch), output(standardised))


def test_layers_are_listed_from_the_bottom_without_the_head() -> None:
    names = [name for name, _ in layers_with_parameters(make("resnet18", Head(hidden=8)))]
    assert names[:4] == ["conv1", "bn1", "layer1.0.conv1", "layer1.0.bn1"]
    assert names[-2:] == ["layer4.1.conv2", "layer4.1.bn2"]
    assert len(names) == 40  # 20 convolutions, each with its batch norm


@pytest.mark.parametrize(
    ("unfreeze", "expected"),
    [
        (0, ["fc.hidden.weight", "fc.hidden.bias", "fc.output.weight", "fc.output.bias"]),
        (1, ["layer4.1.bn2.weight", "layer4.1.bn2.bias", "fc.hidden.weight"]),
        (2, ["layer4.1.conv2.weight", "layer4.1.bn2.weight"]),
    ],
)
def test_depth_is_counted_in_layers_from_the_top(unfreeze: int, expected: list[str]) -> None:
    network = make("resnet18", Head(hidden=8))
    freeze(network, unfreeze)
    assert trained_names(network)[: len(expected)] == expected


@pytest.mark.parametrize("unfreeze", ["all", 40, 1000])
def test_all_layers_are_trained(unfreeze: int) -> None:
    network = make("resnet18")
    freeze(network, unfreeze)
    assert all(parameter.requires_grad for parameter in network.parameters())
    assert network.frozen == ()


@pytest.mark.parametrize("unfreeze", [0, 3, 10])
def test_frozen_batch_norm_stays_as_it_was_while_the_rest_learns(unfreeze: int) -> None:
    network = make("resnet18", Head(dropout=0.5))
    freeze(network, unfreeze)
    before = {name: value.clone() for name, value in network.state_dict().items()}
    optimizer = torch.optim.SGD([each for each in network.parameters() if each.requires_grad], lr=0.1)
    network.train()
    functional_loss = network(pixels(8)).square().mean()
    functional_loss.backward()
    optimizer.step()
    changed = {name.removeprefix("backbone.") for name, value in network.state_dict().items()
               if not torch.equal(value, before[name])}  # fmt: skip
    layers = [name for name, _ in layers_with_parameters(network)]
    frozen, trained = layers[: len(layers) - unfreeze], layers[len(layers) - unfreeze :]
    assert not [name for name in changed if name.rpartition(".")[0] in frozen]
    assert {f"{name}.running_mean" for name in trained if "bn" in name} <= changed
    assert "fc.weight" in changed


@pytest.mark.parametrize("backbone", ["resnet18", "test_vit"])
def test_what_is_frozen_gives_the_same_features_in_training(backbone: str) -> None:
    network = make(backbone)
    freeze(network, 0)
    batch = network.normalise(pixels())
    features = [network.train(mode).backbone.forward_features(batch) for mode in (True, False)]  # type: ignore[operator]
    assert torch.equal(*features)
    freeze_nothing = make("resnet18")
    batch = freeze_nothing.normalise(pixels())
    in_training, after = (freeze_nothing.train(mode).backbone.forward_features(batch) for mode in (True, False))  # type: ignore[operator]
    assert not torch.equal(in_training, after)


@pytest.mark.parametrize(
    ("backbone", "head", "unfreeze", "untouched"),
    [
        ("resnet18", Head(), "upper", 3), ("resnet18", Head(stages=3), "upper", 3),
        ("mobilenetv2_100", Head(), "upper", 3),
        ("resnet18", Head(), 20, 3), ("resnet18", Head(), 21, 2),
        ("resnet18", Head(), 10, 4), ("resnet18", Head(), 0, 5),
        ("resnet18", Head(), "all", 0), ("resnet18", Head(), 40, 0), ("test_vit", Head(), "upper", 0),
    ],
)  # fmt: skip
def test_stages_below_what_is_trained_stay_as_they_are(
    backbone: str, head: Head, unfreeze: Depth, untouched: int
) -> None:
    network = make(backbone, head)
    freeze(network, unfreeze)
    assert count_untouched(network, unfreeze) == untouched
    body: Any = network.backbone.body.network if head.stages else network.backbone
    if hasattr(body, "patch_embed"):
        assert len(trained_names(network)) == len(list(network.parameters()))
        return
    batch = torch.rand((4, 3, 64, 64))
    before = body.eval().forward_intermediates(batch, intermediates_only=True)
    network.train()
    optimizer = torch.optim.SGD([each for each in network.parameters() if each.requires_grad], lr=0.1)
    network(pixels()).square().sum().backward()
    optimizer.step()
    after = body.eval().forward_intermediates(batch, intermediates_only=True)
    assert [torch.equal(*each) for each in zip(before, after, strict=True)].count(True) == untouched
