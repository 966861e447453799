"""Several processes on one study: leases, one that is killed, a database."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from optuna.trial import TrialState

from model_training.datasets.prepare import Prepared
from model_training.recipe import Recipe
from model_training.runtime.errors import StudyError
from model_training.search import study as study_module
from model_training.search.board import rank, write_csv
from model_training.search.run import work
from model_training.search.space import list_points, name_point
from model_training.search.storage import open_study
from model_training.search.study import SharedStudy
from model_training.training.loop import start_fabric
from tests.conftest import ROOT, TINY
from tests.model_training.search.studies import SPACE, trials_of, with_space
from tests.waiting import PATIENCE, free_port, wait_until


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
    port = free_port()
    data = folder / "data"
    initialise = [binaries[-1] / "initdb", "-D", data, "-U", "hwapung", "-A", "trust", "--no-sync"]
    subprocess.run(initialise, check=True, capture_output=True, **run_as)
    server = subprocess.Popen(
        [binaries[-1] / "postgres", "-D", data, "-h", "127.0.0.1", "-p", str(port), "-k", folder, "-F"],
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, **run_as,
    )  # fmt: skip
    try:
        ready = [binaries[-1] / "pg_isready", "-h", "127.0.0.1", "-p", str(port)]
        wait_until(lambda: subprocess.run(ready, capture_output=True, check=False).returncode == 0)
        yield f"postgresql://hwapung@127.0.0.1:{port}/postgres"
    finally:
        server.send_signal(signal.SIGINT)
        server.wait(PATIENCE)


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
