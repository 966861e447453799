from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np

from model_training.datasets.prepare import Prepared
from model_training.packaging.quantise import quantise
from model_training.runtime.execution import OpenVINOExecution


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
