"""What becomes of a process group whose leader is gone."""

from __future__ import annotations

import os
import signal
import sys
import time
from pathlib import Path

from torchserve.process import ProcessGroup

#: A child that ends by itself, and one that doesn't.
PROGRAM = "(sleep 0.3; touch answered) & (trap '' TERM; sleep 60; touch never) & wait"


def test_others_of_a_group_have_time_to_end_when_the_leader_is_dead(tmp_path: Path) -> None:
    group = ProcessGroup(["/bin/sh", "-c", PROGRAM], folder=tmp_path, env=os.environ, echo=None)
    began = time.monotonic()
    group.outlive(1.0)
    assert 1.0 <= time.monotonic() - began < 5
    assert (tmp_path / "answered").exists()
    assert group.poll() == -signal.SIGKILL


def test_nobody_waits_for_a_group_that_is_empty(tmp_path: Path) -> None:
    group = ProcessGroup(["/bin/sh", "-c", "sleep 0.2 & wait"], folder=tmp_path, env=os.environ, echo=None)
    time.sleep(0.05)
    began = time.monotonic()
    group.outlive(30)
    assert time.monotonic() - began < 5


def test_a_leader_that_is_stopped_stands_still(tmp_path: Path) -> None:
    group = ProcessGroup(["/bin/sh", "-c", "sleep 60 & wait"], folder=tmp_path, env=os.environ, echo=None)
    try:
        assert not group.stands_still
        os.kill(group.pid, signal.SIGSTOP)
        deadline = time.monotonic() + 5
        while not group.stands_still:
            assert time.monotonic() < deadline
    finally:
        group.outlive(0)
    assert not group.stands_still


def test_a_group_inherits_the_files_that_it_is_given(tmp_path: Path) -> None:
    reading, writing = os.pipe()
    command = [sys.executable, "-c", f"import os; os.write({writing}, b'here')"]
    group = ProcessGroup(command, folder=tmp_path, env=os.environ, echo=None, files=[writing])
    os.close(writing)
    try:
        assert os.read(reading, 100) == b"here"
    finally:
        os.close(reading)
        group.stop(0)
