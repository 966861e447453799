"""A search on one machine: its space, its points, its leaderboard; spaces and storages that do not fit."""

from __future__ import annotations

import csv
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from optuna.trial import TrialState
from PIL import Image

from model_training.datasets.prepare import Prepared
from model_training.recipe import Range, Recipe, load_recipe, override
from model_training.runtime.errors import RecipeError, StudyError
from model_training.search.run import work, write_results
from model_training.search.space import check_space, count_trials, list_points, name_point
from model_training.search.storage import open_study
from model_training.search.trial import Outcome
from model_training.training.loop import start_fabric
from tests.model_training.search.studies import SPACE, outcome, with_space


def test_the_authors_grid() -> None:
    recipe = load_recipe("webtoon_paper")
    check_space(recipe)
    points = list_points(recipe.search) or []
    assert count_trials(recipe.search) == len(points) == 216
    assert len({name_point(point) for point in points}) == 216
    first = override(recipe, points[0])
    assert (first.network.unfreeze, first.network.head.hidden) == (0, 128)
    assert [point["network.backbone"] for point in points] == sorted(
        (point["network.backbone"] for point in points), key=list(recipe.search.space["network.backbone"]).index
    )


@pytest.mark.parametrize(
    ("search", "message"),
    [
        ({"space": {}}, "has no search.space"),
        ({"space": {"preprocessing.height": [32, 64]}}, "can't differ between trials"),
        ({"space": {"network.unfrieze": [0]}}, "unknown key 'network.unfrieze'"),
        ({"space": {"network.adapter.place": ["mlp"]}}, "'network.adapter.place' is no key of the recipe 'landscape'"),
        ({"space": {"training.epochs": [0]}}, "training.epochs"),
        ({"space": {"training.precision": ["float32", "bfloat16"]}}, "trials are compared in one precision"),
        ({"space": {"training.learning_rate": {"low": 1e-4, "high": 1e-2}}}, "is a range, of which there is no grid"),
    ],
)
def test_a_space_that_can_not_be_searched(tiny_recipe: Recipe, search: dict[str, Any], message: str) -> None:
    with pytest.raises(RecipeError, match=message):
        check_space(with_space(tiny_recipe, **search))


@pytest.mark.usefixtures("quick")
def test_a_grid_is_tried_once_and_ranked(tiny_recipe: Recipe, tiny_prepared: Prepared, tmp_path: Path) -> None:
    recipe = with_space(tiny_recipe)
    place = str(tmp_path / "journal.log")
    shared = open_study("s", place, recipe, tiny_prepared)
    work(shared, place, recipe, tiny_prepared, start_fabric("cpu"), None)
    assert Counter(trial.state for trial in shared.trials()) == {TrialState.COMPLETE: 8}
    lines, _ = write_results(shared, recipe, tiny_prepared, tmp_path / "results")
    assert lines[0].point == {
        "network.unfreeze": 3, "network.head.hidden": 8, "training.learning_rate": 0.01,
    }  # fmt: skip
    assert lines[0].value == pytest.approx(0.3 + 0.1 + 0.08 + 0.01)
    with (tmp_path / "results" / "leaderboard.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert [int(row["place"]) for row in rows] == list(range(1, 9))
    assert float(rows[0]["validation_macro_f1_low"]) == pytest.approx(0.49 - 0.2)
    page = (tmp_path / "results" / "leaderboard.html").read_text()
    assert page.count("data:image/png;base64,") == 4
    assert "순위표" in page
    for name in ("importances", "slice", "parallel", "history"):
        with Image.open(tmp_path / "results" / f"{name}.png") as plot:
            assert min(plot.size) > 400
            assert len(plot.convert("RGB").getcolors(2**20) or []) > 50  # something is drawn
    again = open_study("s", place, recipe, tiny_prepared)  # nothing is left to do
    work(again, place, recipe, tiny_prepared, start_fabric("cpu"), None)
    assert len(again.trials()) == 8


@pytest.mark.usefixtures("quick")
@pytest.mark.parametrize("sampler", ["random", "tpe", "gp", "nsgaii", "qmc"])
def test_optunas_samplers_never_try_a_point_twice(
    sampler: str, tiny_recipe: Recipe, tiny_prepared: Prepared, tmp_path: Path
) -> None:
    """Of eight points seven are wanted: samplers draw some twice, and get others instead."""
    recipe = with_space(tiny_recipe, sampler=sampler, trials=7)
    place = str(tmp_path / "journal.log")
    shared = open_study("s", place, recipe, tiny_prepared)
    work(shared, place, recipe, tiny_prepared, start_fabric("cpu"), None)
    points = Counter(name_point(trial.params) for trial in shared.finished())
    assert len(points) == 7
    assert set(points.values()) == {1}


@pytest.mark.usefixtures("quick")
def test_a_range_is_drawn_from(tiny_recipe: Recipe, tiny_prepared: Prepared, tmp_path: Path) -> None:
    space = SPACE | {"training.learning_rate": {"low": 1e-4, "high": 1e-2, "log": True}}
    recipe = with_space(tiny_recipe, space=space, sampler="tpe", trials=5)
    assert isinstance(recipe.search.space["training.learning_rate"], Range)
    place = str(tmp_path / "journal.log")
    shared = open_study("s", place, recipe, tiny_prepared)
    work(shared, place, recipe, tiny_prepared, start_fabric("cpu"), None)
    rates = [trial.params["training.learning_rate"] for trial in shared.finished()]
    assert len(set(rates)) == 5
    assert all(1e-4 <= rate <= 1e-2 for rate in rates)
    write_results(shared, recipe, tiny_prepared, tmp_path)


def test_a_point_that_can_not_be_trained_is_passed_over(
    tiny_recipe: Recipe, tiny_prepared: Prepared, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Any
) -> None:
    def fail_for_some(_: object, recipe: Recipe, report: object) -> Outcome:
        if recipe.network.unfreeze == 0:
            raise RecipeError("No such layer.", "Choose another.")
        return outcome(0.5)

    monkeypatch.setattr("model_training.search.run.Trials.run", fail_for_some)
    recipe = with_space(tiny_recipe)
    place = str(tmp_path / "journal.log")
    shared = open_study("s", place, recipe, tiny_prepared)
    work(shared, place, recipe, tiny_prepared, start_fabric("cpu"), None)
    assert len(shared.finished()) == 4
    assert capsys.readouterr().err.count("No such layer. Choose another.") == 4


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"space": SPACE | {"network.head.hidden": [4, 16]}}, r"another space \(network.head.hidden was \[4, 8\]\)"),
        ({"space": SPACE | {"training.epochs": [1]}}, r"another space \(training.epochs was not in it\)"),
    ],
)
def test_a_study_of_another_space_is_refused(
    change: dict[str, Any], message: str, tiny_recipe: Recipe, tiny_prepared: Prepared, tmp_path: Path
) -> None:
    place = str(tmp_path / "journal.log")
    open_study("s", place, with_space(tiny_recipe), tiny_prepared)
    before = Path(place).read_bytes()
    with pytest.raises(StudyError, match=message):
        open_study("s", place, with_space(tiny_recipe, **change), tiny_prepared)
    settings = with_space(override(tiny_recipe, {"training.epochs": 7}))
    with pytest.raises(StudyError, match=r"was begun with training\.epochs=2"):
        open_study("s", place, settings, tiny_prepared)
    assert before in Path(place).read_bytes()
    open_study("s", place, with_space(tiny_recipe), tiny_prepared)


def test_a_cut_off_journal_is_mended_and_a_foreign_file_refused(
    tiny_recipe: Recipe, tiny_prepared: Prepared, tmp_path: Path
) -> None:
    journal = tmp_path / "journal.log"
    recipe = with_space(tiny_recipe)
    open_study("s", str(journal), recipe, tiny_prepared)
    whole = journal.read_bytes()
    journal.write_bytes(whole + b'{"op_code": 4, "wor')
    assert open_study("s", str(journal), recipe, tiny_prepared).trials() == []
    assert journal.read_bytes().startswith(whole)
    other = tmp_path / "notes.txt"
    other.write_text("dear diary\ntoday\n")
    with pytest.raises(StudyError, match="no journal of a study"):
        open_study("s", str(other), recipe, tiny_prepared)
    assert other.read_text() == "dear diary\ntoday\n"


@pytest.mark.parametrize("place", ["postgresql://someone:secret@127.0.0.1:9/none", "mongo://x/y", "postgresql://:::"])
def test_a_database_that_is_not_there(place: str, tiny_recipe: Recipe, tiny_prepared: Prepared) -> None:
    with pytest.raises(StudyError) as caught:
        open_study("s", place, with_space(tiny_recipe), tiny_prepared)
    assert "secret" not in str(caught.value)
