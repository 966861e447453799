from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from scipy.stats import ttest_1samp
from sklearn.metrics import accuracy_score, f1_score

from model_training.evaluation.metrics import mean_interval
from model_training.experiments import comparisons
from model_training.experiments import runs as scores
from model_training.experiments.comparisons import compare_balance, compare_pairs, compare_splits, most_confused
from model_training.experiments.runs import Score, score
from model_training.recipe import Recipe, load_recipe, override
from model_training.runtime.errors import RecipeError
from model_training.training.loop import start_fabric

COLOURS = {"blue": (0, 0, 220), "cyan": (0, 90, 220), "red": (220, 0, 0), "lone": (0, 220, 0)}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Four classes of flat colour and noise: two alike; `cyan` by two artists, `lone` by one, the others by four."""
    place = tmp_path_factory.mktemp("colours")
    lines = ["path,label,artist"]
    for label, colour in COLOURS.items():
        artists = {"cyan": 2, "lone": 1}.get(label, 4)
        for number in range(16):
            noise = np.random.default_rng([len(label), number]).integers(0, 35, (32, 32, 3))
            name = f"{label}-{number}.png"
            Image.fromarray((noise + colour).astype(np.uint8)).save(place / name)
            lines.append(f"{name},{label},{label}{number % artists}")
    (place / "manifest.csv").write_text("\n".join(lines) + "\n")
    return place


@pytest.fixture(scope="module")
def build(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("build")


@pytest.fixture(scope="module")
def recipe() -> Recipe:
    settings = ["network.backbone=test_resnet", "network.pretrained=false", "network.unfreeze=all"]
    settings += ["preprocessing.height=32", "preprocessing.width=32", "preprocessing.mean=[0.5, 0.5, 0.5]"]
    settings += ["training.epochs=1", "training.batch_size=16", "data.group=artist", "data.too_few=drop"]
    settings += ["data.near_duplicate_distance=0"]
    return load_recipe("webtoon", settings)


def test_figures_of_a_score_are_scikit_learns() -> None:
    generator = np.random.default_rng(0)
    true, predicted = generator.integers(0, 3, 50), generator.integers(0, 3, 50)
    confusion = np.zeros((3, 3), int)
    np.add.at(confusion, (true, predicted), 1)
    result = Score(("a", "b", "c"), confusion, confusion)
    assert result.accuracy == pytest.approx(accuracy_score(true, predicted))
    assert result.macro_f1 == pytest.approx(f1_score(true, predicted, average="macro"))


def test_an_interval_over_repeats_is_students() -> None:
    values = [0.7, 0.72, 0.69, 0.75, 0.71]
    mean, low, high = mean_interval(values)
    expected = ttest_1samp(values, 0).confidence_interval(0.95)
    assert (mean, low, high) == pytest.approx((np.mean(values), expected.low, expected.high))
    assert mean_interval([0.5]) == (0.5, -np.inf, np.inf)


def test_the_most_confused_classes_are_those_mixed_up_most_by_rate() -> None:
    confusion = np.array([[90, 10, 0, 0], [5, 5, 0, 0], [0, 0, 9, 1], [0, 30, 0, 970]])
    assert most_confused(confusion, 2) == [0, 1]  # rates 0.1 + 0.5 and 0.5 + 0.1 + 0.03
    assert most_confused(confusion, 9) == [0, 1, 2, 3]


def test_a_setting_by_its_dotted_name(recipe: Recipe) -> None:
    other = override(recipe, {"data.split.seed": 4, "training.class_balancing": "focal_loss"})
    assert (other.data.split.seed, other.training.class_balancing) == (4, "focal_loss")
    assert other.network == recipe.network


def test_a_score_is_kept_and_its_checkpoints_are_not(
    recipe: Recipe, folder: Path, build: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = score(recipe, folder, build, start_fabric("cpu"))
    assert first.labels == ("blue", "cyan", "red")
    assert (first.dropped, first.borrowed) == (("lone",), ("cyan",))
    assert first.test.sum(1).tolist() == [4, 8, 4]  # one artist of four, one of two
    assert not list(build.rglob("*.ckpt"))
    monkeypatch.setattr(scores, "train", None)
    assert np.array_equal(score(recipe, folder, build, start_fabric("cpu")).test, first.test)


def test_ways_of_balance_side_by_side(
    recipe: Recipe, folder: Path, build: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(comparisons, "METHODS", ("none", "logit_adjustment"))
    table = compare_balance(recipe, folder, build, start_fabric("cpu"), 2)
    assert [row[0] for row in table.rows] == ["none", "logit_adjustment"]
    assert table.columns[-3:] == ("F1 blue", "F1 cyan", "F1 red")
    assert all(0 <= float(cell) <= 1 for row in table.rows for cell in (row[1], *row[3:]))
    assert any("Left out: lone (a single artist" in note for note in table.notes)
    assert any("Two groups only: cyan" in note for note in table.notes)
    path = build / "table.csv"
    table.write(path)
    with path.open(newline="") as file:
        assert [tuple(row) for row in csv.reader(file)] == [table.columns, *table.rows]


def test_the_leak_is_the_difference_on_the_same_classes(recipe: Recipe, folder: Path, build: Path) -> None:
    table = compare_splits(recipe, folder, build, start_fabric("cpu"), 1)
    assert [row[0] for row in table.rows] == ["accuracy", "macro-F1", "F1 blue", "F1 cyan", "F1 red"]
    for _, grouped, mixed, leak in table.rows:
        assert float(leak) == pytest.approx(100 * (float(mixed) - float(grouped)), abs=0.11)
    with pytest.raises(RecipeError, match="no group to split by"):
        compare_splits(override(recipe, {"data.group": None}), folder, build, start_fabric("cpu"), 1)


def test_the_most_confused_classes_two_by_two(recipe: Recipe, folder: Path, build: Path) -> None:
    table = compare_pairs(recipe, folder, build, start_fabric("cpu"), 2)
    ((pair, _, accuracy, _, larger, images),) = table.rows
    assert set(pair.split(" – ")) <= {"blue", "cyan", "red"}
    assert images in ("8", "12")
    assert larger == {"8": "0.50", "12": "0.67"}[images]
    assert " … " in accuracy
