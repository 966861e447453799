"""libreyolo's YOLOv9 in our hands: the loss is exchanged, one step learns, a run resumes."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from model_training.detection.annotations import Scene
from model_training.detection.recipe import load_detection_recipe
from model_training.runtime.card import DetectorPart
from model_training.runtime.detector import Detector, letterbox, suppress
from model_training.sketch.bundle import make_detector_bundle
from tests.model_training.detection.test_composer import DRAWINGS
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


def test_a_run_resumes_and_ends_in_a_bundle_that_finds_as_torch_does(scenes: list[Scene], tmp_path: Path) -> None:
    from model_training.detection.train import train_detector

    recipe = load_detection_recipe("sketch_detector", [*TINY, "training.loss=focal"])
    trained = train_detector(recipe, 2, scenes, DRAWINGS, tmp_path / "runs")
    assert len(trained.losses) == 2
    again = train_detector(recipe, 2, scenes, DRAWINGS, tmp_path / "runs")
    assert again.losses == trained.losses
    resumed = again.network.state_dict()
    for name, value in trained.network.state_dict().items():
        assert torch.equal(value, resumed[name]), name
    part = DetectorPart(file="detector.xml", side=64, score=0.0, iou=0.5, min_flatness=0.3)
    bundle = make_detector_bundle(recipe, trained.network, ("a", "b"), part, None, tmp_path / "bundles")
    compiled = Detector(part, bundle).compiled
    pixels = np.random.default_rng(0).integers(0, 256, (1, 64, 64, 3), dtype=np.uint8)
    with torch.no_grad():
        expected = trained.network(torch.from_numpy(pixels)).numpy()
    np.testing.assert_allclose(compiled(pixels)[0], expected, atol=2e-2)


def test_the_recipes_loss_is_the_one_that_the_network_uses() -> None:
    from model_training.detection.detector import make_detector

    pixels = torch.zeros(1, 64, 64, 3, dtype=torch.uint8)
    targets = torch.tensor([[[0.0, 0.1, 0.1, 0.6, 0.6]]])
    losses = {}
    for name in ("bce", "focal", "cross_entropy"):
        network = make_detector(load_detection_recipe("sketch_detector", [*TINY, f"training.loss={name}"]), 2).train()
        losses[name] = {key: float(value) for key, value in network.losses(pixels, targets).items()}
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
