"""Trials that are stopped early, by learning curves known beforehand."""

from __future__ import annotations

import csv
import dataclasses
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from optuna.trial import TrialState

from model_training.datasets.prepare import Prepared
from model_training.recipe import Recipe, Search, override
from model_training.search.run import work, write_results
from model_training.search.storage import open_study
from model_training.search.trial import Outcome
from model_training.training.loop import start_fabric
from tests.model_training.search.studies import outcome, with_space


@pytest.fixture
def curves(monkeypatch: pytest.MonkeyPatch) -> list[tuple[int, int]]:
    """Trials that report learning curves known beforehand; returns (head, epoch) of each epoch that was trained."""
    trained: list[tuple[int, int]] = []

    def pretend(_: object, recipe: Recipe, report: Any) -> Outcome:
        head = recipe.network.head.hidden or 0
        for epoch in range(1, recipe.training.epochs + 1):
            trained.append((head, epoch))
            report(epoch, 0.5 + 0.01 * (head // 8) + 0.001 * epoch, 1 / head)
        return dataclasses.replace(outcome(0.5 + 0.01 * (head // 8) + 0.001 * epoch), loss=1 / head)

    monkeypatch.setattr("model_training.search.run.Trials.run", pretend)
    monkeypatch.setattr("model_training.search.run.POLL", 0.02)
    return trained


@pytest.mark.parametrize("storage", ["{}/journal.log", "sqlite:///{}/study.db"])
def test_halving_stops_all_but_the_best_quarter(
    storage: str, curves: list[tuple[int, int]], tiny_recipe: Recipe, tiny_prepared: Prepared, tmp_path: Path
) -> None:
    """With rungs after 1 and 4 epochs; the best of those that are there is never stopped, ties go by the loss."""
    space = {"network.head.hidden": [16, 4, 8, 12, 20, 2, 6, 10]}
    recipe = override(with_space(tiny_recipe, space=space, prune="halving"), {"training.epochs": 5})
    place = storage.format(tmp_path)
    shared = open_study("s", place, recipe, tiny_prepared)
    work(shared, place, recipe, tiny_prepared, start_fabric("cpu"), None)
    states = {trial.params["network.head.hidden"]: trial.state for trial in shared.finished()}
    assert {head for head, state in states.items() if state == TrialState.COMPLETE} == {16, 20}
    assert Counter(head for head, _ in curves) == {16: 5, 20: 5, 4: 1, 8: 1, 12: 1, 2: 1, 6: 1, 10: 1}
    lines, stopped = write_results(shared, recipe, tiny_prepared, tmp_path)
    assert [line.point["network.head.hidden"] for line in lines] == [20, 16]
    # 8, 10 and 12 have the same figure after an epoch, and the larger the head, the lower the loss.
    assert [each.point["network.head.hidden"] for each in stopped] == [12, 10, 8, 6, 4, 2]
    assert {each.epoch for each in stopped} == {1}
    with (tmp_path / "leaderboard.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert [row["stopped_after"] for row in rows] == ["", "", *["1"] * 6]
    assert [row["place"] for row in rows[:3]] == ["1", "2", ""]
    assert float(rows[2]["validation_accuracy"]) == pytest.approx(0.511)
    page = (tmp_path / "leaderboard.html").read_text()
    assert page.count("data:image/png;base64,") == 4  # curves, but no importances: both ended alike
    assert "일찍 멈춘 시도" in page
    assert page.count("<td>0.5110</td>") == 3
    assert (tmp_path / "curves.png").exists()


def test_a_lost_trial_stops_no_one_for_good(
    curves: list[tuple[int, int]], tiny_recipe: Recipe, tiny_prepared: Prepared, tmp_path: Path
) -> None:
    """One that was better than all and whose process was killed; its rival would have been stopped on its account."""
    recipe = override(
        with_space(tiny_recipe, space={"network.head.hidden": [8, 4]}, prune="halving"), {"training.epochs": 2}
    )
    place = str(tmp_path / "journal.log")
    shared = open_study("s", place, recipe, tiny_prepared)
    lost = shared.claim()
    assert lost is not None
    assert not shared.falls_behind(lost, 1, 0.99)
    shared.give_back(lost)
    again = open_study("s", place, recipe, tiny_prepared)
    work(again, place, recipe, tiny_prepared, start_fabric("cpu"), None)
    states = {trial.params["network.head.hidden"]: trial.state for trial in again.finished()}
    assert states == {8: TrialState.COMPLETE, 4: TrialState.PRUNED}
    assert curves == [(8, 1), (8, 2), (4, 1)]
    write_results(again, recipe, tiny_prepared, tmp_path)  # of the only one that was trained to its end


def test_warm_up_counts_for_nothing(tiny_recipe: Recipe, tiny_prepared: Prepared, tmp_path: Path) -> None:
    recipe = with_space(override(tiny_recipe, {"training.warmup_epochs": 1}), prune="halving")
    shared = open_study("s", str(tmp_path / "journal.log"), recipe, tiny_prepared)
    best, other = shared.claim(), shared.claim()
    assert best is not None
    assert other is not None
    assert [shared.falls_behind(best, epoch, 0.9) for epoch in (1, 2)] == [False, False]
    assert [shared.falls_behind(other, epoch, 0.8) for epoch in (1, 2)] == [False, True]


def test_a_switch_of_older_recipes_is_understood() -> None:
    assert [Search.model_validate({"prune": each}).prune for each in (True, False, "halving")] == [
        "median", "none", "halving",
    ]  # fmt: skip
