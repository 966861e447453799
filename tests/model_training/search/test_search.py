"""A search as a whole: two processes on one study, one of them killed; spaces that do not fit; what is left."""

from __future__ import annotations

import csv
import dataclasses
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import optuna
import pytest
import yaml
from optuna.storages import JournalStorage
from optuna.storages.journal import JournalFileBackend
from optuna.trial import FrozenTrial, TrialState
from PIL import Image

from model_training.datasets.prepare import Prepared
from model_training.recipe import Range, Recipe, Search, load_recipe, override
from model_training.runtime.errors import RecipeError, StudyError
from model_training.search import study as study_module
from model_training.search.board import rank, write_csv
from model_training.search.run import work, write_results
from model_training.search.space import check_space, count_trials, list_points, name_point
from model_training.search.storage import open_study
from model_training.search.study import SharedStudy
from model_training.search.trial import Outcome
from model_training.training.loop import start_fabric
from tests.conftest import ROOT, TINY

SPACE: dict[str, Any] = {
    "network.unfreeze": [0, 3],
    "network.head.hidden": [4, 8],
    "training.learning_rate": [0.01, 0.001],
}


def with_space(recipe: Recipe, **search: Any) -> Recipe:
    return recipe.model_copy(update={"search": Search.model_validate({"space": SPACE, **search})})


def trials_of(journal: Path) -> list[FrozenTrial]:
    study = optuna.load_study(study_name="landscape", storage=JournalStorage(JournalFileBackend(str(journal))))
    return study.get_trials(deepcopy=False)


def outcome(value: float) -> Outcome:
    return Outcome(value, (value, value - 0.1, value + 0.1), (value, value - 0.2, value + 0.2), 1.0, 1, 0.1, 10, True)


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Trials whose figure is known beforehand."""

    def pretend(_: object, recipe: Recipe, report: object) -> Outcome:
        depth = 0 if recipe.network.unfreeze == 0 else 1
        return outcome(0.3 + 0.1 * depth + 0.01 * (recipe.network.head.hidden or 0) + recipe.training.learning_rate)

    monkeypatch.setattr("model_training.search.run.Trials.run", pretend)
    monkeypatch.setattr("model_training.search.run.POLL", 0.02)


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


def test_of_one_point_the_older_trial_counts(tiny_recipe: Recipe, tiny_prepared: Prepared, tmp_path: Path) -> None:
    """Two processes that chose the same point in the same moment."""
    recipe = with_space(tiny_recipe)
    place = str(tmp_path / "journal.log")
    one, other = (open_study("s", place, recipe, tiny_prepared) for _ in range(2))
    point = (list_points(recipe.search) or [])[0]
    one.study.enqueue_trial(point)
    other.study.enqueue_trial(point)
    first, second = one.claim(), other.claim()
    assert first is not None
    assert second is not None
    assert first.params == point
    assert second.params != point
    assert [trial.user_attrs.get("ended") for trial in one.trials()] == [None, "withdrawn", None]


def test_a_lease_that_is_not_renewed_runs_out(
    tiny_recipe: Recipe, tiny_prepared: Prepared, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A process on another machine, whose end can't be looked up; and its answer, should it come after all."""
    recipe = with_space(tiny_recipe)
    place = str(tmp_path / "journal.log")
    far, near = (open_study("s", place, recipe, tiny_prepared) for _ in range(2))
    monkeypatch.setattr(study_module, "_machine", lambda: "elsewhere")
    lost = far.claim()
    assert lost is not None
    monkeypatch.undo()
    claimed = near.claim()
    assert claimed is not None
    assert claimed.params != lost.params
    monkeypatch.setattr(study_module, "LEASE", -1.0)
    again = near.claim()
    assert again is not None
    assert not far.finish(lost, 0.9, {})
    assert lost.params in [again.params, *(trial.params for trial in near.running())]


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


def command(recipe: Path, data: Path, build: Path, *more: str) -> list[str]:
    words = ["search", str(recipe), "--data", str(data), "--build", str(build), "--device", "cpu", "--no-winner", *more]
    return [sys.executable, "-m", "hwapung", *words]


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_two_processes_share_a_study_and_one_is_killed(procedural_folder: Path, tmp_path: Path) -> None:
    """The grid completes, every point exactly once; only the trial that the kill cut off is begun again."""
    recipe = tmp_path / "tiny.yaml"
    settings = dict(override.split("=") for override in TINY)
    content: dict[str, Any] = {"extends": "landscape_demo", "name": "landscape", "search": {"space": SPACE}}
    for key, value in settings.items():
        section, _, name = key.partition(".")
        content.setdefault(section, {})[name] = yaml.safe_load(value)
    content["training"]["epochs"] = 4
    recipe.write_text(yaml.safe_dump(content))
    environment = os.environ | {"OMP_NUM_THREADS": "1"}
    build = tmp_path / "build"
    journal = build / "search" / "landscape" / "journal.log"
    words = command(recipe, procedural_folder, build)
    victim, survivor = (
        subprocess.Popen(words, cwd=ROOT, env=environment, stderr=subprocess.PIPE, text=True) for _ in range(2)
    )
    try:
        while True:  # until the victim stands still in the middle of a trial
            assert victim.poll() is None, "the victim ended before it could be killed"
            if journal.exists() and _is_at_work(journal, victim.pid):
                victim.send_signal(signal.SIGSTOP)
                if _is_at_work(journal, victim.pid):
                    break
                victim.send_signal(signal.SIGCONT)
            time.sleep(0.02)
        victim.kill()
        victim.wait()
        _, said = survivor.communicate()
    finally:
        for process in (victim, survivor):
            if process.poll() is None:
                process.kill()
    assert survivor.returncode == 0, said
    trials = trials_of(journal)
    complete = Counter(name_point(trial.params) for trial in trials if trial.state == TrialState.COMPLETE)
    assert len(complete) == 8
    assert set(complete.values()) == {1}
    lost = [trial for trial in trials if trial.user_attrs.get("ended") == "lost"]
    assert [trial.user_attrs["worker"]["pid"] for trial in lost] == [victim.pid]
    others = [trial for trial in trials if trial.state != TrialState.COMPLETE and trial not in lost]
    assert all(trial.user_attrs["ended"] == "withdrawn" for trial in others)
    assert (build / "search" / "landscape" / "leaderboard.csv").read_text().count("\n") == 9


def _is_at_work(journal: Path, pid: int) -> bool:
    try:
        trials = trials_of(journal)
    except (KeyError, ValueError):  # the study is being made
        return False
    return any(t.state == TrialState.RUNNING and t.user_attrs.get("worker", {}).get("pid") == pid for t in trials)


@pytest.fixture
def postgresql() -> Iterator[str]:
    """The address of an empty database of a real server, run by an account of its own where we are root."""
    with tempfile.TemporaryDirectory(dir="/tmp") as folder:  # pytest's path is too long for a socket
        yield from _serve_database(Path(folder))


def _serve_database(folder: Path) -> Iterator[str]:
    binaries = sorted(Path("/usr/lib/postgresql").glob("*/bin"))
    if not binaries:
        pytest.skip("PostgreSQL is not installed (apt-get install postgresql)")
    run_as: dict[str, Any] = {}
    if os.getuid() == 0:
        import pwd

        try:
            account = pwd.getpwnam("postgres")
        except KeyError:
            pytest.skip("root can't run PostgreSQL, and there is no account postgres")
        os.chown(folder, account.pw_uid, account.pw_gid)
        run_as = {"user": account.pw_uid, "group": account.pw_gid, "cwd": folder}
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    data = folder / "data"
    initialise = [binaries[-1] / "initdb", "-D", data, "-U", "hwapung", "-A", "trust", "--no-sync"]
    subprocess.run(initialise, check=True, capture_output=True, **run_as)
    server = subprocess.Popen(
        [binaries[-1] / "postgres", "-D", data, "-h", "127.0.0.1", "-p", str(port), "-k", folder, "-F"],
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, **run_as,
    )  # fmt: skip
    try:
        deadline = time.monotonic() + 60
        ready = [binaries[-1] / "pg_isready", "-h", "127.0.0.1", "-p", str(port)]
        while subprocess.run(ready, capture_output=True, check=False).returncode:
            assert time.monotonic() < deadline
            time.sleep(0.1)
        yield f"postgresql://hwapung@127.0.0.1:{port}/postgres"
    finally:
        server.send_signal(signal.SIGINT)
        server.wait(30)


@pytest.mark.usefixtures("quick")
def test_a_study_in_postgresql(postgresql: str, tiny_recipe: Recipe, tiny_prepared: Prepared, tmp_path: Path) -> None:
    recipe = with_space(tiny_recipe)
    one, other = (open_study("s", postgresql, recipe, tiny_prepared) for _ in range(2))
    taken = other.claim()
    assert taken is not None
    other.give_back(taken)  # as after Ctrl-C: its point is tried all the same
    work(one, postgresql, recipe, tiny_prepared, start_fabric("cpu"), None)
    assert Counter(name_point(trial.params) for trial in one.finished()) == {
        name_point(point): 1 for point in list_points(recipe.search) or []
    }
    write_csv(rank(one.finished()), [], tmp_path / "board.csv")
    with pytest.raises(StudyError, match="another space"):
        open_study("s", postgresql, with_space(tiny_recipe, space=SPACE | {"training.epochs": [3]}), tiny_prepared)
    assert isinstance(one, SharedStudy)


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
