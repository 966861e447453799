from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import torch
from torch import nn

from model_training.datasets.prepare import Prepared
from model_training.packaging.quantise import Tolerance, quantise
from model_training.runtime.execution import OpenVINOExecution
from model_training.runtime.export import save_openvino


def test_the_8_bit_form_is_smaller_answers_nearly_the_same_and_still_gives_features(
    tiny_bundle: Path, tiny_prepared: Prepared, tmp_path: Path
) -> None:
    for name in ("network.xml", "network.bin"):
        shutil.copyfile(tiny_bundle / name, tmp_path / name)
    exact = OpenVINOExecution(tmp_path / "network.xml")
    pixels = np.ascontiguousarray(tiny_prepared.pixels[tiny_prepared.rows["test"]])
    logits, features = exact.forward_with_features(pixels)
    before = (tmp_path / "network.bin").stat().st_size
    quantise(tmp_path / "network.xml", tiny_prepared.pixels, tiny_prepared.rows["train"])
    assert (tmp_path / "network.bin").stat().st_size < 0.5 * before
    assert sorted(each.name for each in tmp_path.iterdir()) == ["network.bin", "network.xml"]
    fast_logits, fast_features = OpenVINOExecution(tmp_path / "network.xml").forward_with_features(pixels)
    assert fast_logits.shape == logits.shape
    assert fast_features.shape == features.shape
    assert np.abs(fast_logits - logits).max() > 0
    lengths = np.linalg.norm(features, axis=1) * np.linalg.norm(fast_features, axis=1)
    cosine = (fast_features * features).sum(axis=1) / lengths
    assert cosine.min() > 0.95


class FourLayers(nn.Module):
    """Random weights of very different sizes, which 7 bits tell apart badly."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        layers = [nn.Conv2d(channels, 8, 3, padding=1) for channels in (3, 8, 8, 8)]
        self.layers = nn.Sequential(*(each for layer in layers for each in (layer, nn.Hardswish())))
        self.head = nn.Linear(8, 2)

    def forward(self, pixels: torch.Tensor) -> torch.Tensor:
        maps: torch.Tensor = self.layers(pixels.permute(0, 3, 1, 2) / 255)
        return 100 * self.head(maps.mean((2, 3)))


def test_layers_stay_in_float32_until_the_loss_is_within_the_tolerance(tmp_path: Path) -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (24, 16, 16, 3), np.uint8)
    rows, others = np.arange(16), np.arange(16, 24)
    for name in ("exact", "plain", "held"):
        save_openvino(FourLayers(), torch.tensor(pixels[:2]), (-1, 16, 16, 3), tmp_path / f"{name}.xml")
    exact = OpenVINOExecution(tmp_path / "exact.xml").run(pixels[others])[0]

    def lose(logits: np.ndarray) -> float:
        return float(np.abs(logits - exact).mean())

    def measure(name: str) -> float:
        return lose(OpenVINOExecution(tmp_path / f"{name}.xml").run(pixels[others])[0])

    quantise(tmp_path / "plain.xml", pixels, rows)
    plain = measure("plain")
    assert plain > 0
    quantise(tmp_path / "held.xml", pixels, rows, tolerance=Tolerance(others, lose, plain / 2, 4))
    assert 0 < measure("held") <= plain / 2
    sizes = {name: (tmp_path / f"{name}.bin").stat().st_size for name in ("exact", "plain", "held")}
    assert sizes["plain"] < sizes["held"] < sizes["exact"]


ANSWER = """
import sys
import numpy as np
from pathlib import Path
from model_training.runtime.execution import OpenVINOExecution
np.save(sys.argv[3], OpenVINOExecution(Path(sys.argv[1]))(np.load(sys.argv[2])))
"""


def test_a_processor_without_vnni_answers_the_same(tiny_bundle: Path, tiny_prepared: Prepared, tmp_path: Path) -> None:
    """There products are added in 16 bits, which weights of 8 bits would overflow. OpenVINO's kernels can be held to
    such instructions."""
    for name in ("network.xml", "network.bin"):
        shutil.copyfile(tiny_bundle / name, tmp_path / name)
    quantise(tmp_path / "network.xml", tiny_prepared.pixels, tiny_prepared.rows["train"])
    pixels = np.ascontiguousarray(tiny_prepared.pixels[tiny_prepared.rows["test"]])
    pixels[:2] = 255  # the largest sums
    np.save(tmp_path / "pixels.npy", pixels)
    command = [sys.executable, "-c", ANSWER, tmp_path / "network.xml", tmp_path / "pixels.npy", tmp_path / "logits.npy"]
    subprocess.run(command, check=True, env=os.environ | {"ONEDNN_MAX_CPU_ISA": "AVX2"})
    logits = OpenVINOExecution(tmp_path / "network.xml")(pixels)
    # An activation in the middle between two levels may be rounded either way, as it is with AMX: a hundredth is left.
    most = 1e-2 * float(np.abs(logits).max())
    np.testing.assert_allclose(np.load(tmp_path / "logits.npy"), logits, rtol=0, atol=most)
