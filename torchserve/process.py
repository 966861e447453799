"""A process with all its descendants, none of which outlives the Python process that started it."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import threading
from collections import deque
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TextIO

#: Waits for its input to end, which happens when the parent dies in whatever way, and then clears up after it.
#: A line of input instead means that the parent has done so itself.
_WATCHER = 'read -r _ && exit; kill -s KILL -- "-$1"; rm -rf -- "$2"'  # dash takes a group only after `-s KILL --`


class ProcessGroup:
    """A program in a session of its own: Ctrl-C in the terminal reaches only us, and we end it in our own order."""

    def __init__(self, command: Sequence[str], *, folder: Path, env: Mapping[str, str], echo: TextIO | None) -> None:
        """Start `command` in `folder`, which the watcher removes should we be killed. Its output goes to `echo`."""
        self._leader = subprocess.Popen(
            command,
            cwd=folder,
            env=dict(env),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            encoding="utf-8",
            errors="replace",
            start_new_session=True,
        )
        self._watcher = subprocess.Popen(
            ["/bin/sh", "-c", _WATCHER, "watcher", str(self.pid), str(folder)],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        self._lines: deque[str] = deque(maxlen=400)
        self._pump = threading.Thread(target=self._read, args=(echo,), daemon=True)
        self._pump.start()

    @property
    def pid(self) -> int:
        """The leader's process id, which is also the group's."""
        return self._leader.pid

    @property
    def running(self) -> bool:
        return self._leader.poll() is None

    def lines(self) -> list[str]:
        """The last lines that the program and its descendants wrote."""
        return list(self._lines)

    def wait(self) -> int:
        """Wait for the leader to end; return its exit status."""
        return self._leader.wait()

    def stop(self, timeout_s: float) -> None:
        """Ask the leader to end, wait, then kill whatever is left of the group. Safe to call again."""
        try:
            self._leader.terminate()
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._leader.wait(timeout_s)
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self.pid, signal.SIGKILL)
            self._leader.wait()
        self._pump.join(5)
        with contextlib.suppress(BrokenPipeError, ValueError):  # the latter where the pipe is closed: stopped before
            self._watcher.communicate(b"done\n")

    def _read(self, echo: TextIO | None) -> None:
        assert self._leader.stdout is not None
        for line in self._leader.stdout:
            self._lines.append(line.rstrip("\n"))
            if echo is not None:
                echo.write(line)
                echo.flush()
