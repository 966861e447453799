from __future__ import annotations

import copy

import pytest
import torch
from torch import nn

from model_training.training.averaging import Average, measure_statistics


def make_network() -> nn.Sequential:
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4), nn.Dropout(0.5), nn.Linear(4, 2))


def walk(average: Average, network: nn.Sequential, epochs: int, steps: int) -> list[torch.Tensor]:
    """Move the first layer's bias as training would. Returns its value after each step."""
    seen = []
    for epoch in range(epochs):
        for _ in range(steps):
            with torch.no_grad():
                network[0].bias.add_(torch.randn(4))
            seen.append(network[0].bias.detach().clone())
            average.follow_step()
        average.follow_epoch(epoch)
    return seen


def test_ema_is_the_exponential_mean_of_the_steps() -> None:
    network = make_network()
    seen = walk(average := Average("ema", network, 2, 4), network, 2, 4)
    mean = seen[0]
    for each in seen[1:]:
        mean = 0.75 * mean + 0.25 * each
    with average.in_place(lambda: None):
        torch.testing.assert_close(network[0].bias.detach(), mean)
    assert torch.equal(network[0].bias.detach(), seen[-1])


def test_wise_is_halfway_from_the_start_to_the_exponential_mean() -> None:
    network = make_network()
    start = network[0].bias.detach().clone()
    average = Average("wise", network, 2, 4)
    seen = walk(average, network, 2, 4)
    mean = seen[0]
    for each in seen[1:]:
        mean = 0.75 * mean + 0.25 * each
    with average.in_place(lambda: None):
        torch.testing.assert_close(network[0].bias.detach(), (start + mean) / 2)
    assert torch.equal(network[0].bias.detach(), seen[-1])


def test_swa_is_the_mean_of_the_last_quarter_of_the_epochs() -> None:
    network = make_network()
    seen = walk(average := Average("swa", network, 8, 2), network, 8, 2)
    with average.in_place(lambda: None):
        torch.testing.assert_close(network[0].bias.detach(), (seen[13] + seen[15]) / 2)


def test_before_there_is_a_mean_the_network_is_its_own() -> None:
    network = make_network()
    average = Average("swa", network, 8, 2)
    walk(average, network, 1, 2)
    before = copy.deepcopy(network.state_dict())
    with average.in_place(lambda: pytest.fail("nothing to measure")):
        assert all(torch.equal(value, before[name]) for name, value in network.state_dict().items())


def test_statistics_are_those_of_the_images_under_the_mean_weights() -> None:
    network = make_network()
    average = Average("ema", network, 1, 4)
    walk(average, network, 1, 4)
    before = network[1].running_mean.clone()
    batches = torch.randn(5, 16, 3)

    def show() -> None:
        for batch in batches:
            network(batch)

    with average.in_place(show):
        given = network[0](batches.flatten(0, 1)).detach()
        torch.testing.assert_close(network[1].running_mean, given.mean(0))
        assert network[1].momentum == 0.1
        assert not any(module.training for module in network.modules())
    assert torch.equal(network[1].running_mean, before)


def test_frozen_statistics_stay() -> None:
    class Frozen(nn.Sequential):
        def train(self, mode: bool = True) -> Frozen:
            super().train(mode)
            self[1].training = False
            return self

    network = Frozen(*make_network())
    before = network[1].running_mean.clone()
    measure_statistics(network, lambda: pytest.fail("nothing to measure"))
    assert torch.equal(network[1].running_mean, before)
