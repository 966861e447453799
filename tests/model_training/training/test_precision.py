from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional

from model_training.datasets.prepare import Prepared
from model_training.recipe import Recipe, override
from model_training.runtime.errors import RecipeError
from model_training.training import precision
from model_training.training.classification import train
from model_training.training.loop import start_fabric
from model_training.training.precision import computing_in, name_for_cuda, settle_precision

LARGE = nn.Sequential(nn.Conv2d(3, 64, 3, padding=1), nn.ReLU(), nn.Conv2d(64, 64, 3, padding=1))
SMALL = nn.Sequential(nn.Conv2d(3, 4, 3, padding=1), nn.ReLU(), nn.Conv2d(4, 4, 3, padding=1))


@pytest.mark.parametrize(
    ("flag", "network", "asked", "settled"),
    [
        ("avx512_bf16", LARGE, "auto", "bfloat16"),
        ("amx_bf16", LARGE, "auto", "bfloat16"),
        ("avx512_f", LARGE, "auto", "float32"),  # emulated there
        ("avx512_bf16", SMALL, "auto", "float32"),  # nothing to gain
        ("avx512_f", SMALL, "bfloat16", "bfloat16"),
        ("avx512_bf16", LARGE, "float32", "float32"),
    ],
)
def test_bfloat16_is_for_processors_that_have_it_and_networks_that_gain(
    flag: str, network: nn.Module, asked: precision.Asked, settled: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: {"architecture": "x86_64", flag: True})
    assert settle_precision(asked, network, (torch.zeros(2, 3, 32, 32),)) == settled


def test_the_work_is_counted_in_a_layer_and_an_image() -> None:
    """Two convolutions: 2 × 9 × 3 × 4 and 2 × 9 × 4 × 4 operations a pixel. Of other images anew."""
    assert precision._work(SMALL, (torch.zeros(5, 3, 10, 10),)) == 100 * 2 * 9 * (3 * 4 + 4 * 4) / 2
    assert precision._work(SMALL, (torch.zeros(2, 3, 20, 10),)) == 200 * 2 * 9 * (3 * 4 + 4 * 4) / 2


def test_a_network_is_run_once_for_all_who_ask_about_it() -> None:
    network = nn.Sequential(nn.Conv2d(3, 4, 3))
    ran: list[int] = []
    network.register_forward_hook(lambda *_: ran.append(1))
    found = {precision._work(network, (torch.zeros(images, 3, 8, 8),)) for images in (1, 5, 2)}
    assert found == {36 * 2 * 9 * 3 * 4}
    assert len(ran) == 1


def test_a_strided_depthwise_convolution_stays_float32() -> None:
    torch.manual_seed(0)
    images, weight = torch.randn(2, 8, 9, 9).bfloat16(), torch.randn(8, 1, 3, 3)
    with computing_in("bfloat16"):
        strided = functional.conv2d(images, weight, None, 2, 1, 1, 8)
        plain = functional.conv2d(images, weight, None, 1, 1, 1, 8)
    exact = functional.conv2d(images.float(), weight, None, 2, 1, 1, 8)
    assert strided.dtype == plain.dtype == torch.bfloat16
    assert torch.equal(strided, exact.bfloat16())
    # The other one sees its weights rounded, too.
    rounded = functional.conv2d(images.float(), weight.bfloat16().float(), None, 1, 1, 1, 8)
    assert torch.allclose(plain.float(), rounded, atol=0.05)
    assert not torch.equal(plain, functional.conv2d(images.float(), weight, None, 1, 1, 1, 8).bfloat16())
    with computing_in("float32"):
        assert functional.conv2d(images.float(), weight, None, 2, 1, 1, 8).dtype == torch.float32


def test_a_training_in_bfloat16_validates_in_float32(
    tiny_recipe: Recipe, tiny_prepared: Prepared, tmp_path: Path
) -> None:
    recipe = override(tiny_recipe, {"training.precision": "bfloat16", "training.epochs": 1})
    trained, again = (
        train(recipe, tiny_prepared, tmp_path / name, start_fabric("cpu", "bfloat16")) for name in ("one", "another")
    )
    assert trained.device == "cpu in bfloat16"
    weights = trained.network.state_dict()
    assert {each.dtype for each in weights.values()} == {torch.float32, torch.int64}
    assert all(torch.equal(value, again.network.state_dict()[name]) for name, value in weights.items())
    plain = train(override(recipe, {"training.precision": "float32"}), tiny_prepared, tmp_path, start_fabric("cpu"))
    assert plain.device == "cpu"
    assert not all(torch.equal(value, plain.network.state_dict()[name]) for name, value in weights.items())
    said = np.load(trained.folder / "validation" / "1.npy")
    with torch.no_grad():
        rows = tiny_prepared.rows["validation"]
        answers = trained.network(torch.from_numpy(tiny_prepared.pixels[rows])).numpy()
    np.testing.assert_allclose(said, answers, atol=1e-5)


def test_cuda_has_what_its_card_can(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda: True)
    assert [name_for_cuda(each) for each in ("auto", "float32", "bfloat16")] == ["bf16-mixed", "32-true", "bf16-mixed"]
    monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda: False)
    assert [name_for_cuda(each) for each in ("auto", "float32")] == ["16-mixed", "32-true"]
    with pytest.raises(RecipeError, match=r"has no bfloat16\. Set training\.precision"):
        name_for_cuda("bfloat16")
