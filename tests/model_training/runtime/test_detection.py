"""A detector's bundle answers alone: boxes with its own classes."""

from __future__ import annotations

import base64
import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from model_training.runtime.card import CARDS, Card, DetectorCard, ModelCard, SketchCard, read_card
from model_training.runtime.detection import DetectorModel
from model_training.runtime.detector import suppress
from model_training.runtime.errors import CardError, ImageError
from model_training.runtime.load import MODELS, load_bundle
from tests.tiny_sketch import draw_page


@pytest.fixture(scope="module")
def bundle(tiny_sketch_bundle: Path) -> Path:
    return tiny_sketch_bundle.with_name("sketch_detector")


@pytest.fixture(scope="module")
def detector(bundle: Path) -> DetectorModel:
    loaded = load_bundle(bundle)
    assert isinstance(loaded, DetectorModel)
    loaded.warm_up()
    return loaded


def test_every_task_of_a_card_has_a_model() -> None:
    assert MODELS.keys() == CARDS.keys()


def test_objects_have_boxes_scores_and_classes(detector: DetectorModel) -> None:
    [answer] = detector.answer([draw_page(0, 10, size=(800, 800))], [True])
    assert isinstance(answer, dict)
    keys = ["objects", "verdict", "width", "height", "processing_time_ms", "model", "version"]
    assert list(answer) == keys
    assert (answer["verdict"], answer["model"]) == ("recognised", "sketch_detector")
    objects: list[dict[str, object]] = answer["objects"]  # type: ignore[assignment]
    boxes = sorted(each["box"] for each in objects)  # type: ignore[type-var]
    np.testing.assert_allclose(boxes, [[0, 0, 200, 200], [400, 400, 600, 600]], atol=1)  # type: ignore[arg-type]
    for each in objects:
        assert list(each) == ["box", "score", "class", "title", "confidence", "probabilities"]
        assert (each["class"], each["title"]) == ("object", {"en": "object", "ko": "사물"})
        assert each["confidence"] == each["score"]
        assert each["probabilities"] == {"object": each["score"]}


def test_no_drawing_and_a_drawing_without_a_box_are_told_apart(detector: DetectorModel) -> None:
    thin = Image.new("RGB", (512, 512), "white")
    thin.paste((0, 0, 0), (100, 100, 400, 101))  # too little ink in any cell for the detector
    buffer = io.BytesIO()
    thin.save(buffer, "PNG")
    empty, drawn, broken = detector.answer([draw_page(), buffer.getvalue(), b"no picture"])
    assert (empty["verdict"], empty["objects"]) == ("no_drawing", [])  # type: ignore[index]
    assert (drawn["verdict"], drawn["objects"]) == ("nothing_found", [])  # type: ignore[index]
    assert isinstance(broken, ImageError)


def test_examples_were_answered_when_the_bundle_was_made(detector: DetectorModel) -> None:
    [example] = detector.examples()
    [again] = detector.answer([base64.b64decode(str(example["data"]))])
    assert again["objects"] == example["answer"]["objects"] != []  # type: ignore[index]


def test_a_card_is_read_as_what_its_task_says(bundle: Path, tiny_sketch_bundle: Path) -> None:
    assert type(read_card(bundle / "card.json", Card)) is DetectorCard
    assert type(read_card(tiny_sketch_bundle / "card.json", Card)) is SketchCard
    assert type(read_card(tiny_sketch_bundle / "card.json")) is SketchCard  # it classifies
    assert type(read_card(tiny_sketch_bundle.with_name("sketch_classifier") / "card.json", Card)) is ModelCard


def test_a_detector_where_a_classifier_is_wanted_is_refused_in_one_line(bundle: Path) -> None:
    with pytest.raises(CardError) as caught:
        read_card(bundle / "card.json")
    assert caught.value.message.endswith("this is a model for detection, not for classification or sketch.")
    assert caught.value.remedy == "Give a bundle for classification or sketch."


#: Two boxes of different classes over each other, one beside them: corners, then the scores of two classes.
OVERLAPPING = np.array(
    [[0, 1, 50], [0, 0, 50], [10, 11, 60], [10, 10, 60], [0.9, 0.1, 0.0], [0.2, 0.8, 0.7]], np.float32
)


def test_boxes_are_suppressed_class_by_class() -> None:
    boxes, scores, classes = suppress(OVERLAPPING, 0.3, 0.5)
    assert boxes.tolist() == [[0, 0, 10, 10], [1, 0, 11, 10], [50, 50, 60, 60]]
    np.testing.assert_allclose(scores, [0.9, 0.8, 0.7])
    assert classes.tolist() == [0, 1, 1]


def test_a_page_has_one_box_where_two_classes_overlap(detector: DetectorModel, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(detector.detector, "forward", lambda pixels: OVERLAPPING)
    boxes, scores, classes = detector.detector(Image.new("RGB", (256, 256), "white"))  # twice the network's side
    assert boxes.tolist() == [[0, 0, 20, 20], [100, 100, 120, 120]]
    np.testing.assert_allclose(scores, [0.9, 0.7])
    assert classes.tolist() == [0, 1]
