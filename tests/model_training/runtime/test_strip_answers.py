"""A bundle asked about strips and about files that end early."""

from __future__ import annotations

import base64
import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from model_training.runtime.classifier import Classifier, ImageClassifier
from model_training.runtime.model import Answer
from model_training.runtime.multi_label import MultiLabelClassifier
from model_training.runtime.pages import read_page
from tests.cards import make_card


@pytest.fixture(scope="module")
def classifier(tiny_strip_bundle: Path) -> Classifier:
    return Classifier.load(tiny_strip_bundle)


def encode(image: np.ndarray, kind: str = "PNG") -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(image).save(buffer, kind)
    return buffer.getvalue()


def strip(panels: int, height: int = 90, width: int = 60) -> np.ndarray:
    """Panels of noise in different colours with white gutters of ten rows between them."""
    generator = np.random.default_rng(3)
    image = generator.integers(0, 256, (panels * height, width, 3), dtype=np.uint8)
    for number in range(panels):
        image[number * height : (number + 1) * height, :, number % 3] //= 4
        if number:
            image[number * height - 5 : number * height + 5] = 255
    return image


def one(classifier: Classifier, data: bytes, *, explain: bool = False) -> Answer:
    (answer,) = classifier.answer([data], [explain])
    assert isinstance(answer, dict)
    return answer


@pytest.mark.parametrize("panels", [3, 12])
def test_the_whole_is_the_mean_of_the_panels(classifier: Classifier, panels: int) -> None:
    answer = one(classifier, encode(strip(panels)))
    said = answer["panels"]
    assert (answer["width"], answer["height"], len(said)) == (60, 90 * panels, panels)
    assert [each["box"] for each in said] == [[0, 90 * n, 60, 90 * (n + 1)] for n in range(panels)]
    for key, share in answer["probabilities"].items():
        assert share == pytest.approx(np.mean([each["probabilities"][key] for each in said]), abs=1e-5)
    assert answer["class"] == max(answer["probabilities"], key=answer["probabilities"].get)
    assert answer["verdict"] != "unknown"
    assert "reason" not in answer
    assert "prediction_set" not in answer
    if panels < 8:
        assert answer["interval"] is None
    else:
        assert answer["interval"][0] <= answer["confidence"] <= answer["interval"][1]


def test_a_panel_is_answered_as_the_picture_that_it_is(classifier: Classifier) -> None:
    image = strip(3)
    panel = one(classifier, encode(image))["panels"][1]
    alone = one(classifier, encode(image[90:180]))
    assert panel["probabilities"] == pytest.approx(alone["probabilities"], abs=1e-5)
    assert panel["verdict"] == alone["verdict"]
    assert "panels" not in alone


def test_strips_and_pictures_share_a_batch(classifier: Classifier) -> None:
    strips, pictures = [encode(strip(3)), encode(strip(5))], [encode(strip(1)), encode(strip(1)[::-1])]
    mixed = classifier.answer([strips[0], pictures[0], b"no picture", strips[1], pictures[1]])
    for data, answer in (
        (strips[0], mixed[0]),
        (pictures[0], mixed[1]),
        (strips[1], mixed[3]),
        (pictures[1], mixed[4]),
    ):
        assert isinstance(answer, dict)
        alone = one(classifier, data)
        assert answer["probabilities"] == pytest.approx(alone["probabilities"], abs=1e-5)
        assert len(answer.get("panels", ())) == len(alone.get("panels", ()))


def test_blank_panels_do_not_count_and_a_strip_of_them_is_unknown(classifier: Classifier) -> None:
    assert classifier.card.ood is not None
    assert classifier.card.ood.limits.min_contrast > 0
    image = strip(3)
    image[90:180] = 255
    answer = one(classifier, encode(image))
    assert [each.get("reason") for each in answer["panels"]] == [None, "blank", None]
    known = [answer["panels"][0], answer["panels"][2]]
    sizes = [each["box"][3] - each["box"][1] for each in known]
    for key, share in answer["probabilities"].items():
        assert share == pytest.approx(
            np.average([each["probabilities"][key] for each in known], weights=sizes), abs=1e-5
        )
    blank = one(classifier, encode(np.full((600, 60, 3), 255, np.uint8)))
    assert (blank["verdict"], blank["reason"]) == ("unknown", "blank")


def test_the_gate_does_not_call_a_strip_long(classifier: Classifier) -> None:
    answer = one(classifier, encode(strip(12)))  # 18 times as long as wide
    assert {each.get("reason") for each in answer["panels"]} == {None}


def test_the_heatmap_lies_over_the_whole_strip(classifier: Classifier) -> None:
    answer = one(classifier, encode(strip(3)), explain=True)
    explanation = answer["explanation"]
    assert explanation["class"] == answer["class"]
    assert (explanation["width"], explanation["height"]) == (112, 504)
    assert Image.open(io.BytesIO(base64.b64decode(explanation["data"]))).size == (112, 504)


def test_a_file_that_ends_early_is_answered_with_a_warning(classifier: Classifier) -> None:
    data = encode(strip(1), "JPEG")
    whole, cut = one(classifier, data), one(classifier, data[:-2])
    assert cut["warnings"] == ["truncated"]
    assert cut["probabilities"] == pytest.approx(whole["probabilities"], abs=2e-6)
    assert "warnings" not in whole


@pytest.mark.parametrize(
    ("task", "model", "said"),
    [
        ("classification", Classifier, {"class": "china", "confidence": 0.95}),
        ("multi_label", MultiLabelClassifier, {"labels": ["china"]}),
    ],
)
def test_a_strip_is_sure_where_the_lower_end_of_its_interval_is(
    task: str, model: type[ImageClassifier], said: Answer
) -> None:
    judge = object.__new__(model)
    judge.card = make_card(task=task)  # type: ignore[assignment]
    mean = np.array([0.95, 0.05])  # the threshold is 0.9
    assert judge.judge(mean) == (said, "sure")
    assert judge.judge(mean, np.array([0.91, 0.0])) == (said, "sure")
    assert judge.judge(mean, np.array([0.85, 0.0])) == (said, "unsure")


def test_a_page_that_ends_early_is_told_so_too() -> None:
    data = encode(strip(1), "JPEG")
    assert read_page(data[:-2]).warnings == ("truncated",)
    assert read_page(data).warnings == ()
