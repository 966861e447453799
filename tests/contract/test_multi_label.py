"""Pictures of several labels go the whole way: manifest, training, bundle, archive, handler, page, report."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from typer.testing import CliRunner

from frontend import create_app
from frontend.settings import Settings
from hwapung.cli import app
from model_training.commands.train import train_recipe
from model_training.runtime.card import MultiLabelCard, read_card
from model_training.runtime.errors import CardError
from model_training.runtime.multi_label import MultiLabelClassifier
from tests.contract.test_answers import CLASSES, CONTRACT, EXPLANATION, SHARE, closed, conforms
from tests.frontend.model_server_stub import ModelServerStub
from tests.frontend.pages import send
from tests.model_training.test_every_recipe import as_png, ask
from tests.tiny_labels import COLOURS, SETS, draw_labels, write_labels

SETTINGS = [
    "network.backbone=test_resnet", "network.pretrained=false", "network.unfreeze=all", "network.head.hidden=null",
    "preprocessing.height=32", "preprocessing.width=32", "training.epochs=8", "training.batch_size=8",
    "training.learning_rate=0.003", "data.group=title", "serving.neighbours=names",
]  # fmt: skip
ANSWER: dict[str, Any] = {
    "labels": {"type": "array", "items": {"enum": list(COLOURS)}},
    "processing_time_ms": {"type": "number", "exclusiveMinimum": 0},
    "probabilities": closed(**dict.fromkeys(COLOURS, SHARE)),
    "verdict": {"enum": ["sure", "unsure", "unknown"]},
    "model": {"const": "webtoon_genres"},
    "version": {"enum": ["1.0", "1.0+bf16", "1.0+int8"]},
    "prediction_set": closed(risk=SHARE, classes=CLASSES | {"minItems": 0}),
}
SETS_OF_LABELS = [";".join(each) for each in SETS]
NEIGHBOURS = {"type": "array", "minItems": 6, "maxItems": 6, "items": closed(
    **{"class": {"enum": SETS_OF_LABELS}}, similarity={"type": "number", "minimum": -1, "maximum": 1},
)}  # fmt: skip


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with `data/` and, trained on it, `build/bundles/webtoon_genres`."""
    folder = tmp_path_factory.mktemp("labels")
    write_labels(folder / "data", 15)
    train_recipe("webtoon_genres", SETTINGS, folder / "data", "cpu", folder / "build")
    return folder


@pytest.fixture(scope="module")
def bundle(place: Path) -> Path:
    return place / "build" / "bundles" / "webtoon_genres"


def test_the_card_says_how_each_label_is_decided(bundle: Path) -> None:
    card = read_card(bundle / "card.json", MultiLabelCard)
    assert [label.key for label in card.labels] == ["daily", "action", "drama"]  # as the recipe titles them
    assert [each.key for each in card.decisions] == ["daily", "action", "drama"]
    assert {figure.name for figure in card.metrics} == {"macro_average_precision", "macro_f1"}
    (precision,) = (figure for figure in card.metrics if figure.is_headline)
    assert precision.value > 0.9  # strokes of other colours
    assert card.risk is not None
    assert card.risk.fitted_on == card.calibration.fitted_on
    assert {example.label for example in card.examples} >= {"daily", "action;daily"}
    said = (bundle / "MODEL_CARD.md").read_text("utf-8")
    assert "macro-average precision" in said
    assert "매크로 평균 정밀도" in said
    with pytest.raises(CardError, match="this is a model for multi_label, not for classification or sketch"):
        read_card(bundle / "card.json")


def test_the_archive_answers_with_several_labels(bundle: Path, tmp_path: Path) -> None:
    answer = ask(bundle, as_png(draw_labels(("action", "drama"), 5)), tmp_path)
    assert conforms(closed(**ANSWER, explanation=EXPLANATION, neighbours=NEIGHBOURS), answer)
    assert answer["neighbours"][0]["class"] == "action;drama"
    probabilities = answer["probabilities"]
    assert set(answer["labels"][:2]) == {"action", "drama"}
    assert answer["labels"] == sorted(answer["labels"], key=lambda key: -probabilities[key])
    assert answer["explanation"]["class"] == answer["labels"][0]
    assert sum(probabilities.values()) > 1.2  # each by itself


def test_the_documented_answer_conforms() -> None:
    (example,) = re.findall(r'```json\n(\{"labels".*?)\n```', CONTRACT, re.DOTALL)
    answer = json.loads(example)
    of_the_example = {
        "labels": {"type": "array", "items": {"type": "string"}},
        "probabilities": {"type": "object", "additionalProperties": SHARE},
    }
    assert conforms(closed(**ANSWER | of_the_example), answer)
    assert answer.keys() == ANSWER.keys()


def test_verdicts_thresholds_and_explanations_follow_the_card(bundle: Path) -> None:
    model = MultiLabelClassifier.load(bundle)
    keys = [label.key for label in model.card.labels]
    decisions = tuple(
        each.model_copy(update={"threshold": threshold})
        for each, threshold in zip(model.card.decisions, (0.9, 0.3, 0.6), strict=True)
    )
    thresholds = model.card.thresholds.model_copy(update={"sure": 0.7})
    model.card = model.card.model_copy(update={"decisions": decisions, "thresholds": thresholds})
    probabilities = np.array([[0.85, 0.4, 0.8], [0.95, 0.2, 0.75], [0.85, 0.1, 0.2]])
    judged = [model.judge(row) for row in probabilities]
    assert judged == [
        ({"labels": [keys[2], keys[1]]}, "unsure"),  # the second is named, but is not sure
        ({"labels": [keys[0], keys[2]]}, "sure"),
        ({"labels": []}, "unsure"),
    ]
    # The most probable label is explained only where it is named, or where none is.
    assert model.choose_explained(probabilities).tolist() == [2, 0, 0]


def test_a_stored_answer_and_the_card_make_a_page(bundle: Path, tmp_path: Path) -> None:
    model = MultiLabelClassifier.load(bundle)
    stub = ModelServerStub()
    try:
        stub.models["landscape"] = (model.card.model_dump(mode="json"), model.examples())
        (answer,) = model.answer([as_png(draw_labels(("daily",), 9))], [True])
        assert isinstance(answer, dict)
        stub.reply = (200, json.dumps(answer).encode())
        client = create_app(Settings(model_server_url=stub.address, catalogue_seconds=0)).test_client()  # type: ignore[call-arg]
        page = send(client).text
        assert '<span class="chip-title">Slice of life</span>' in page or answer["verdict"] == "unknown"
        assert "<span>Slice of life</span>" in page[page.index('id="neighbours-title"') :]
        assert client.get("/models/landscape/examples/example-01").status_code == 200
    finally:
        stub.close()


def test_the_command_predicts_and_evaluates(bundle: Path, place: Path) -> None:
    build = ["--build", str(place / "build")]
    path = place / "one.png"
    draw_labels(("daily", "drama"), 3).save(path)
    said = CliRunner().invoke(app, ["predict", str(path), "--bundle", str(bundle), *build])
    assert said.exit_code == 0, said.output
    assert "Slice of life" in said.stdout
    assert "Drama" in said.stdout
    table, sorted_into, heatmaps = place / "a.json", place / "sorted", place / "heatmaps"
    more = ["--to", str(table), "--sort-into", str(sorted_into), "--explain", str(heatmaps)]
    said = CliRunner().invoke(app, ["predict", str(path), *more, "--bundle", str(bundle), *build])
    assert said.exit_code == 0, said.output
    (row,) = json.loads(table.read_text("utf-8"))
    assert row.keys() == {
        "path", "labels", "verdict", "reason", "prediction_set", "probabilities", "warnings", "error", "message",
    }  # fmt: skip
    assert set(row["labels"]) == {"daily", "drama"} <= set(row["prediction_set"])
    assert row["probabilities"].keys() == COLOURS.keys()
    assert {each.relative_to(sorted_into).parts[:2] for each in sorted_into.rglob("one.png")} == {
        (label, row["verdict"]) for label in row["labels"]
    }
    assert [each.name for each in heatmaps.rglob("*.png")] == ["one.png.png"]
    reports = ["--reports", str(place / "reports"), "--data", str(place / "data"), "--json"]
    said = CliRunner().invoke(app, ["evaluate", str(bundle), *build, *reports])
    assert said.exit_code == 0, said.output
    told = json.loads(said.stdout)
    (figure,) = (each for each in read_card(bundle / "card.json", MultiLabelCard).metrics if each.is_headline)
    assert told["macro_average_precision"]["value"] == figure.value
    page = Path(told["report"]).read_text("utf-8")
    assert "This is measured only of models that give a picture one class." in page
    assert "레이블별 점수" in page
    assert re.search(r"Of \d+ test pictures it names all labels and no other for \d+\.\d%\.", page)
    assert re.search(r"Of the labels that it names \d+\.\d% are right", page)
    refused = CliRunner().invoke(app, ["evaluate", str(bundle), *build, "--test", str(place / "data")])
    assert "Give --data alone" in str(refused.exception or refused.output)
