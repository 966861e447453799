"""A server that dies is started again, with pauses where that does not help; and given up in the end."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.conftest import ROOT
from torchserve import supervision
from torchserve.heartbeat import SILENCE_CHECKS, Heartbeats
from torchserve.supervision import Say, supervise


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


def test_a_dead_server_is_started_again_once() -> None:
    server = Fragile(dies=False)
    said: list[str] = []
    with supervise(server, say=said.append):
        time.sleep(0.3)
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
        time.sleep(30)
except ServingError as error:
    print(server.launches, error)
"""


def test_one_that_dies_at_each_start_is_given_up() -> None:
    """In a process of its own: it is told by a signal."""
    done = subprocess.run([sys.executable, "-c", GIVING_UP], capture_output=True, text=True, timeout=120, cwd=ROOT)
    assert done.stdout.startswith("5 It has ended: no reason, for the 6th time in a row."), done


@pytest.fixture
def sleeper() -> subprocess.Popen[bytes]:
    return subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE, start_new_session=True)


def test_a_worker_without_a_heartbeat_is_killed(sleeper: subprocess.Popen[bytes], tmp_path: Path) -> None:
    """Not one that touches its file, nor a process of another group."""
    file = tmp_path / str(sleeper.pid)
    file.touch()
    heartbeats, strangers = Heartbeats(tmp_path, sleeper.pid), Heartbeats(tmp_path, 1)
    time.sleep(0.5)  # Python has started: it does nothing any more
    for _ in range(SILENCE_CHECKS):
        assert heartbeats.check() == []
        assert strangers.check() == []
    file.touch()
    for _ in range(SILENCE_CHECKS):
        assert heartbeats.check() == []
        assert strangers.check() == []
    assert heartbeats.check() == [sleeper.pid]
    assert sleeper.wait(5) == -9
    assert heartbeats.check() == []
    assert not file.exists()
