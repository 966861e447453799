"""LoRA in a tiny randomly initialised CLIP of a local folder, and in timm's networks."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import timm
import torch
from peft.tuners.tuners_utils import BaseTunerLayer
from transformers import CLIPModel

from model_training.models.factory import ensure_weights, finish_network, make_network
from model_training.models.lora import add_adapters, merge_adapters
from model_training.recipe import Adapter, load_recipe
from model_training.runtime.clip import ClipBackbone
from model_training.runtime.errors import RecipeError, WeightsError
from tests.tiny_clip import make_tiny_clip

ATTENTION = ("q_proj", "k_proj", "v_proj", "out_proj")


@pytest.fixture(scope="module")
def clip_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_tiny_clip(tmp_path_factory.mktemp("clip"))


def recipe_of(folder: Path, **network: object) -> object:
    settings = [f"network.{key}={json.dumps(value)}" for key, value in network.items()]
    return load_recipe(
        "sketch_clip",
        [f"network.backbone=clip:{folder}", "preprocessing.height=32", "preprocessing.width=32", *settings],
    )


def adapted(network: torch.nn.Module) -> set[str]:
    return {name for name, module in network.named_modules() if isinstance(module, BaseTunerLayer)}


@pytest.mark.parametrize(
    ("place", "expected"),
    [("qkvo", [f"self_attn.{each}" for each in ATTENTION]), ("vo", ["self_attn.v_proj", "self_attn.out_proj"]),
     ("mlp", ["mlp.fc1", "mlp.fc2"])],
)  # fmt: skip
@pytest.mark.parametrize("encoders", [["vision"], ["vision", "text"]])
def test_each_place_adapts_exactly_its_modules(
    clip_folder: Path, place: str, expected: list[str], encoders: list[str]
) -> None:
    network = make_network(
        recipe_of(clip_folder, adapter={"place": place, "encoders": encoders}),
        2,
        ["cat", "dog"],  # type: ignore[arg-type]
    )
    prefixes = ["vision.vision_model"] + (["text.text_model"] if "text" in encoders else [])
    wanted = {f"{prefix}.encoder.layers.{layer}.{name}" for prefix in prefixes for layer in (0, 1) for name in expected}
    assert adapted(network.backbone) == wanted
    trained = {name for name, value in network.named_parameters() if value.requires_grad}
    assert trained - {name for name in trained if "lora_" in name} == {"backbone.logit_scale"}


def test_only_the_named_layers_are_adapted(clip_folder: Path) -> None:
    network = make_network(recipe_of(clip_folder, adapter={"place": "mlp", "layers": [1]}), 2, ["cat", "dog"])  # type: ignore[arg-type]
    assert adapted(network.backbone) == {f"vision.vision_model.encoder.layers.1.mlp.fc{each}" for each in (1, 2)}


def test_it_answers_as_clip_does_before_training(clip_folder: Path) -> None:
    network = make_network(recipe_of(clip_folder, prompts=["a sketch of a {}"]), 2, ["cat", "dog"]).eval()  # type: ignore[arg-type]
    model = CLIPModel.from_pretrained(clip_folder).eval()
    pixels = torch.randint(0, 256, (3, 32, 32, 3), dtype=torch.uint8)
    tokens = torch.tensor([[4, 5, 6, 4, 7], [4, 5, 6, 4, 8]])
    with torch.no_grad():
        expected = model(input_ids=tokens, pixel_values=network.normalise(pixels)).logits_per_image
        torch.testing.assert_close(network(pixels), expected, atol=1e-4, rtol=1e-4)


def test_merging_keeps_the_answers_and_leaves_plain_modules(clip_folder: Path) -> None:
    network = make_network(
        recipe_of(clip_folder, adapter={"place": "mlp", "encoders": ["vision", "text"]}),
        2,
        ["cat", "dog"],  # type: ignore[arg-type]
    ).eval()
    for name, value in network.named_parameters():
        if "lora_B" in name:
            torch.nn.init.normal_(value, std=0.1)
    pixels = torch.randint(0, 256, (3, 32, 32, 3), dtype=torch.uint8)
    with torch.no_grad():
        before = network(pixels)
        finish_network(network)
        torch.testing.assert_close(network(pixels), before, atol=1e-4, rtol=1e-4)
    backbone = network.backbone
    assert isinstance(backbone, ClipBackbone)
    assert adapted(backbone) == set()
    plain = ClipBackbone(backbone.configuration, 2)
    plain.load_state_dict(backbone.state_dict())


def test_a_folder_without_clip_is_named(tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match="CLIP can't be loaded"):
        make_network(recipe_of(tmp_path), 2, ["cat", "dog"])  # type: ignore[arg-type]


def test_pictures_of_another_size_than_clips_are_refused(clip_folder: Path) -> None:
    recipe = load_recipe("sketch_clip", [f"network.backbone=clip:{clip_folder}"])
    with pytest.raises(RecipeError, match=r"takes pictures of 32×32, not of 224×224\.") as raised:
        ensure_weights(recipe)
    assert "preprocessing.height=32" in raised.value.remedy


def test_timm_transformers_and_mobilenets() -> None:
    vit = timm.create_model("test_vit")
    targets = add_adapters(vit, Adapter(place="qkvo"))
    assert targets
    assert all(name.endswith(("attn.qkv", "attn.proj")) for name in targets)
    mobile = timm.create_model("mobilenetv3_small_050").eval()
    images = torch.randn(1, 3, 32, 32)
    before = mobile(images)
    targets = add_adapters(mobile, Adapter(place="mlp"))
    assert {name.rpartition(".")[2] for name in targets} == {"conv_pw", "conv_pwl"}
    for name, value in mobile.named_parameters():
        assert value.requires_grad == ("lora_" in name)
        if "lora_B" in name:
            torch.nn.init.normal_(value, std=0.1)
    changed = mobile(images)
    assert not torch.allclose(changed, before)
    merge_adapters(mobile)
    torch.testing.assert_close(mobile(images), changed, atol=1e-3, rtol=1e-3)


def test_a_place_that_a_network_has_not_is_named() -> None:
    with pytest.raises(RecipeError, match="no layers for place=vo"):
        add_adapters(timm.create_model("test_vit"), Adapter(place="vo"))
