"""A process with all its descendants, none of which outlives the Python process that started it."""

from __future__ import annotations

import contextlib
import os
import re
import signal
import subprocess
import threading
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import FrameType
from typing import NoReturn, TextIO

#: Waits for its input to end, which happens when the parent dies in whatever way, and then clears up after it.
#: A line of input instead means that the parent has done so itself.
_WATCHER = 'read -r _ && exit; kill -s KILL -- "-$1"; rm -rf -- "$2"'  # dash takes a group only after `-s KILL --`


#: Checks in a row, a second apart, after which a leader that stands still is taken for a hung one.
STILL_CHECKS = 3


class ProcessGroup:
    """A program in a session of its own: Ctrl-C in the terminal reaches only us, and we end it in our own order."""

    def __init__(
        self,
        command: Sequence[str],
        *,
        folder: Path,
        env: Mapping[str, str],
        echo: TextIO | None,
        files: Sequence[int] = (),
    ) -> None:
        """Start `command` in `folder`, which the watcher removes should we be killed. Its output goes to `echo`; it
        inherits the open `files`."""
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
            pass_fds=files,
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

    def poll(self) -> int | None:
        """The leader's exit status, negative for a signal; None while it runs."""
        return self._leader.poll()

    @property
    def stands_still(self) -> bool:
        """Whether a signal has stopped the leader; False where the system does not say."""
        try:
            return Path(f"/proc/{self.pid}/stat").read_text().rpartition(")")[2].split()[0] == "T"
        except OSError:
            return False

    def lines(self) -> list[str]:
        """The last lines that the program and its descendants wrote."""
        return list(self._lines)

    def wait(self) -> int:
        """Wait for the leader to end; return its exit status."""
        return self._leader.wait()

    def outlive(self, timeout_s: float) -> None:
        """Kill the leader, give the others time to end by themselves, then kill whatever is left."""
        self._leader.kill()
        self._leader.wait()
        deadline = time.monotonic() + timeout_s
        with contextlib.suppress(ProcessLookupError):
            while time.monotonic() < deadline:
                os.killpg(self.pid, 0)
                time.sleep(0.1)
        self.stop(0)

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


def heed_signals(end: Callable[[int], NoReturn]) -> None:
    """The first SIGTERM or Ctrl-C calls `end`, which raises; while what is under way is brought to an end, a second one
    ends this process at once, and the watchers of its process groups clear up after it."""

    def first(number: int, frame: FrameType | None) -> NoReturn:
        for each in signals:
            signal.signal(each, lambda again, frame: os._exit(128 + again))
        end(number)

    # what a shell starts in the background is deaf to Ctrl-C, and stays so
    signals = [each for each in (signal.SIGTERM, signal.SIGINT) if signal.getsignal(each) != signal.SIG_IGN]
    for each in signals:
        signal.signal(each, first)


def phrase_end(status: int, lines: Sequence[str]) -> str:
    """How a program ended, in a few words: what ended it, or the first error that it said."""
    if status < 0:
        return f"was ended by {signal.Signals(-status).name}"
    said = [line.strip() for line in lines if line.strip() and not line.startswith("\tat ")]
    first = next((at for at, line in enumerate(said) if re.search(r"\b(ERROR|Error|Exception)\b", line)), 0)
    return f"has ended: {'; '.join(said[first : first + 2]) or 'it said nothing'}"
