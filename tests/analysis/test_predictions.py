from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest

from analysis import audits
from analysis.alterations import greyscale
from analysis.kept import predict_kept
from analysis.predictions import evaluate, evaluate_test, evaluate_unlike
from model_training.packaging.convert import convert_bundle
from model_training.runtime.card import read_card
from model_training.runtime.classifier import Classifier, softmax
from model_training.runtime.errors import BundleError, DatasetError
from model_training.runtime.execution import OpenVINOExecution, TorchExecution
from tests.analysis.conftest import LABELS, draw_images
from tests.analysis.made_up import make_predictions

WANTED = ("accuracy", "test")


def test_the_splits_are_trainings_and_the_answers_servings(bundle: Path, images: Path, tmp_path: Path) -> None:
    found = evaluate(bundle, images, tmp_path)
    predictions = found.predictions
    assert found.same_data
    assert found.unreadable == {}
    counts = {name: (predictions.split == name).sum() for name in ("train", "validation", "test")}
    assert counts == {"train": 24, "validation": 8, "test": 8}
    test = predictions.of("test")
    assert [place.split("/")[0] for place in test.places] == [LABELS[target] for target in test.targets]
    classifier = Classifier.load(bundle)
    for index in (0, 5):
        (answer,) = classifier.answer([(images / test.places[index]).read_bytes()])
        assert isinstance(answer, dict)
        expected = [answer["probabilities"][label] for label in LABELS]  # type: ignore[index]
        assert test.probabilities[index] == pytest.approx(expected, abs=2e-5)
    assert len(test.features[0]) > len(LABELS)
    assert predictions.independent


def test_every_figure_is_of_the_form_that_is_served(tiny_bundle: Path, procedural_folder: Path, tmp_path: Path) -> None:
    bundle = convert_bundle(tiny_bundle, "int8", procedural_folder, tmp_path)
    found = evaluate(bundle, procedural_folder, tmp_path)
    test = found.predictions.of("test")
    pixels = np.ascontiguousarray(test.pixels[test.rows])
    served, torch_form = OpenVINOExecution(bundle / "network.xml"), TorchExecution(found.network, "cpu")
    logits, features = served.forward_with_features(pixels)
    np.testing.assert_allclose(test.logits, logits, atol=1e-6)
    np.testing.assert_allclose(test.features, features, atol=1e-6)
    assert np.abs(torch_form(pixels) - logits).max() > 1e-4
    altered = audits.predict_altered(found, test, "grey", greyscale)
    np.testing.assert_allclose(altered.logits, served(greyscale(pixels)), atol=1e-6)
    # The card's own figures are of the same answers.
    (accuracy,) = (each for each in read_card(bundle / "card.json").metrics if (each.name, each.split) == WANTED)
    assert (test.predicted == test.targets).mean() == pytest.approx(accuracy.value, abs=1e-4)


def test_another_form_of_a_bundle_is_predicted_anew(tiny_bundle: Path, procedural_folder: Path, tmp_path: Path) -> None:
    exact = evaluate(tiny_bundle, procedural_folder, tmp_path)
    plain = evaluate(convert_bundle(tiny_bundle, "torch", procedural_folder, tmp_path), procedural_folder, tmp_path)
    assert exact.cache != plain.cache
    assert (exact.predictions.logits != plain.predictions.logits).any()  # in the last digits
    np.testing.assert_allclose(exact.predictions.logits, plain.predictions.logits, atol=1e-3)


def test_a_sketch_bundle_is_refused(tiny_sketch_bundle: Path, images: Path, tmp_path: Path) -> None:
    for make in (evaluate, evaluate_test, evaluate_unlike):
        with pytest.raises(BundleError, match="holds a detector besides"):
            make(tiny_sketch_bundle, images, tmp_path)


def test_predictions_are_kept(bundle: Path, images: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = evaluate(bundle, images, tmp_path).predictions
    monkeypatch.setattr("analysis.kept._write", lambda *_: pytest.fail("predicted again"))
    assert (evaluate(bundle, images, tmp_path).predictions.logits == first.logits).all()


def test_other_images_are_said_to_be_others(bundle: Path, tmp_path: Path) -> None:
    other = draw_images(tmp_path / "other", dict.fromkeys(LABELS, 6), seed=9)
    assert not evaluate(bundle, other, tmp_path / "build").same_data


def test_a_test_folder_may_lack_classes_and_hold_copies_and_broken_files(
    bundle: Path, images: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "test"
    (folder / LABELS[1]).mkdir(parents=True)
    for name in ("000.png", "001.png"):
        shutil.copy(images / LABELS[1] / name, folder / LABELS[1] / name)
    shutil.copy(folder / LABELS[1] / "000.png", folder / LABELS[1] / "copy.png")
    (folder / LABELS[1] / "broken.png").write_bytes(b"no picture")
    found = evaluate_test(bundle, folder, tmp_path / "build")
    predictions = found.predictions
    assert predictions.places == tuple(f"{LABELS[1]}/{name}.png" for name in ("000", "001", "copy"))
    assert (predictions.targets == 1).all()
    assert predictions.group[0] == predictions.group[2] != predictions.group[1]
    assert not predictions.independent
    assert list(found.unreadable) == [f"{LABELS[1]}/broken.png"]


def test_a_class_that_the_model_does_not_know_is_named(bundle: Path, tmp_path: Path) -> None:
    folder = draw_images(tmp_path / "strange", {"수채": 2})
    with pytest.raises(DatasetError, match="수채"):
        evaluate_test(bundle, folder, tmp_path / "build")
    assert (evaluate_unlike(bundle, folder, tmp_path / "build").predictions.targets == -1).all()


def test_a_folder_without_images_is_named(bundle: Path, tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match="no picture"):
        evaluate_test(bundle, tmp_path, tmp_path / "build")
    with pytest.raises(DatasetError, match="no such folder"):
        evaluate_unlike(bundle, tmp_path / "nowhere", tmp_path / "build")


def test_batches_stream_and_an_interruption_leaves_nothing(tmp_path: Path) -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (150, 4, 4, 3), dtype=np.uint8)
    sizes: list[int] = []

    def run(batch: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        sizes.append(len(batch))
        if len(sizes) == 2:
            raise KeyboardInterrupt
        flat = batch.reshape(len(batch), -1).astype(np.float32)
        return flat[:, :2], flat

    rows = np.arange(149, -1, -1)
    with pytest.raises(KeyboardInterrupt):
        predict_kept(run, pixels, rows, tmp_path / "kept")
    assert list(tmp_path.iterdir()) == []
    logits, features = predict_kept(run, pixels, rows, tmp_path / "kept")
    assert sizes == [64, 64, 64, 64, 22]
    assert (features == pixels[::-1].reshape(150, -1)).all()
    assert (logits == features[:, :2]).all()


def test_images_without_an_answer_are_set_apart() -> None:
    predictions = make_predictions({"a": 3, "b": 3})
    predictions.logits[1, 0] = np.nan
    predictions.logits[4, 1] = np.inf
    assert predictions.answered.tolist() == [True, False, True, True, False, True]
    assert predictions.of("test").places == ("a/00000.png", "a/00002.png", "b/00003.png", "b/00005.png")
    kept = predictions.of("test")
    assert kept.probabilities == pytest.approx(softmax(kept.logits))
