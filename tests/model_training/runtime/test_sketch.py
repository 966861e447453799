"""Pages → answers, with the hand-made detector: boxes, crops, verdicts."""

from __future__ import annotations

import base64
import io
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from model_training.runtime.card import OutOfDistribution
from model_training.runtime.classifier import Classifier
from model_training.runtime.detector import MOST_OBJECTS
from model_training.runtime.drawing import crop_square, has_drawing, ink_box, measure_flatness
from model_training.runtime.errors import ImageError
from model_training.runtime.load import load_bundle
from model_training.runtime.pages import read_page
from model_training.runtime.sketch import Sketch
from tests.tiny_sketch import LABELS, draw_page


@pytest.fixture(scope="module")
def sketch(tiny_sketch_bundle: Path) -> Sketch:
    loaded = load_bundle(tiny_sketch_bundle)
    assert isinstance(loaded, Sketch)
    loaded.warm_up()
    return loaded


def encode(pixels: np.ndarray) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "PNG")
    return buffer.getvalue()


def page(shade: int = 255, size: int = 200) -> np.ndarray:
    return np.full((size, size, 3), shade, np.uint8)


def test_every_object_has_its_box_in_the_pixels_of_the_page(sketch: Sketch) -> None:
    [answer] = sketch.answer([draw_page(0, 10, size=(800, 800))])
    assert isinstance(answer, dict)
    boxes = sorted(each["box"] for each in answer["objects"])  # type: ignore[attr-defined]
    np.testing.assert_allclose(boxes, [[0, 0, 200, 200], [400, 400, 600, 600]], atol=1)
    assert (answer["width"], answer["height"], answer["verdict"]) == (800, 800, "recognised")
    assert (answer["model"], answer["version"]) == ("sketch", "1.0")


def test_boxes_of_a_large_page_are_in_its_own_pixels_and_inside_it(sketch: Sketch) -> None:
    [answer] = sketch.answer([draw_page(15, size=(3000, 2000))])
    [found] = answer["objects"]  # type: ignore[index]
    assert (answer["width"], answer["height"]) == (3000, 2000)  # type: ignore[index]
    assert found["box"][0] > 2000
    assert found["box"][1] > 1000
    assert found["box"][2] <= 3000
    assert found["box"][3] <= 2000


def test_an_object_says_class_title_confidence_and_embedding(sketch: Sketch) -> None:
    [answer] = sketch.answer([draw_page(5)])
    [found] = answer["objects"]  # type: ignore[index]
    assert list(found) == ["box", "score", "class", "title", "confidence", "probabilities", "embedding"]
    assert found["title"] == {"en": found["class"], "ko": LABELS[found["class"]]}
    assert found["confidence"] == max(found["probabilities"].values()) == found["probabilities"][found["class"]]
    assert 0.3 <= found["score"] <= 1
    embedding = np.frombuffer(base64.b64decode(found["embedding"]), "<f4")
    assert np.linalg.norm(embedding) == pytest.approx(1, abs=1e-5)


def test_an_object_is_judged_where_the_card_can_tell_strangers(sketch: Sketch, monkeypatch: pytest.MonkeyPatch) -> None:
    ood = OutOfDistribution(threshold=0, rejected=0.05, fitted_on=90)
    monkeypatch.setattr(sketch, "card", sketch.card.model_copy(update={"ood": ood}))
    monkeypatch.setattr(sketch.classifier, "card", sketch.card)
    # Each crop by itself: the last of the batch is strange.
    observe = sketch.classifier.observe
    monkeypatch.setattr(
        sketch.classifier, "observe", lambda pixels: replace(observe(pixels), distances=np.arange(len(pixels)) - 2.5)
    )
    [answer] = sketch.answer([draw_page(0, 6, 10, 15)])
    *known, stranger = answer["objects"]  # type: ignore[index]
    assert (stranger["verdict"], stranger["reason"]) == ("unknown", "unlike")
    for found in known:
        assert found["verdict"] == ("sure" if found["confidence"] >= sketch.card.thresholds.sure else "unsure")
        assert "reason" not in found


def test_objects_are_sorted_by_score_and_each_crop_is_judged_by_itself(sketch: Sketch) -> None:
    [together] = sketch.answer([draw_page(0, 15)])
    scores = [each["score"] for each in together["objects"]]  # type: ignore[index]
    assert scores == sorted(scores, reverse=True)
    [alone] = sketch.answer([draw_page(15)])
    same = [each for each in together["objects"] if each["box"] == alone["objects"][0]["box"]]  # type: ignore[index]
    assert same[0]["probabilities"] == pytest.approx(alone["objects"][0]["probabilities"], abs=1e-4)  # type: ignore[index]


def test_strokes_without_a_box_are_one_object_for_the_whole_page(sketch: Sketch) -> None:
    thin = page(255, 512)
    thin[100, 100:400] = 0  # too little ink in any cell for the detector
    [answer] = sketch.answer([encode(thin)])
    [found] = answer["objects"]  # type: ignore[index]
    assert (found["box"], found["score"], answer["verdict"]) == (None, None, "recognised")  # type: ignore[index]


def dot() -> np.ndarray:
    pixels = page()
    pixels[100:103, 100:103] = 0
    return pixels


@pytest.mark.parametrize(
    "pixels",
    [page(), page(0), page(120), dot(), np.random.default_rng(0).integers(0, 256, (200, 200, 3), dtype=np.uint8)],
    ids=["empty", "black", "grey", "dot", "noise"],
)
def test_what_is_no_drawing_is_not_named(sketch: Sketch, pixels: np.ndarray) -> None:
    [answer] = sketch.answer([encode(pixels)])
    assert (answer["verdict"], answer["objects"]) == ("no_drawing", [])  # type: ignore[index]


def test_a_page_full_of_strokes_is_answered_for_its_surest_objects(sketch: Sketch) -> None:
    [answer] = sketch.answer([draw_page(*range(16))])
    assert len(answer["objects"]) == min(16, MOST_OBJECTS)  # type: ignore[index]


def test_a_broken_file_leaves_its_neighbours_alone(sketch: Sketch) -> None:
    first, broken, last = sketch.answer([draw_page(0), b"no picture", draw_page(3, 12)])
    assert isinstance(broken, ImageError)
    assert (len(first["objects"]), len(last["objects"])) == (1, 2)  # type: ignore[index]
    assert last["objects"][0]["box"] != first["objects"][0]["box"]  # type: ignore[index]


def test_examples_were_answered_when_the_bundle_was_made(sketch: Sketch) -> None:
    for example in sketch.examples():
        [again] = sketch.answer([base64.b64decode(str(example["data"]))])
        assert again["objects"] == example["answer"]["objects"]  # type: ignore[index]


def test_large_pages_are_shrunk_and_boxes_enlarged_again() -> None:
    shrunk = read_page(draw_page(0, size=(2560, 1280)))
    assert shrunk.image is not None
    assert shrunk.image.size == (1280, 640)
    assert shrunk.enlarge({"box": (0, 10, 640, 20), "score": 1}) == {"box": [0, 20, 1280, 40], "score": 1}
    assert shrunk.enlarge({"box": None}) == {"box": None}


def test_a_square_crop_keeps_proportions_and_is_white_beyond_the_page() -> None:
    image = Image.new("RGB", (100, 50), "black")
    square = crop_square(image, (0, 0, 100, 50), 0.1)
    assert square.size == (120, 120)
    rows = np.asarray(square.convert("L"))
    assert (rows[60, 60], rows[10, 60], rows[60, 5]) == (0, 255, 255)
    assert ink_box(square) == (10, 35, 110, 85)


def test_flatness_of_paper_and_of_noise() -> None:
    assert measure_flatness(Image.fromarray(page())) == 1
    noise = Image.fromarray(np.random.default_rng(0).integers(0, 256, (256, 256, 3), dtype=np.uint8))
    assert measure_flatness(noise) == 0
    assert not has_drawing(noise, 0.3)


def test_a_photographed_sheet_is_cleaned_and_its_page_comes_with_the_answer(sketch: Sketch) -> None:
    shaded = np.asarray(Image.open(io.BytesIO(draw_page(0, 10, size=(1600, 1600)))).convert("L"))
    light = np.linspace(210, 150, 1600)[None] * np.where(shaded < 128, 0.3, 1.0)
    photograph = encode(np.dstack([light.astype(np.uint8)] * 3))
    as_it_is, cleaned, other = sketch.answer([photograph, photograph, draw_page(3)], paper=[False, True, False])
    assert as_it_is["verdict"] == "recognised"  # type: ignore[index]
    assert "page" not in as_it_is
    assert "page" not in other
    assert (cleaned["verdict"], cleaned["width"], cleaned["height"]) == ("recognised", 1024, 1024)  # type: ignore[index]
    page = cleaned["page"]  # type: ignore[index]
    assert {key: page[key] for key in page if key != "data"} == {
        "media_type": "image/png",
        "width": 1024,
        "height": 1024,
    }
    values = np.asarray(Image.open(io.BytesIO(base64.b64decode(page["data"]))))
    assert (values.shape, values.dtype) == ((1024, 1024), np.uint8)
    assert values[-20:].min() == 255  # the shadow is gone
    boxes = sorted(each["box"] for each in cleaned["objects"])  # type: ignore[index]
    np.testing.assert_allclose(boxes, [[0, 0, 256, 256], [512, 512, 768, 768]], atol=1)


def test_what_is_no_drawing_on_paper_is_not_asked_about_but_shown(sketch: Sketch) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (200, 200, 3), dtype=np.uint8)
    broken, answer = sketch.answer([b"no picture", encode(noise)], paper=[True, True])
    assert isinstance(broken, ImageError)
    assert (answer["verdict"], answer["objects"]) == ("no_drawing", [])  # type: ignore[index]
    assert (answer["page"]["width"], answer["page"]["height"]) == (200, 200)  # type: ignore[index]


def test_a_sketch_has_a_detector_and_a_classifier(sketch: Sketch) -> None:
    assert not isinstance(sketch, Classifier)
    assert sketch.detector.settings == sketch.card.detector
    assert isinstance(sketch.classifier, Classifier)
