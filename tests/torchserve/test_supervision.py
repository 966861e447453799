"""A server that dies is started again, with pauses where that does not help; and given up in the end."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.waiting import PATIENCE, Clock, come_to_rest, wait_until
from torchserve import supervision
from torchserve.heartbeat import SILENCE_CHECKS, Heartbeats, _count_ticks
from torchserve.supervision import Say, supervise

ROOT = Path(__file__).parents[2]


class Fragile:
    """A server that has died once, or dies whenever it is launched."""

    name = "It"

    def __init__(self, dies: bool) -> None:
        self.dies, self.dead, self.launches = dies, True, 0

    def look_after(self, say: Say) -> str | None:
        return "has ended: no reason" if self.dead else None

    def launch(self) -> None:
        self.launches += 1
        self.dead = self.dies

    def is_whole(self) -> bool:
        return True


@pytest.fixture(autouse=True)
def hurry(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(supervision, "CHECK_SECONDS", 0.01)
    monkeypatch.setattr(supervision, "FIRST_PAUSE", 0.01)


def test_a_dead_server_is_started_again_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(supervision, "time", Clock())
    server = Fragile(dies=False)
    said: list[str] = []
    with supervise(server, say=said.append):
        wait_until(lambda: len(said) == 2)
        come_to_rest(lambda: len(said), 0.2)
    assert server.launches == 1
    assert said == ["It has ended: no reason. It is started again.", "It answers again, after 0 s."]


GIVING_UP = """
import time
from model_training.runtime.errors import ServingError
from tests.torchserve import test_supervision as tests
tests.supervision.CHECK_SECONDS = tests.supervision.FIRST_PAUSE = 0.01
server = tests.Fragile(dies=True)
try:
    with tests.supervise(server, say=lambda line: None):
        time.sleep(120)
except ServingError as error:
    print(server.launches, error)
"""


def test_one_that_dies_at_each_start_is_given_up() -> None:
    """In a process of its own: it is told by a signal."""
    done = subprocess.run([sys.executable, "-c", GIVING_UP], capture_output=True, text=True, cwd=ROOT)
    assert done.stdout.startswith("5 It has ended: no reason, for the 6th time in a row."), done


@pytest.fixture
def sleeper() -> subprocess.Popen[bytes]:
    return subprocess.Popen(["cat"], stdin=subprocess.PIPE, start_new_session=True)


def test_a_worker_without_a_heartbeat_is_killed(sleeper: subprocess.Popen[bytes], tmp_path: Path) -> None:
    """Not one that touches its file, nor a process of another group."""
    file = tmp_path / str(sleeper.pid)
    file.touch()
    heartbeats, strangers = Heartbeats(tmp_path, sleeper.pid), Heartbeats(tmp_path, 1)
    come_to_rest(lambda: _count_ticks(sleeper.pid))  # it has started: it does nothing any more
    for _ in range(SILENCE_CHECKS):
        assert heartbeats.check() == []
        assert strangers.check() == []
    file.touch()
    for _ in range(SILENCE_CHECKS):
        assert heartbeats.check() == []
        assert strangers.check() == []
    assert heartbeats.check() == [sleeper.pid]
    assert sleeper.wait(PATIENCE) == -9
    assert heartbeats.check() == []
    assert not file.exists()
