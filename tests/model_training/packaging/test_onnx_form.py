"""An ONNX file says what its bundle says, or there is none."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest

from model_training.packaging import onnx_form
from model_training.packaging.onnx_form import export_onnx
from model_training.runtime.card import read_card, write_card
from model_training.runtime.classifier import Classifier
from model_training.runtime.errors import BundleError
from tests.gated import make_gated_bundle

onnxruntime = pytest.importorskip("onnxruntime", reason="needs hwapung[onnx]")


@pytest.mark.parametrize("companion", [False, True])
def test_it_says_what_the_bundle_says(tiny_bundle: Path, tmp_path: Path, companion: bool) -> None:
    bundle = make_gated_bundle(tiny_bundle, tmp_path / "bundle", companion=companion)
    parity = export_onnx(bundle, tmp_path / "model.onnx")
    model = Classifier.load(bundle)
    card = model.card
    assert parity.pictures == len(card.examples) + 16
    assert parity.logits < 1e-4
    assert parity.distances < (1e-2 if companion else 1e-4)
    session = onnxruntime.InferenceSession(str(tmp_path / "model.onnx"))
    for count in (1, 3):  # any number of pictures
        pixels = np.random.default_rng(count).integers(0, 256, (count, 64, 64, 3), dtype=np.uint8)
        wanted = model.observe(pixels)
        logits, distance = session.run(["logits", "distance"], {"pixels": pixels})
        np.testing.assert_allclose(logits, wanted.logits, atol=1e-5)
        np.testing.assert_allclose(distance, wanted.distances, rtol=1e-2 if companion else 1e-4)


def test_without_a_bound_there_are_logits_alone(tiny_bundle: Path, tmp_path: Path) -> None:
    assert export_onnx(tiny_bundle, tmp_path / "model.onnx").distances == 0
    session = onnxruntime.InferenceSession(str(tmp_path / "model.onnx"))
    assert [each.name for each in session.get_outputs()] == ["logits"]


def test_a_file_that_says_something_else_is_not_kept(
    tiny_bundle: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write = onnx_form._write

    def spoil(network: onnx_form._Observed, example: np.ndarray, path: Path) -> None:
        network.network.normalise.scale *= 1.1
        write(network, example, path)

    monkeypatch.setattr(onnx_form, "_write", spoil)
    with pytest.raises(BundleError, match=r"model\.onnx: the ONNX form differs by .* in the logits"):
        export_onnx(tiny_bundle, tmp_path / "model.onnx")
    assert not list(tmp_path.iterdir())


def test_what_can_not_be_exported_gets_one_line(
    tiny_bundle: Path, tiny_sketch_bundle: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(BundleError, match="a sketch model is no single network"):
        export_onnx(tiny_sketch_bundle, tmp_path / "model.onnx")
    card = read_card(tiny_bundle / "card.json")
    assert card.openvino_model is not None
    whole = card.openvino_model.model_copy(update={"precision": "int8"})
    (tmp_path / "int8").mkdir()
    write_card(card.model_copy(update={"openvino_model": whole}), tmp_path / "int8" / "card.json")
    with pytest.raises(BundleError, match="--precision float32"):
        export_onnx(tmp_path / "int8", tmp_path / "model.onnx")
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    with pytest.raises(BundleError, match=r"onnxruntime is not installed\. Install hwapung\[onnx\]"):
        export_onnx(tiny_bundle, tmp_path / "model.onnx")
