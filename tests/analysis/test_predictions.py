from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest

from analysis.predictions import choose_device, evaluate, evaluate_test, evaluate_unlike, predict
from model_training.runtime.classifier import Classifier, softmax
from model_training.runtime.errors import DatasetError, RecipeError
from tests.analysis.conftest import LABELS, draw_images
from tests.analysis.made_up import make_predictions


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


def test_predictions_are_kept(bundle: Path, images: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = evaluate(bundle, images, tmp_path).predictions
    monkeypatch.setattr("analysis.predictions._predict", lambda *_: pytest.fail("predicted again"))
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
        predict(run, pixels, rows, tmp_path / "kept")
    assert list(tmp_path.iterdir()) == []
    logits, features = predict(run, pixels, rows, tmp_path / "kept")
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


def test_devices_are_checked() -> None:
    assert choose_device("cpu") == "cpu"
    with pytest.raises(RecipeError, match="tpu"):
        choose_device("tpu")
