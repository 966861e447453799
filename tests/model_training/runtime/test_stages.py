from __future__ import annotations

import numpy as np
import pytest
import timm
import torch
from safetensors.torch import save_file

from model_training.models.factory import make_network
from model_training.models.freezing import freeze
from model_training.models.frozen_prefix import cut_at_freeze
from model_training.packaging.bundle import make_bundle
from model_training.recipe import load_recipe, override
from model_training.runtime.architecture import Head, Preprocessing
from model_training.runtime.card import read_card
from model_training.runtime.errors import WeightsError
from model_training.runtime.explain import Explainer
from model_training.runtime.network import ClassificationNetwork, load_network
from model_training.training.classification import train
from model_training.training.loop import start_fabric

PREPROCESSING = Preprocessing(height=64, width=64, mean=(0.5, 0.5, 0.5), std=(0.5, 0.5, 0.5))
PIXELS = torch.from_numpy(np.random.default_rng(0).integers(0, 256, (4, 64, 64, 3), np.uint8))


def make(backbone: str = "mobilenetv2_100", stages: int = 3) -> ClassificationNetwork:
    torch.manual_seed(0)
    return ClassificationNetwork(backbone, 5, PREPROCESSING, Head(stages=stages)).eval()


@pytest.mark.parametrize("name", ["mobilenetv2_100", "resnet18", "mobilenetv3_small_050"])
def test_features_are_the_means_of_the_last_stages_of_the_pretrained_backbone(name, tmp_path):
    torch.manual_seed(3)
    whole = timm.create_model(name, pretrained=False)
    save_file(whole.state_dict(), tmp_path / "whole.safetensors")
    recipe = load_recipe(
        "landscape",
        [f"network.backbone={name}", f"network.pretrained={tmp_path}/whole.safetensors", "network.head.stages=2"],
    )
    network = make_network(recipe, 5).eval()
    stages = timm.create_model(name, pretrained=False, features_only=True, out_indices=(-2, -1)).eval()
    stages.load_state_dict(whole.state_dict(), strict=False)
    logits, features = network.forward_with_features(PIXELS)
    expected = torch.cat([each.mean((2, 3)) for each in stages(network.normalise(PIXELS))], 1)
    torch.testing.assert_close(features, expected)
    torch.testing.assert_close(logits, network.backbone.get_submodule("head")(expected))


def test_weights_of_another_network_are_refused(tmp_path):
    save_file(timm.create_model("resnet18", pretrained=False).state_dict(), tmp_path / "other.safetensors")
    overrides = ["network.backbone=mobilenetv2_100", f"network.pretrained={tmp_path}/other.safetensors"]
    with pytest.raises(WeightsError, match=r"other\.safetensors: the weights do not fit"):
        make_network(load_recipe("landscape", [*overrides, "network.head.stages=3"]), 5)


@pytest.mark.parametrize(
    ("backbone", "stages", "message"),
    [("test_vit", 2, "test_vit has no stages of different scale"), ("resnet18", 9, "resnet18 has 5 stages, not 9")],
)
def test_a_backbone_without_as_many_stages_is_named(backbone, stages, message):
    with pytest.raises(WeightsError, match=message):
        make(backbone, stages)


@pytest.mark.parametrize("depth", [0, 6])
def test_a_partly_frozen_one_is_cut_in_two_that_answer_as_it_does(depth):
    network = make()
    freeze(network, depth)
    halves = cut_at_freeze(network, PIXELS[:2])
    network.eval()
    assert halves is not None
    if depth == 0:
        assert halves.shapes == ((32 + 96 + 320,),)
    torch.testing.assert_close(halves.trained(*halves.frozen(PIXELS)), network(PIXELS))


def test_heatmaps_are_of_the_last_stage():
    found = Explainer(make(), "cpu").heatmaps(PIXELS.numpy(), [0, 1, 2, 3])
    assert found.shape == (4, 64, 64)
    assert found.max() == pytest.approx(1)


def test_a_bundle_of_one_answers_as_it_was_trained(tiny_recipe, tiny_prepared, tmp_path):
    recipe = override(tiny_recipe, {"network.head.stages": 2, "training.head_init": "lda"})
    trained = train(recipe, tiny_prepared, tmp_path / "runs", start_fabric("cpu"))
    bundle = make_bundle(recipe, tiny_prepared, trained, tmp_path / "bundles")
    card = read_card(bundle / "card.json")
    assert card.network.head.stages == 2
    pixels = torch.from_numpy(tiny_prepared.pixels[:3])
    # Logits of an LDA head are in the tens: processors differ in the sixth digit.
    torch.testing.assert_close(load_network(card, bundle)(pixels), trained.network(pixels), rtol=1e-4, atol=1e-4)
