"""Sections on made-up predictions: any number of classes, and classes that are missing."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from analysis import confidence, galleries, sections
from analysis.document import CannotComputeError, Sheet, Table, file_name
from analysis.explanations import heatmaps, overlay
from analysis.material import Material
from analysis.metrics import Score
from analysis.predictions import Predictions
from analysis.style import Style, using_look
from analysis.writer import to_csv
from model_training.runtime.architecture import Preprocessing
from model_training.runtime.card import Text
from model_training.runtime.network import ClassificationNetwork
from tests.analysis.made_up import make_predictions


def material(predictions: Predictions) -> Material:
    return Material(predictions, [Text(en=label, ko=label) for label in predictions.labels])


def test_an_absent_and_a_single_image_class_are_named() -> None:
    section = sections.scores(material(make_predictions({"a": 10, "b": 1, "c": 0})))
    said = [each.en for each in section.missing]
    assert said == [
        "No test picture, so no recall: c.",
        "One test picture only, which says next to nothing: b.",
    ]
    table = section.parts[0]
    assert isinstance(table, Table)
    assert "c,,,,,,,,0" in to_csv(table).splitlines()[-1].replace("0.0", "")


def test_one_answer_for_everything_is_said() -> None:
    predictions = make_predictions({"a": 5, "b": 5})
    predictions.logits[:, 0] = 9
    assert sections.scores(material(predictions)).words[0].en == "Every picture got the answer a."


def test_a_class_that_is_never_the_answer_has_no_precision_and_loses_nothing_else() -> None:
    predictions = make_predictions({"a": 5, "b": 5})
    predictions.logits[:, 0] = 9
    section = sections.scores(material(predictions))
    a, b = (row for part in section.parts if part.name == "classification_report" for row in part.rows)  # type: ignore[union-attr]
    assert a[1].value == 0.5  # type: ignore[union-attr]
    assert a[2].value == 1.0  # type: ignore[union-attr]
    assert np.isnan(b[1].value)  # type: ignore[union-attr]
    assert b[2].value == 0.0  # type: ignore[union-attr]
    assert len(sections.curves(material(predictions)).parts) == 3
    sheets = {part.name: part for part in galleries.images(material(predictions)).parts}
    assert len(sheets["wrong_predictions"].images) == 5  # type: ignore[union-attr]


def test_fifty_thousand_images_are_all_counted_and_a_few_shown() -> None:
    many = make_predictions({"a": 25_000, "b": 25_000}, side=2)
    section = sections.scores(material(many))
    (answers,) = (part for part in section.parts if part.name == "predictions")
    assert isinstance(answers, Table)
    assert len(answers.rows) == 50_000
    scores = {name.en: score for name, score in sections.measure_headline(many)}
    assert scores["accuracy"].images == 50_000
    assert scores["accuracy"].high - scores["accuracy"].low < 0.01
    assert "Over 50000 test pictures" in confidence.calibration(material(many)).words[0].en
    shown = [part for part in galleries.images(material(many)).parts if isinstance(part, Sheet)]
    assert [len(sheet.images) for sheet in shown] == [24, 24, 24]


def test_of_two_hundred_classes_the_maps_of_twenty_are_shown() -> None:
    many = make_predictions({f"c{number}": 1 for number in range(200)}, sharpness=4, side=32)
    torch.manual_seed(0)
    preprocessing = Preprocessing(height=32, width=32, mean=(0.5, 0.5, 0.5), std=(0.25, 0.25, 0.25))
    section = heatmaps(material(many), ClassificationNetwork("test_resnet", 200, preprocessing), "cpu")
    assert section.missing[0].en == "20 of 200 classes are shown: those with the most wrong answers."
    assert len([part for part in section.parts if isinstance(part, Sheet)]) == 20


def test_maps_of_no_test_image_are_not_computed() -> None:
    preprocessing = Preprocessing(height=32, width=32, mean=(0.5, 0.5, 0.5), std=(0.25, 0.25, 0.25))
    network = ClassificationNetwork("test_resnet", 2, preprocessing)
    for make in (
        lambda some: heatmaps(some, network, "cpu"),
        lambda some: galleries.images(some),
        lambda some: confidence.calibration(some),
    ):
        with pytest.raises(CannotComputeError, match="There is no test picture"):
            make(material(make_predictions({"a": 0, "b": 0})))


def test_curves_need_two_classes() -> None:
    with pytest.raises(CannotComputeError, match="two classes"):
        sections.curves(material(make_predictions({"a": 5, "b": 0})))


def test_two_classes_have_one_curve_and_two_hundred_one_each() -> None:
    two = sections.curves(material(make_predictions({"a": 20, "b": 20})))
    assert isinstance(two.parts[2], Table)
    assert len(two.parts[2].rows) == 1
    many = make_predictions({f"c{number}": 3 for number in range(200)}, sharpness=4)
    found = sections.curves(material(many))
    assert isinstance(found.parts[2], Table)
    assert len(found.parts[2].rows) == 200
    assert sections.scores(material(many)).missing == []


def test_headline_figures_are_nan_without_images() -> None:
    none = make_predictions({"a": 0, "b": 0})
    assert all(np.isnan(score.value) for _, score in sections.measure_headline(none))
    some = {name.en: score for name, score in sections.measure_headline(make_predictions({"a": 30, "b": 30}))}
    assert 0.7 < some["accuracy"].value < 1
    assert some["AUC"].value > 0.8


def test_calibration_without_validation_says_so() -> None:
    section = confidence.calibration(material(make_predictions({"a": 20, "b": 20})))
    assert "need validation pictures" in section.missing[0].en
    assert [part.name for part in section.parts if isinstance(part, Table)] == ["reliability"]


def test_galleries_put_the_surest_errors_first() -> None:
    predictions = make_predictions({"a": 40, "b": 40}, sharpness=1)
    section = galleries.images(material(predictions))
    wrong = next(part for part in section.parts if isinstance(part, Sheet) and part.name == "wrong_predictions")
    sure = [float(image.caption.en.split()[-1]) for image in wrong.images]
    assert sure == sorted(sure, reverse=True)
    assert all(image.wrong for image in wrong.images)
    assert galleries.images(material(make_predictions({"a": 9, "b": 9}, sharpness=40))).missing[0].en == (
        "There is no wrong answer to show."
    )


def test_charts_of_sections_draw() -> None:
    for part in sections.scores(material(make_predictions({"a": 4, "b": 4}))).parts:
        if hasattr(part, "draw"):
            with using_look():
                assert part.draw(Style()).axes


def test_the_overlay_leaves_dark_places_and_paints_bright_ones() -> None:
    pixels = np.full((1, 2, 3), 100, np.uint8)
    painted = overlay(pixels, np.array([[0.0, 1.0]]))
    assert painted[0, 0].tolist() == [100, 100, 100]
    assert painted[0, 1, 0] > 200  # inferno ends in pale yellow


def test_file_names_are_safe() -> None:
    assert file_name("산수 화/..") == "산수_화_"
    assert file_name("..") == "_"


def test_scores_take_three_columns() -> None:
    table = Table("t", Text(en="t", ko="t"), (Text(en="x", ko="x"),), [(Score(0.5, 0.25, 0.75, "wilson", 4),)])
    assert to_csv(table) == "x,x low,x high\n0.5,0.25,0.75\n"
