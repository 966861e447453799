"""What becomes of a process group whose leader is gone."""

from __future__ import annotations

import os
import signal
import sys
import time
from pathlib import Path

from tests.waiting import PATIENCE, wait_until
from torchserve.process import ProcessGroup


def start(child: str, folder: Path) -> ProcessGroup:
    """A group of a leader and a child, which has begun."""
    program = f"({child}) & echo started; wait"
    group = ProcessGroup(["/bin/sh", "-c", program], folder=folder, env=os.environ, echo=None)
    wait_until(lambda: "started" in group.lines())
    return group


def test_others_of_a_group_have_time_to_end_when_the_leader_is_dead(tmp_path: Path) -> None:
    """And nobody waits for a group that is empty."""
    group = start("sleep 0.3; touch answered", tmp_path)
    began = time.monotonic()
    group.outlive(3 * PATIENCE)
    assert time.monotonic() - began < 2 * PATIENCE
    assert (tmp_path / "answered").exists()
    assert group.poll() == -signal.SIGKILL


def test_one_that_does_not_end_in_time_is_killed(tmp_path: Path) -> None:
    group = start(f"trap '' TERM; sleep {10 * PATIENCE}", tmp_path)
    began = time.monotonic()
    group.outlive(0.5)
    assert 0.5 <= time.monotonic() - began < 5 * PATIENCE
    assert group.poll() == -signal.SIGKILL


def test_a_leader_that_is_stopped_stands_still(tmp_path: Path) -> None:
    group = ProcessGroup(["/bin/sh", "-c", "sleep 60 & wait"], folder=tmp_path, env=os.environ, echo=None)
    try:
        assert not group.stands_still
        os.kill(group.pid, signal.SIGSTOP)
        wait_until(lambda: group.stands_still)
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
