from __future__ import annotations

import numpy as np
import pytest

from model_training.experiments import comparisons
from model_training.experiments.comparisons import compare_balance, compare_pairs, compare_splits, most_confused
from model_training.experiments.runner import Runner
from model_training.recipe import Recipe, override
from model_training.runtime.errors import RecipeError


def test_the_most_confused_classes_are_those_mixed_up_most_by_rate() -> None:
    confusion = np.array([[90, 10, 0, 0], [5, 5, 0, 0], [0, 0, 9, 1], [0, 30, 0, 970]])
    assert most_confused(confusion, 2) == [0, 1]  # rates 0.1 + 0.5 and 0.5 + 0.1 + 0.03
    assert most_confused(confusion, 9) == [0, 1, 2, 3]


def test_ways_of_balance_side_by_side(
    recipe: Recipe, runner: Runner, trained: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(comparisons, "METHODS", ("none", "logit_adjustment"))
    table = compare_balance(recipe, runner, 2)
    assert [row[0] for row in table.rows] == ["none", "logit_adjustment"]
    assert table.columns[-3:] == ("F1 blue", "F1 cyan", "F1 red")
    names = [f"{method}, split {seed}" for method in ("none", "logit_adjustment") for seed in (0, 1)]
    assert [each["name"] for each in table.results] == trained == names
    for row, own in zip(table.rows, (table.results[:2], table.results[2:]), strict=True):
        assert row[1] == f"{np.mean([each['macro_f1'] for each in own]):.3f}"
        assert row[3] == f"{np.mean([each['accuracy'] for each in own]):.3f}"
        assert row[4] == f"{np.mean([each['f1']['blue'] for each in own]):.2f}"
    assert any("Left out: lone (a single artist" in note for note in table.notes)
    assert any("Two groups only: cyan" in note for note in table.notes)
    again = compare_balance(recipe, Runner(runner.data, runner.build, runner.fabric), 2)
    assert (again, len(trained)) == (table, 4)


def test_a_recipe_that_mixes_is_compared_without(
    recipe: Recipe, runner: Runner, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(comparisons, "METHODS", ("none", "focal_loss"))
    mixing = override(recipe, {"augmentation.mixup": 0.2})
    table = compare_balance(mixing, runner, 1)
    assert [row[0] for row in table.rows] == ["none", "focal_loss"]
    assert "All without mixup and cutmix." in table.notes


def test_the_leak_is_the_difference_on_the_same_classes(recipe: Recipe, runner: Runner) -> None:
    table = compare_splits(recipe, runner, 1)
    assert [row[0] for row in table.rows] == ["accuracy", "macro-F1", "F1 blue", "F1 cyan", "F1 red"]
    for _, grouped, mixed, leak in table.rows:
        assert float(leak) == pytest.approx(100 * (float(mixed) - float(grouped)), abs=0.11)
    assert [each["images"] for each in table.results] == [16, 9]
    with pytest.raises(RecipeError, match="no group to split by"):
        compare_splits(override(recipe, {"data.group": None}), runner, 1)


def test_the_most_confused_classes_two_by_two(recipe: Recipe, runner: Runner) -> None:
    table = compare_pairs(recipe, runner, 2)
    ((pair, _, accuracy, _, larger, images),) = table.rows
    assert set(pair.split(" – ")) <= {"blue", "cyan", "red"}
    assert images in ("8", "12")
    assert larger == {"8": "0.50", "12": "0.67"}[images]
    assert " … " in accuracy
    assert [each["name"] for each in table.results] == ["all classes", pair]
