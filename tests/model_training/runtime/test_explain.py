from __future__ import annotations

import base64
import io
from pathlib import Path

import cv2
import matplotlib
import numpy as np
import pytest
import torch
from PIL import Image

from model_training.runtime.architecture import Preprocessing
from model_training.runtime.card import ModelCard, read_card
from model_training.runtime.clip import ClipBackbone
from model_training.runtime.explain import SIDE, Explainer, encode_heatmap, last_feature_layer, to_maps
from model_training.runtime.network import ClassificationNetwork, load_network


@pytest.fixture(scope="module")
def card(tiny_bundle: Path) -> ModelCard:
    return read_card(tiny_bundle / "card.json")


def noise(count: int, preprocessing: Preprocessing) -> np.ndarray:
    size = (count, preprocessing.height, preprocessing.width, 3)
    return np.random.default_rng(3).integers(0, 256, size, dtype=np.uint8)


def by_hand(network: ClassificationNetwork, pixels: np.ndarray, index: int) -> np.ndarray:
    """Grad-CAM of one picture, unscaled (Selvaraju et al. 2017, eq. 1 and 2): the gradient of the class's logit with
    respect to the feature maps, averaged over space, weighs the maps; what is below zero is cut off."""
    kept: list[torch.Tensor] = []
    handle = last_feature_layer(network.backbone).register_forward_hook(lambda module, given, maps: kept.append(maps))
    logits = network(torch.from_numpy(pixels[None]))
    handle.remove()
    (gradient,) = torch.autograd.grad(logits[0, index], kept[0])
    reshape = to_maps(network.backbone) or (lambda maps: maps)
    weights = reshape(gradient).mean(dim=(2, 3), keepdim=True)
    return torch.relu((weights * reshape(kept[0])).sum(dim=1))[0].detach().numpy()


def scale(heatmap: np.ndarray) -> np.ndarray:
    heatmap = heatmap - heatmap.min()
    return heatmap / (heatmap.max() + 1e-7)


def check_against_hand(network: ClassificationNetwork, pixels: np.ndarray, classes: list[int]) -> int:
    """Compare, and count the maps that were not flat."""
    found = Explainer(network, "cpu").heatmaps(pixels, classes)
    height, width = pixels.shape[1:3]
    lively = 0
    for image, index, heatmap in zip(pixels, classes, found, strict=True):
        small = scale(by_hand(network, image, index))
        expected = scale(np.maximum(cv2.resize(small, (width, height)), 0))
        np.testing.assert_allclose(heatmap, expected, atol=2e-3)
        lively += bool(np.ptp(expected) > 0.5)
    return lively


def test_it_is_grad_cam_on_the_trained_network(card: ModelCard, tiny_bundle: Path) -> None:
    network = load_network(card, tiny_bundle)
    pixels = noise(4, card.preprocessing)
    pixels[1, :, :32] //= 8
    assert check_against_hand(network, pixels, [0, 1, 1, 0]) > 0


@pytest.mark.parametrize("backbone", ["resnet18", "mobilenetv2_100", "test_vit", "test_vit3"])
def test_it_is_grad_cam_on_other_backbones(backbone: str) -> None:
    torch.manual_seed(0)
    preprocessing = Preprocessing(height=96, width=128, mean=(0.5, 0.5, 0.5), std=(0.25, 0.25, 0.25))
    network = ClassificationNetwork(backbone, 3, preprocessing).eval()
    assert check_against_hand(network, noise(3, preprocessing), [0, 1, 2]) > 0


def test_it_is_grad_cam_on_clips_vision_tower() -> None:
    torch.manual_seed(0)
    preprocessing = Preprocessing(height=64, width=64, mean=(0.5, 0.5, 0.5), std=(0.25, 0.25, 0.25))
    tower = {"hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 2, "num_attention_heads": 4}
    backbone = ClipBackbone({**tower, "image_size": 64, "patch_size": 8, "projection_dim": 16}, 3)
    torch.nn.init.normal_(backbone.text_features)
    network = ClassificationNetwork(backbone, 3, preprocessing).eval()
    reshape = to_maps(backbone)
    assert reshape is not None
    assert reshape(torch.zeros(2, 65, 32)).shape == (2, 32, 8, 8)
    assert check_against_hand(network, noise(3, preprocessing), [0, 1, 2]) > 0


def test_tokens_lie_where_their_patches_are() -> None:
    """A transformer's tokens, the class token left out, become rows and columns of the picture."""
    preprocessing = Preprocessing(height=96, width=128, mean=(0.5, 0.5, 0.5), std=(0.25, 0.25, 0.25))
    network = ClassificationNetwork("test_vit", 2, preprocessing)
    reshape = to_maps(network.backbone)
    assert reshape is not None
    patches = torch.arange(6 * 8.0).view(1, 48, 1)
    tokens = torch.cat([torch.full((1, 1, 1), -1.0), patches], dim=1)
    assert reshape(tokens).shape == (1, 1, 6, 8)
    assert reshape(tokens)[0, 0, 2, 3] == 2 * 8 + 3
    assert to_maps(ClassificationNetwork("resnet18", 2, preprocessing).backbone) is None


def test_each_image_gets_a_map_of_its_size(card: ModelCard, tiny_bundle: Path) -> None:
    heatmaps = Explainer(load_network(card, tiny_bundle), "cpu").heatmaps(noise(5, card.preprocessing), [0] * 5)
    assert heatmaps.shape == (5, card.preprocessing.height, card.preprocessing.width)
    assert heatmaps.dtype == np.float32
    assert np.isfinite(heatmaps).all()
    assert heatmaps.min() >= 0
    assert heatmaps.max() <= 1


def test_the_class_that_is_explained_matters() -> None:
    torch.manual_seed(0)
    preprocessing = Preprocessing(height=96, width=96, mean=(0.5, 0.5, 0.5), std=(0.25, 0.25, 0.25))
    explainer = Explainer(ClassificationNetwork("resnet18", 2, preprocessing), "cpu")
    pixels = noise(1, preprocessing)
    assert np.abs(explainer.heatmaps(pixels, [0]) - explainer.heatmaps(pixels, [1])).max() > 0.1


def test_neighbours_in_a_batch_do_not_matter(card: ModelCard, tiny_bundle: Path) -> None:
    explainer = Explainer(load_network(card, tiny_bundle), "cpu")
    pixels = noise(3, card.preprocessing)
    alone = np.concatenate([explainer.heatmaps(pixels[row : row + 1], [row % 2]) for row in range(3)])
    np.testing.assert_allclose(explainer.heatmaps(pixels, [0, 1, 0]), alone, atol=2e-3)


def test_where_nothing_speaks_for_the_class_the_map_is_empty() -> None:
    preprocessing = Preprocessing(height=64, width=64, mean=(0.5, 0.5, 0.5), std=(0.25, 0.25, 0.25))
    network = ClassificationNetwork("resnet18", 2, preprocessing)
    torch.nn.init.zeros_(network.backbone.get_submodule("fc").weight)
    assert not Explainer(network, "cpu").heatmaps(noise(1, preprocessing), [0]).any()


def test_explaining_leaves_the_network_as_it_was(card: ModelCard, tiny_bundle: Path) -> None:
    network = load_network(card, tiny_bundle)
    pixels = noise(2, card.preprocessing)
    with torch.inference_mode():
        before = network(torch.from_numpy(pixels))
    Explainer(network, "cpu").heatmaps(pixels, [0, 1])
    with torch.inference_mode():
        after = network(torch.from_numpy(pixels))
    assert torch.equal(before, after)
    assert not any(module._forward_hooks for module in network.modules())


# --- the image of a heatmap ----------------------------------------------------------------------------------------
def decode(explanation: dict[str, object]) -> np.ndarray:
    image = Image.open(io.BytesIO(base64.b64decode(str(explanation["data"]), validate=True)))
    assert (image.format, image.mode) == ("PNG", "RGBA")
    assert image.size == (explanation["width"], explanation["height"])
    return np.asarray(image)


def test_opacity_is_the_activation_and_colour_is_inferno() -> None:
    levels = np.arange(64).reshape(8, 8) * 4
    explanation = encode_heatmap((levels / 255 + 1e-6).astype(np.float32))
    assert explanation["method"] == "grad-cam"
    assert explanation["media_type"] == "image/png"
    image = decode(explanation)
    np.testing.assert_array_equal(image[..., 3], levels)
    colours = matplotlib.colormaps["inferno"](levels)[..., :3] * 255
    assert np.abs(image[..., :3] - colours).max() <= 1


def test_what_is_out_of_range_is_cut_off() -> None:
    image = decode(encode_heatmap(np.array([[-1.0, 0.0, 1.0, 2.0]], np.float32)))
    assert image[0, :, 3].tolist() == [0, 0, 255, 255]


@pytest.mark.parametrize(
    ("shape", "size"),
    [((224, 224), (SIDE, SIDE)), ((224, 448), (56, 112)), ((64, 64), (64, 64)), ((2000, 8), (112, 1))],
)
def test_large_maps_are_shrunk_in_their_proportion(shape: tuple[int, int], size: tuple[int, int]) -> None:
    image = decode(encode_heatmap(np.full(shape, 0.5, np.float32)))
    assert image.shape[:2] == size
    assert np.unique(image[..., 3]).tolist() == [127]
