"""A detector's bundle is one like every other; its figures are those of the served form."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from model_training.detection.annotations import Scene
from model_training.detection.recipe import load_detection_recipe
from model_training.packaging.detector import make_detector_bundle
from model_training.runtime.card import DetectorCard, read_card
from model_training.runtime.errors import DatasetError
from model_training.runtime.load import load_bundle
from tests.tiny_sketch import SIDE, GridDetector, draw_page


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three scenes: of the first, a copy; on the last, the test's, one of three drawn objects is not labelled."""
    folder = tmp_path_factory.mktemp("scenes")

    def scene(name: str, *cells: int, labelled: int = 9) -> Scene:
        (folder / f"{name}.jpg").write_bytes(draw_page(*cells, size=(256, 256), format="JPEG"))
        left, top = np.array(cells[:labelled]) % 4 * 64, np.array(cells[:labelled]) // 4 * 64
        boxes = np.stack([left, top, left + 64, top + 64], 1).astype(np.float32)
        return Scene(folder / f"{name}.jpg", 256, 256, boxes, np.zeros(len(boxes), np.int64), name[0])

    sides = {
        "train": [scene("a1", 0, 5), scene("a2", 0, 5), scene("b", 1, 3, 7, 9, 12, 14)],
        "test": [scene("c", 2, 8, 15, labelled=2)],
    }
    recipe = load_detection_recipe("sketch_detector", [f"network.input={SIDE}"])
    epochs = [SimpleNamespace(seconds=60.0), SimpleNamespace(seconds=1.24)]
    trained: Any = SimpleNamespace(network=GridDetector(), folder=folder, epochs=epochs, device="cuda:0")
    return make_detector_bundle(recipe, trained, ("object",), sides, folder / "bundles")


def test_the_card_says_what_it_was_trained_on(bundle: Path) -> None:
    card = read_card(bundle / "card.json", DetectorCard)
    assert (card.task, card.name, [label.key for label in card.labels]) == ("detection", "sketch_detector", ["object"])
    assert (card.network.backbone, card.detector.side) == ("yolov9_t", SIDE)
    assert card.data.counts == {"train": {"object": 10}, "test": {"object": 2}}
    assert (card.data.exact_duplicates, card.data.near_duplicates) == (1, 0)
    assert len(card.data.fingerprint) == 64
    assert (card.provenance.seconds, card.provenance.device) == (61.2, "cuda:0")
    assert card.provenance.recipe["task"] == "detection"


def test_figures_are_those_of_its_boxes(bundle: Path) -> None:
    """Both objects are found; a box that is no object (by its labels) has one of the three scores, all of which are
    alike, so what it costs hangs on nothing but their order."""
    card = read_card(bundle / "card.json", DetectorCard)
    map50, map50_95 = card.metrics
    assert (map50.name, map50.images, map50.split) == ("map50", 1, "test")
    assert 0.6 < map50.value <= 1
    assert map50.value == map50.low == map50.high  # one scene: nothing is known of others
    assert map50_95.value == pytest.approx(map50.value, abs=1e-3)  # the boxes are exact
    [row] = card.class_metrics
    assert (row.key, row.support, row.recall, row.map50) == ("object", 2, 1.0, map50.value)
    assert row.f1 == pytest.approx(2 * row.precision / (row.precision + 1), abs=1e-3)


def test_it_lists_its_files_and_answers_its_examples(bundle: Path) -> None:
    card = read_card(bundle / "card.json", DetectorCard)
    assert set(card.files) == {
        "MODEL_CARD.md",
        "detector.bin",
        "detector.xml",
        "examples/example-01.jpg",
        "examples/example-01.json",
        "weights.safetensors",
    }
    [example] = load_bundle(bundle).examples()
    assert example["label"] == "object"
    assert len(example["answer"]["objects"]) == 3  # type: ignore[index]


def test_its_model_card_speaks_of_boxes(bundle: Path) -> None:
    text = (bundle / "MODEL_CARD.md").read_text("utf-8")
    assert "| mAP50 of the boxes |" in text
    assert "| class (objects) | train | test |\n|---|---|---|\n| Object | 10 | 2 |" in text
    assert "Boxes with a score below 0.3 are dropped" in text
    assert "점수가 0.3보다 낮은 상자는 버립니다" in text
    assert "Logits are divided" not in text


def test_test_scenes_without_an_object_are_refused_and_leave_nothing(tmp_path: Path) -> None:
    (tmp_path / "page.png").write_bytes(draw_page(0))
    page = Scene(tmp_path / "page.png", 640, 640, np.empty((0, 4), np.float32), np.empty(0, np.int64), "page")
    trained: Any = SimpleNamespace(network=GridDetector(), folder=tmp_path, epochs=[], device="cpu")
    recipe = load_detection_recipe("sketch_detector")
    with pytest.raises(DatasetError, match="None of the 1 test scenes has a labelled object"):
        make_detector_bundle(recipe, trained, ("object",), {"train": [page], "test": [page]}, tmp_path / "bundles")
    assert not (tmp_path / "bundles").exists()
