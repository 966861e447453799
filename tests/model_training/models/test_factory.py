from __future__ import annotations

import re
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from model_training.models import weights
from model_training.models.factory import ensure_weights, head_layers, make_network
from model_training.recipe import Recipe, load_recipe
from model_training.runtime.errors import WeightsError
from model_training.runtime.network import ClassificationNetwork
from tests.conftest import TINY, shared_folder

#: The head stands on the last layer, as timm has it.
WHOLE = "network.head.stages=null"


def recipe_with(weights: object) -> Recipe:
    return load_recipe("landscape", [*TINY, WHOLE, f"network.pretrained={weights}"])


def trained_for_1000_classes() -> dict[str, torch.Tensor]:
    torch.manual_seed(5)
    recipe = load_recipe("landscape", [*TINY, WHOLE])
    return ClassificationNetwork(recipe.network.backbone, 1000, recipe.preprocessing).backbone.state_dict()


@pytest.mark.parametrize("suffix", ["safetensors", "pth"])
def test_a_file_gives_all_but_the_last_layer(tmp_path: Path, suffix: str) -> None:
    state = trained_for_1000_classes()
    path = tmp_path / f"weights.{suffix}"
    save_file(state, path) if suffix == "safetensors" else torch.save(state, path)
    network = make_network(recipe_with(path), 3)
    taken = network.backbone.state_dict()
    for name, value in state.items():
        if not name.startswith("classifier."):
            assert torch.equal(taken[name], value), name
    assert taken["classifier.weight"].shape[0] == 3


def test_the_real_backbone_fits() -> None:
    weights = shared_folder("weights") / "mobilenetv2_100.safetensors"
    recipe = load_recipe("landscape", ["network.backbone=mobilenetv2_100", WHOLE, f"network.pretrained={weights}"])
    assert head_layers(make_network(recipe, 2))[-1].out_features == 2


def test_the_same_seed_draws_the_same_network() -> None:
    one, two = (make_network(recipe_with("false"), 2).state_dict() for _ in range(2))
    assert all(torch.equal(one[name], two[name]) for name in one)


def test_a_fresh_last_layer_starts_near_chance() -> None:
    """Two classes must not begin with logits of ten: torch's scale is 1/sqrt(inputs)."""
    (layer,) = head_layers(
        make_network(load_recipe("landscape", ["network.backbone=mobilenetv2_100", WHOLE, *TINY[1:]]), 2)
    )
    assert layer.weight.abs().max() <= layer.in_features**-0.5


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, "there is no such file of weights"),
        (b"no weights", "the weights can't be read"),
        ({"other.weight": torch.zeros(2)}, "the weights do not fit"),
        ({"conv_stem.weight": torch.zeros(2, 2)}, "the weights do not fit"),
    ],
)
def test_weights_that_cannot_be_used_are_named(tmp_path: Path, content: object, message: str) -> None:
    path = tmp_path / "weights.safetensors"
    if isinstance(content, bytes):
        path.write_bytes(content)
    elif isinstance(content, dict):
        save_file(content, path)
    with pytest.raises(WeightsError, match=re.escape(f"{path}: {message}")) as raised:
        make_network(recipe_with(path), 2)
    assert "\n" not in str(raised.value)


def test_a_failed_download_says_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*arguments: object, **options: object) -> None:
        raise ConnectionError("Max retries exceeded\nwith url")

    monkeypatch.setattr(weights, "get_hf_file_metadata", refuse)
    with pytest.raises(WeightsError) as raised:
        ensure_weights(load_recipe("landscape"))
    assert "resnet18.tv_in1k could not be downloaded (Max retries exceeded with url)" in raised.value.message
    assert "network.pretrained=weights.safetensors" in raised.value.remedy
    assert "network.pretrained=false" in raised.value.remedy


def test_an_unknown_backbone_names_near_ones() -> None:
    with pytest.raises(WeightsError, match=r"no backbone 'resnet1888'.*resnet18"):
        make_network(load_recipe("landscape", ["network.backbone=resnet1888", "network.pretrained=false"]), 2)
