"""libreyolo's YOLOv9 in our hands: the loss is exchanged, a run resumes, the best epoch is kept."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import numpy as np
import pytest
import torch

from model_training.detection.annotations import Scene
from model_training.detection.detector import make_detector
from model_training.detection.recipe import DetectionRecipe, load_detection_recipe
from model_training.detection.task import DetectionTask
from model_training.packaging.detector import make_detector_bundle
from model_training.runtime.card import DetectorCard, read_card
from model_training.runtime.detector import Detector, letterbox, suppress
from model_training.training.loop import Trained, fit, start_fabric
from tests.model_training.detection.test_composer import DRAWINGS
from tests.model_training.training.test_loop import InterruptedRunError, interrupt
from tests.tiny_sketch import draw_page

pytest.importorskip("libreyolo", reason="needs requirements/detector.txt (make .venv/detector)")

TINY = [
    "network.input=64",
    "composer.scenes=2",
    "training.composed_epochs=1",
    "training.epochs=1",
    "training.batch_size=2",
]


@pytest.fixture
def scenes(tmp_path: Path) -> list[Scene]:
    (tmp_path / "page.png").write_bytes(draw_page(0, 5, size=(96, 64)))
    boxes = np.array([[0, 0, 24, 16], [24, 16, 48, 32]], np.float32)
    return [Scene(tmp_path / "page.png", 96, 64, boxes, np.array([0, 1]), "page")] * 2


def train(recipe: DetectionRecipe, scenes: list[Scene], folder: Path) -> Trained:
    fabric = start_fabric("cpu")
    sides = {"train": scenes, "validation": scenes[:1]}
    return fit(DetectionTask(recipe, ("a", "b"), sides, DRAWINGS, fabric.device), fabric, folder, "title", {})


def read(trained: Trained, name: str) -> dict[str, torch.Tensor]:
    return torch.load(trained.folder / name, weights_only=True)["model"]


def test_an_interrupted_run_ends_in_the_same_weights(
    scenes: list[Scene], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Cut off in the middle of the first labelled epoch, bit for bit the run that was never cut off."""
    recipe = load_detection_recipe("sketch_detector", [*TINY, "training.epochs=2", "training.batch_size=1"])
    whole = train(recipe, scenes, tmp_path / "whole")
    interrupt(monkeypatch, DetectionTask, epoch=1, step=1)
    with pytest.raises(InterruptedRunError):
        train(recipe, scenes, tmp_path / "cut")
    monkeypatch.undo()
    assert torch.load(tmp_path / "cut" / "last.ckpt", weights_only=True)["epoch"] == 1
    resumed = train(recipe, scenes, tmp_path / "cut")
    for name in ("last.ckpt", "best.ckpt"):
        ours, theirs = read(resumed, name), read(whole, name)
        for key, value in theirs.items():
            assert torch.equal(value, ours[key]), (name, key)
    figures = [[dataclasses.replace(each, seconds=0) for each in run.epochs] for run in (whole, resumed)]
    assert figures[0] == figures[1]
    assert len(figures[0]) == 3


def test_the_best_epoch_is_kept_and_a_finished_run_is_not_trained_again(
    scenes: list[Scene], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By mAP50 on the validation scenes, which here goes up and down again."""
    measured = iter([(3.0, 0.1, 0.0), (2.0, 0.4, 0.2), (1.0, 0.3, 0.1)])
    monkeypatch.setattr(DetectionTask, "validate", lambda *_: next(measured))
    recipe = load_detection_recipe("sketch_detector", [*TINY, "training.epochs=2"])
    trained = train(recipe, scenes, tmp_path / "run")
    assert (trained.best.epoch, trained.best.validation_map50) == (2, 0.4)
    best, last = read(trained, "best.ckpt"), read(trained, "last.ckpt")
    assert any(not torch.equal(value, last[name]) for name, value in best.items())
    for name, value in trained.network.state_dict().items():
        assert torch.equal(value, best[name]), name
    kept = json.loads((tmp_path / "run" / "metrics.json").read_text("utf-8"))["epochs"]
    assert [each["validation_map50"] for each in kept] == [0.1, 0.4, 0.3]
    assert (tmp_path / "run" / "loss_accuracy.png").stat().st_size > 5000
    monkeypatch.setattr(DetectionTask, "measure_loss", None)
    assert train(recipe, scenes, tmp_path / "run").best == trained.best


def test_validation_changes_nothing(scenes: list[Scene], tmp_path: Path) -> None:
    """Its loss is the training's, but batch norm is at rest."""
    recipe = load_detection_recipe("sketch_detector", TINY)
    fabric = start_fabric("cpu")
    sides = {"train": scenes, "validation": scenes}
    task = DetectionTask(recipe, ("a", "b"), sides, DRAWINGS, fabric.device)
    task.network.eval()
    before = {name: value.clone() for name, value in task.network.state_dict().items()}
    loss, map50, map50_95 = task.validate(task.network, fabric)
    assert loss > 0
    assert 0 <= map50_95 <= map50 <= 1
    for name, value in task.network.state_dict().items():
        assert torch.equal(value, before[name]), name
    assert not task.network.yolo.head.training
    assert task.validate(task.network, fabric) == (loss, map50, map50_95)


def test_a_bundle_finds_as_torch_does(scenes: list[Scene], tmp_path: Path) -> None:
    recipe = load_detection_recipe("sketch_detector", TINY)
    trained = train(recipe, scenes, tmp_path / "run")
    sides = {"train": scenes, "validation": scenes, "test": scenes}
    bundle = make_detector_bundle(recipe, trained, ("a", "b"), sides, tmp_path / "bundles")
    card = read_card(bundle / "card.json", DetectorCard)
    assert [(each.name, each.images) for each in card.metrics] == [("map50", 2), ("map50_95", 2)]
    network, compiled = trained.network, Detector(card.detector, bundle).compiled
    pixels = np.random.default_rng(0).integers(0, 256, (1, 64, 64, 3), dtype=np.uint8)
    with torch.no_grad():
        expected = network(torch.from_numpy(pixels)).numpy()
    np.testing.assert_allclose(compiled(pixels)[0], expected, atol=2e-2)


def test_the_recipes_loss_is_the_one_that_the_network_uses() -> None:
    pixels = torch.zeros(1, 64, 64, 3, dtype=torch.uint8)
    targets = torch.tensor([[[0.0, 0.1, 0.1, 0.6, 0.6]]])
    losses = {}
    for name in ("bce", "focal", "cross_entropy"):
        network = make_detector(load_detection_recipe("sketch_detector", [*TINY, f"training.loss={name}"]), 2).train()
        losses[name] = {key: float(value.detach()) for key, value in network(pixels, targets).items()}
    assert losses["bce"]["box_loss"] == pytest.approx(losses["focal"]["box_loss"])
    assert losses["focal"]["cls_loss"] < losses["bce"]["cls_loss"]
    assert losses["cross_entropy"]["cls_loss"] != pytest.approx(losses["bce"]["cls_loss"], rel=1e-6)


def test_suppression_keeps_the_best_of_a_class_and_neighbours_of_another() -> None:
    boxes = np.array([[0, 0, 10, 10], [1, 0, 11, 10], [0, 0, 10, 10], [50, 50, 60, 60]], np.float32).T
    scores = np.array([[0.9, 0.8, 0.0, 0.05], [0.0, 0.0, 0.7, 0.0]], np.float32)
    kept, best, classes = suppress(np.concatenate([boxes, scores]), 0.1, 0.5)
    assert best.tolist() == pytest.approx([0.9, 0.7])
    assert classes.tolist() == [0, 1]
    assert kept[0].tolist() == [0, 0, 10, 10]


def test_a_page_lies_in_the_corner_of_its_square() -> None:
    from PIL import Image

    pixels, factor = letterbox(Image.new("RGB", (200, 100)), 64)
    assert factor == pytest.approx(0.32)
    assert pixels[:32].max() == 0
    assert pixels[32:].min() == 255
