from __future__ import annotations

import warnings

import pytest
import torch
from torch.nn.modules.batchnorm import _BatchNorm

from model_training.datasets.prepare import Prepared
from model_training.models.batch_norm import mend_batch_norm, watch
from model_training.models.factory import make_network
from model_training.recipe import Recipe, load_recipe
from model_training.runtime.errors import WeightsError
from model_training.runtime.network import ClassificationNetwork
from tests.conftest import shared_folder


def make(recipe: Recipe, prepared: Prepared) -> tuple[ClassificationNetwork, dict[str, _BatchNorm], torch.Tensor]:
    """A network as it was drawn: mean 0 and variance 1 in each layer, as if folded."""
    network = make_network(recipe, 2).eval()
    layers = {name: each for name, each in network.named_modules() if isinstance(each, _BatchNorm)}
    return network, layers, torch.from_numpy(prepared.pixels[prepared.rows["train"]])


@torch.no_grad()
def test_a_folded_network_stays_the_same_function_and_can_be_trained(
    tiny_recipe: Recipe, tiny_prepared: Prepared
) -> None:
    network, layers, pixels = make(tiny_recipe, tiny_prepared)
    for layer in layers.values():
        layer.bias.uniform_(-0.1, 0.1)  # where folding leaves what the convolutions have no bias for
    before = network(pixels)
    spoiled = network.train()(pixels)
    make_again, _, _ = make(tiny_recipe, tiny_prepared)
    for (_, ours), (_, theirs) in zip(make_again.named_modules(), network.named_modules(), strict=True):
        if isinstance(ours, _BatchNorm):
            ours.bias.copy_(theirs.bias)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        mend_batch_norm(make_again, tiny_prepared, "file")
    torch.testing.assert_close(make_again.eval()(pixels), before, rtol=1e-3, atol=1e-4)
    trained = make_again.train()(pixels)
    assert (trained - before).abs().mean() < 0.2 * (spoiled - before).abs().mean()


@torch.no_grad()
def test_statistics_that_are_far_off_are_named_and_good_ones_left_alone(
    tiny_recipe: Recipe, tiny_prepared: Prepared
) -> None:
    network, layers, pixels = make(tiny_recipe, tiny_prepared)
    mend_batch_norm(network, tiny_prepared, "file")
    kept = {name: value.clone() for name, value in network.state_dict().items()}
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        mend_batch_norm(network, tiny_prepared, "file")
    assert all(torch.equal(value, kept[name]) for name, value in network.state_dict().items())
    name, layer = next(iter(layers.items()))
    layer.running_var.mul_(1e4)  # type: ignore[union-attr]
    before = network.eval()(pixels)
    with pytest.warns(UserWarning, match=f"file: the batch norm of .* does not match the pictures .first {name}."):
        mend_batch_norm(network, tiny_prepared, "file")
    torch.testing.assert_close(network(pixels), before, rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize(
    ("what", "value"), [("running_mean", float("nan")), ("running_var", -1.0), ("weight", float("inf"))]
)
def test_damaged_numbers_are_refused(what: str, value: float, tiny_recipe: Recipe, tiny_prepared: Prepared) -> None:
    network, layers, _ = make(tiny_recipe, tiny_prepared)
    name, layer = list(layers.items())[2]
    getattr(layer, what).data[1] = value
    with pytest.raises(WeightsError, match=rf"file: the batch norm {name} is damaged \({what}\)"):
        mend_batch_norm(network, tiny_prepared, "file")


@torch.no_grad()
def test_the_shared_weights_need_no_mending(tiny_prepared: Prepared) -> None:
    weights = shared_folder("weights") / "mobilenetv2_100.safetensors"
    recipe = load_recipe(
        "pictures", ["network.backbone=mobilenetv2_100", "network.head.stages=null", f"network.pretrained={weights}"]
    )
    network, layers, pixels = make(recipe, tiny_prepared)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        mend_batch_norm(network, tiny_prepared, "file")
    seen = watch(network, layers, pixels[:4])
    assert len(seen) == len(layers) == 52
