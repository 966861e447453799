from __future__ import annotations

import io
import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from model_training.datasets.prepare import Prepared
from model_training.packaging.bundle import make_bundle
from model_training.packaging.convert import convert_bundle
from model_training.packaging.resistance import TREATMENTS, measure_resistance, save_jpeg, save_smaller, take_screenshot
from model_training.recipe import Recipe, load_recipe, override
from model_training.runtime.card import ModelCard, read_card
from model_training.runtime.classifier import Classifier
from model_training.runtime.errors import ImageError
from model_training.runtime.measures import SourceAccuracy, Thresholds, UnseenSources
from model_training.runtime.model import Answer
from model_training.training.loop import Trained

NOISE = Image.fromarray(np.random.default_rng(0).integers(0, 256, (100, 200, 3), np.uint8))


def reopen(file: bytes) -> Image.Image:
    return Image.open(io.BytesIO(file))


def test_a_treatment_leaves_a_file_as_it_would_arrive() -> None:
    assert len(save_jpeg(20).apply(NOISE)) < len(save_jpeg(70).apply(NOISE)) / 2
    assert reopen(save_jpeg(20).apply(NOISE)).size == (200, 100)
    smaller = reopen(save_smaller(0.25).apply(NOISE))
    assert (smaller.size, smaller.format) == ((50, 25), "PNG")
    shown = reopen(take_screenshot(0.5, 45).apply(NOISE))
    assert (shown.size, shown.format) == ((98, 48), "JPEG")
    assert reopen(save_smaller(0.25).apply(NOISE.crop((0, 0, 3, 1)))).size == (4, 4)


def test_the_bundle_itself_is_asked_about_every_treatment(
    tiny_bundle: Path, tiny_prepared: Prepared, tmp_path: Path
) -> None:
    bundle = shutil.copytree(tiny_bundle, tmp_path / "bundle")
    found = measure_resistance(read_card(bundle / "card.json"), bundle, tiny_prepared)
    assert [(each.treatment, each.strength) for each in found] == [
        ("none", None), ("jpeg", 70), ("jpeg", 40), ("jpeg", 20), ("resize", 0.75), ("resize", 0.5), ("resize", 0.25),
        ("screenshot", 0.9), ("screenshot", 0.7), ("screenshot", 0.5),
    ]  # fmt: skip
    entries = [tiny_prepared.dataset.entries[row] for row in tiny_prepared.rows["test"]]
    model = Classifier.load(tiny_bundle)
    for each, apply in zip(found, (None, *(each.apply for each in TREATMENTS)), strict=True):
        files = [entry.path.read_bytes() for entry in entries]
        files = [apply(Image.open(io.BytesIO(file)).convert("RGB")) for file in files] if apply else files
        answers = model.answer(files)
        right = [
            not isinstance(one, Exception) and one["class"] == entry.label
            for one, entry in zip(answers, entries, strict=True)
        ]
        assert (each.images, each.accuracy) == (6, pytest.approx(np.mean(right), abs=1e-4))
        assert each.low < each.accuracy <= each.high or each.accuracy == 0


def test_wrong_though_sure_is_a_share_of_the_sure_answers(
    tiny_bundle: Path, tiny_prepared: Prepared, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Six test pictures, three of each class: China is always the answer, and two answers in three are sure."""
    said: list[Answer | ImageError] = [
        {"class": "china", "verdict": verdict} for verdict in ("sure", "sure", "unknown", "sure", "sure", "unsure")
    ]
    monkeypatch.setattr(Classifier, "answer", lambda self, files: said)
    bundle = shutil.copytree(tiny_bundle, tmp_path / "bundle")
    labels = [tiny_prepared.dataset.entries[row].label for row in np.sort(tiny_prepared.rows["test"])]
    first = measure_resistance(read_card(bundle / "card.json"), bundle, tiny_prepared)[0]
    sure = [labels[number] for number in (0, 1, 3, 4)]
    assert (first.accuracy, first.sure, first.unknown) == (0.5, 0.6667, 0.1667)
    assert first.sure_error_rate == sure.count("japan") / 4


UNSEEN = UnseenSources(
    column="generator",
    trainings=2,
    sources=(
        SourceAccuracy(
            source="midjourney", classes=("china",), images=9, accuracy=0.8, low=0.5, high=0.9, sure=0.1,
            sure_error_rate=0.0,
        ),
    ),
    mean=0.8, low=None, high=None, seen=0.9, sure=0.1, sure_error_rate=None, kept=("phone",), unnamed=3,
    thresholds=Thresholds(sure=0.97, precision_above=0.99, share_above=0.1, chosen_on="unseen_sources"),
)  # fmt: skip


@pytest.fixture(scope="module")
def measured(
    tiny_recipe: Recipe, tiny_prepared: Prepared, tiny_trained: Trained, tmp_path_factory: pytest.TempPathFactory
) -> Path:
    words = load_recipe("ai_vs_real").verdicts.model_dump()
    recipe = override(tiny_recipe, {"resistance": True, "verdicts": words | {"confidence_level": None}})
    return make_bundle(recipe, tiny_prepared, tiny_trained, tmp_path_factory.mktemp("measured"), UNSEEN)


def read(bundle: Path) -> ModelCard:
    return read_card(bundle / "card.json")


def test_the_stricter_band_counts_and_the_words_say_what_it_promises(measured: Path) -> None:
    card = read(measured)
    assert card.unseen_sources == UNSEEN
    assert len(card.resistance) == len(TREATMENTS) + 1
    thresholds = card.thresholds  # six validation pictures: theirs may be 1.0
    assert thresholds.sure >= 0.97
    assert (thresholds.chosen_on == "unseen_sources") == (thresholds.sure == 0.97)
    said = card.verdicts["sure"].text
    assert said.en.startswith("On pictures from sources that it was not trained on, about 2% or fewer")
    assert "2%" in said.ko
    assert "{" not in said.en + said.ko
    assert "MODEL_CARD.md" in card.files


def test_another_form_keeps_what_was_measured(measured: Path, procedural_folder: Path, tmp_path: Path) -> None:
    """The sources were left out in trainings, which another form does not repeat."""
    card = read(convert_bundle(measured, "torch", procedural_folder, tmp_path))
    assert card.openvino_model is None
    assert card.unseen_sources == UNSEEN
    assert card.thresholds.sure >= 0.97


def test_without_sources_the_words_promise_nothing_for_others(
    tiny_recipe: Recipe, tiny_prepared: Prepared, tiny_trained: Trained, tmp_path: Path
) -> None:
    words = load_recipe("ai_vs_real").verdicts.model_dump()
    recipe = override(tiny_recipe, {"verdicts": words})
    card = read(make_bundle(recipe, tiny_prepared, tiny_trained, tmp_path))
    assert (card.unseen_sources, card.resistance) == (None, ())
    assert card.thresholds.chosen_on == "validation"
    assert "For other sources (generators, cameras) nothing is promised." in card.verdicts["sure"].text.en
