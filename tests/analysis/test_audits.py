from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest

from analysis import alterations, audit_sections
from analysis.audits import find_label_errors, find_leaks, predict_altered, slices
from analysis.material import Material
from analysis.predictions import evaluate
from model_training.runtime.card import Text
from tests.analysis.conftest import LABELS, draw_images
from tests.analysis.made_up import make_predictions


def test_a_planted_leak_is_named(bundle: Path, tmp_path: Path) -> None:
    folder = tmp_path / "data"
    for number, split in enumerate(("train", "val", "test")):
        draw_images(folder / split, dict.fromkeys(LABELS, 6), seed=number)
    shutil.copy(folder / "test" / LABELS[0] / "003.png", folder / "train" / LABELS[0] / "planted.png")
    found = evaluate(bundle, folder, tmp_path / "build")
    (leak,) = find_leaks(found.predictions.places, found.predictions.split, found.copies)
    assert {leak.first, leak.second} == {f"test/{LABELS[0]}/003.png", f"train/{LABELS[0]}/planted.png"}
    assert {leak.first_split, leak.second_split} == {"test", "aside"}
    assert "1 of them were set aside" in audit_sections.leaks(found).words[0].en


def test_planted_label_errors_come_first() -> None:
    predictions = make_predictions({"a": 200, "b": 200, "c": 100})
    generator = np.random.default_rng(1)
    planted = generator.choice(500, 25, replace=False)
    targets = predictions.targets.copy()
    targets[planted] = (targets[planted] + 1) % 3
    found = find_label_errors(predictions.features, targets, predictions.group)
    assert np.isin(planted, found.rows[:50]).mean() >= 0.9
    called = found.rows[found.probable]
    assert np.isin(called, planted).mean() >= 0.9
    assert np.isin(planted, called).mean() >= 0.6
    assert found.suggested[0] == predictions.targets[found.rows[0]]


def test_copies_do_not_vouch_for_one_another() -> None:
    predictions = make_predictions({"a": 60, "b": 60})
    targets = predictions.targets.copy()
    features = predictions.features.copy()
    group = predictions.group.copy()
    targets[:4], group[:4] = 1, 0  # four copies of one image, all labelled wrongly
    features[:4] = features[0]
    found = find_label_errors(features, targets, group)
    assert set(found.rows[:4].tolist()) == {0, 1, 2, 3}


def test_classes_with_few_images_are_passed_over() -> None:
    predictions = make_predictions({"a": 20, "b": 20, "c": 2})
    found = find_label_errors(predictions.features, predictions.targets, predictions.group)
    assert len(found.rows) == 40
    assert set(found.suggested) <= {0, 1}
    one = make_predictions({"a": 20, "b": 2})
    with pytest.raises(ValueError, match="fewer than two classes"):
        find_label_errors(one.features, one.targets, one.group)


def test_slices_show_the_worst_value_first() -> None:
    predictions = make_predictions({"a": 30, "b": 30}, sharpness=20)
    museum = np.array(["서울", "교토"] * 30)
    predictions.logits[museum == "교토"] *= -1
    predictions.columns.update(museum=museum, constant=np.full(60, "x"), each=np.arange(60).astype(str))
    predictions.columns.update(country=np.where(predictions.targets == 0, "中", "日"))  # the class by another name
    found = slices(predictions)
    assert list(found) == ["museum"]
    assert [(value, score.value) for value, score in found["museum"]] == [("교토", 0.0), ("서울", 1.0)]
    section = audit_sections.by_column(Material(predictions, [Text(en="a", ko="a"), Text(en="b", ko="b")]))
    assert section.parts[0].name == "slice_museum"  # type: ignore[union-attr]


def test_alterations_keep_what_they_say() -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (2, 32, 32, 3), dtype=np.uint8)
    border, centre = alterations.only_border(pixels), alterations.only_centre(pixels)
    assert (border[:, :4] == pixels[:, :4]).all()
    assert (border[:, 4:-4, 4:-4] == 128).all()
    assert (centre[:, 4:-4, 4:-4] == pixels[:, 4:-4, 4:-4]).all()
    assert (centre[:, :4] == 128).all()
    assert (centre[:, :, -4:] == 128).all()
    grey = alterations.greyscale(pixels)
    assert (grey[..., 0] == grey[..., 2]).all()
    patches = alterations.colour_patches(pixels)
    assert len(np.unique(patches[0].reshape(-1, 3), axis=0)) <= 64
    assert patches[0, :4, :4].std(axis=(0, 1)).max() == 0
    for alter in (alterations.encode_jpeg(50), alterations.blur(2), alterations.noise(20), alterations.fade(0.5)):
        altered = alter(pixels)
        assert (altered.shape, altered.dtype) == (pixels.shape, np.uint8)
        assert (altered != pixels).any()
    assert alterations.fade(1)(pixels).tolist() == pixels.tolist()
    assert np.ptp(alterations.fade(0.5)(pixels)) <= 128


def test_altered_images_are_predicted_anew_and_kept(
    bundle: Path, images: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = evaluate(bundle, images, tmp_path)
    test = found.predictions.of("test")
    same = predict_altered(found, test, "nothing", lambda pixels: pixels)
    assert same.logits == pytest.approx(np.asarray(test.logits), abs=1e-5)
    grey = predict_altered(found, test, "grey", alterations.greyscale)
    assert not np.allclose(grey.logits, test.logits)
    monkeypatch.setattr("analysis.kept._write", lambda *_: pytest.fail("predicted again"))
    assert (predict_altered(found, test, "grey", alterations.greyscale).logits == grey.logits).all()
