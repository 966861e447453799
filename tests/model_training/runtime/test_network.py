from __future__ import annotations

import shutil
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from model_training.runtime.architecture import Preprocessing
from model_training.runtime.card import read_card
from model_training.runtime.errors import BundleError, WeightsError
from model_training.runtime.network import (
    ClassificationNetwork,
    count_parameters,
    create_backbone,
    load_network,
    save_weights,
)

PREPROCESSING = Preprocessing(height=32, width=48, mean=(0.5, 0.4, 0.3), std=(0.2, 0.3, 0.4))


@pytest.fixture
def bundle(tiny_bundle: Path, tmp_path: Path) -> Path:
    return shutil.copytree(tiny_bundle, tmp_path / "bundle")


def refusal(bundle: Path) -> BundleError:
    with pytest.raises(BundleError) as caught:
        load_network(read_card(bundle / "card.json"), bundle)
    error = caught.value
    assert "\n" not in str(error)
    assert str(bundle / "weights.safetensors") in error.message
    assert "hwapung train" in error.remedy
    return error


def test_the_network_is_ready_to_answer(tiny_bundle: Path) -> None:
    card = read_card(tiny_bundle / "card.json")
    network = load_network(card, tiny_bundle)
    assert not network.training
    assert count_parameters(network) == card.network.parameters
    assert {parameter.dtype for parameter in network.parameters()} == {torch.float32}
    pixels = torch.zeros(3, card.preprocessing.height, card.preprocessing.width, 3, dtype=torch.uint8)
    assert network(pixels).shape == (3, len(card.labels))


def test_weights_go_out_and_come_back_the_same(tiny_bundle: Path, bundle: Path) -> None:
    card = read_card(bundle / "card.json")
    save_weights(load_network(card, tiny_bundle), bundle / "weights.safetensors")
    first, second = load_file(tiny_bundle / "weights.safetensors"), load_file(bundle / "weights.safetensors")
    assert first.keys() == second.keys()
    assert all(torch.equal(first[name], second[name]) for name in first)
    assert not any(name.startswith(("backbone.", "normalise.")) for name in first)  # timm's own names
    assert (bundle / "weights.safetensors").stat().st_mode & 0o777 == 0o644
    assert not list(bundle.glob("*.part"))


def test_missing_weights(bundle: Path) -> None:
    (bundle / "weights.safetensors").unlink()
    assert "the weights are missing" in refusal(bundle).message


@pytest.mark.parametrize("content", [b"", b"text", bytes(1000), b"\xff" * 1000])
def test_corrupt_weights(bundle: Path, content: bytes) -> None:
    (bundle / "weights.safetensors").write_bytes(content)
    assert "do not fit" in refusal(bundle).message


def test_truncated_weights(bundle: Path) -> None:
    path = bundle / "weights.safetensors"
    path.write_bytes(path.read_bytes()[:-100])
    refusal(bundle)


def test_weights_of_another_network_are_named(bundle: Path) -> None:
    state = load_file(bundle / "weights.safetensors")
    name = sorted(state)[0]
    save_file({key: value for key, value in state.items() if key != name}, bundle / "weights.safetensors")
    assert name in refusal(bundle).message
    save_file(state | {"extra.weight": torch.zeros(1)}, bundle / "weights.safetensors")
    assert "extra.weight" in refusal(bundle).message


def test_pixels_are_normalised_inside() -> None:
    network = ClassificationNetwork("resnet18", 3, PREPROCESSING).eval()
    pixels = torch.randint(0, 256, (2, 32, 48, 3), dtype=torch.uint8)
    mean, std = (torch.tensor(value).view(1, 3, 1, 1) for value in (PREPROCESSING.mean, PREPROCESSING.std))
    expected = network.backbone((pixels.permute(0, 3, 1, 2) / 255 - mean) / std)
    torch.testing.assert_close(network(pixels), expected, rtol=1e-4, atol=1e-4)


def test_an_unknown_backbone_is_answered_with_known_ones() -> None:
    with pytest.raises(WeightsError, match="resnet99") as caught:
        create_backbone("resnet99", 2, (64, 64))
    assert "resnet" in caught.value.remedy
    assert "\n" not in str(caught.value)
