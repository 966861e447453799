"""DINOv3, SigLIP 2 and the Perception Encoder: the recipes fit timm's weights, and the code goes the whole way."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import timm
import torch
from huggingface_hub.errors import OfflineModeIsEnabled
from safetensors.torch import save_file

from model_training.models import weights
from model_training.models.factory import make_network
from model_training.models.frozen_prefix import cut_at_freeze
from model_training.recipe import Recipe, load_recipe
from model_training.runtime.errors import WeightsError
from model_training.runtime.execution import OpenVINOExecution, TorchExecution
from model_training.runtime.explain import Explainer
from model_training.runtime.export import export_openvino
from model_training.runtime.network import create_backbone
from tests import tiny_vits  # noqa: F401, registers its networks

#: Recipe → its stand-in, and the number of outputs that the published weights' own last layer has.
RECIPES = {
    "ai_vs_real_dinov3": ("vit_tiny_dinov3", 0),
    "ai_vs_real_siglip2": ("vit_tiny_siglip", 0),
    "ai_vs_real_pe": ("vit_tiny_pe_core", 24),
}
PIXELS = np.random.default_rng(0).integers(0, 256, (3, 64, 64, 3), np.uint8)


@pytest.mark.parametrize("name", RECIPES)
def test_the_preprocessing_is_that_of_the_weights(name: str) -> None:
    recipe = load_recipe(name)
    asked, known = recipe.preprocessing, timm.get_pretrained_cfg(recipe.network.backbone)
    assert known is not None
    assert known.hf_hub_id == f"timm/{recipe.network.backbone}"  # where they are downloaded from
    assert (asked.mean, asked.std, asked.interpolation) == (known.mean, known.std, known.interpolation)
    assert (3, asked.height, asked.width) == known.input_size


@pytest.mark.parametrize("name", RECIPES)
def test_the_published_weights_fit_but_for_the_last_layer(name: str) -> None:
    recipe = load_recipe(name)
    with torch.device("meta"):
        ours = create_backbone(recipe.network.backbone, 2, (recipe.preprocessing.height, recipe.preprocessing.width))
        published = timm.create_model(recipe.network.backbone, pretrained=False)
    shapes = {key: value.shape for key, value in published.state_dict().items() if not key.startswith("head.")}
    assert {key: value.shape for key, value in ours.state_dict().items() if not key.startswith("head.")} == shapes


@pytest.fixture(params=RECIPES)
def recipe(request: pytest.FixtureRequest, tmp_path: Path) -> Recipe:
    """With small weights of the same family, as a file."""
    backbone, outputs = RECIPES[request.param]
    torch.manual_seed(1)
    path = tmp_path / "weights.safetensors"
    save_file(create_backbone(backbone, outputs, (64, 64)).state_dict(), path)
    return load_recipe(
        request.param,
        [
            f"network.backbone={backbone}",
            f"network.pretrained={path}",
            "preprocessing.height=64",
            "preprocessing.width=64",
        ],
    )


def test_only_the_head_is_trained_on_features_computed_once(recipe: Recipe) -> None:
    network = make_network(recipe, 2)
    assert {name for name, each in network.named_parameters() if each.requires_grad} == {
        "backbone.head.weight",
        "backbone.head.bias",
    }
    halves = cut_at_freeze(network, torch.from_numpy(PIXELS[:2]))
    assert halves is not None
    assert halves.shapes == ((32,),)  # pooled
    network.eval()
    with torch.no_grad():
        pixels = torch.from_numpy(PIXELS)
        assert torch.allclose(halves.trained(*halves.frozen(pixels)), network(pixels), atol=1e-6)


def test_the_openvino_form_agrees_and_heatmaps_are_drawn(recipe: Recipe, tmp_path: Path) -> None:
    network = make_network(recipe, 2).eval()
    export_openvino(network, PIXELS, tmp_path / "network.xml")
    logits, features = TorchExecution(network, "cpu").forward_with_features(PIXELS)
    served_logits, served_features = OpenVINOExecution(tmp_path / "network.xml").forward_with_features(PIXELS)
    assert np.ptp(logits) > 0.01
    assert np.abs(served_logits - logits).max() < 1e-4
    assert np.abs(served_features - features).max() < 1e-4
    network.requires_grad_(True)  # as a bundle's network is loaded
    heatmaps = Explainer(network, "cpu").heatmaps(PIXELS, [0, 1, 0])
    assert heatmaps.shape == (3, 64, 64)
    assert heatmaps.max() == pytest.approx(1, abs=1e-4)
    assert heatmaps.std() > 0.01


@pytest.mark.parametrize("name", RECIPES)
def test_without_the_hub_the_weights_are_refused_in_one_line(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []

    def refuse(repository: str, file: str) -> None:
        asked.append(repository)
        raise OfflineModeIsEnabled("no network here")

    monkeypatch.setattr(weights, "ask_hub", refuse)
    backbone = load_recipe(name).network.backbone
    with pytest.raises(WeightsError, match=f"{backbone} could not be downloaded \\(no network here\\)"):
        weights.read_weights(load_recipe(name).network)
    assert asked == [f"timm/{backbone}"]
