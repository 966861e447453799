"""A process in which a dear picture is decoded: whatever a decoder does there, it takes no more memory and seconds than
it was given, and nobody else's.

It is a program of its own, not a fork: whoever uses the package may have threads, or a main module that is no import.
It starts with the first dear picture and ends with its parent.
"""

from __future__ import annotations

import os
import resource
import signal
import subprocess
import sys
from collections.abc import Callable
from contextlib import suppress
from multiprocessing.connection import Connection, Pipe
from pathlib import Path
from threading import Lock
from typing import Any, TypeVar

from .budget import MOST_MEMORY, too_large
from .errors import ImageError

#: Seconds of a processor that a picture may take, and how often as many may pass by the clock.
SECONDS = 4
_PATIENCE = 4
#: Bytes that a call may leave behind; the process that has more is not used again.
_KEPT = 64 * 2**20
T = TypeVar("T")

TOO_LONG = too_large("Decoding the picture takes too long.")
FAILED = ImageError("The decoder fails on the picture.", "Save or upload it again.", code="broken_picture")
KILLED = ImageError("The decoder was ended.", "Send the picture again.", code="model_busy", status=503)
#: What a status with which the process ended says of the picture; of others, that the decoder fails.
_ENDS = {-signal.SIGXCPU: TOO_LONG, -signal.SIGKILL: KILLED, -signal.SIGTERM: KILLED}
_LEAVE = 10  # seconds from the end of its connection to that of the process


class Confined:
    """One such process. Threads may share it: it takes one call after the other."""

    def __init__(self, seconds: int = SECONDS) -> None:
        """`seconds`: of a processor, that a call may take."""
        self._seconds = seconds
        self._lock = Lock()
        self._process: subprocess.Popen[bytes] | None = None

    def call(self, read: Callable[..., T], *arguments: Any) -> T:
        """What `read` returns or raises there. Raises `ImageError` where it takes too long, or the process died of it.

        `read` and what goes in and out must be such as can be pickled.
        """
        with self._lock:
            told = self._ask(read, arguments)
            if told is KILLED:  # by somebody else, who may not have meant the picture
                told = self._ask(read, arguments)
        if isinstance(told, BaseException):
            raise told.with_traceback(None)  # of a call before
        answer: T = told
        return answer

    def _start(self) -> subprocess.Popen[bytes]:
        self._wire, theirs = Pipe()
        package = Path(__file__).parents[2]  # of an archive it is on nobody's path but the worker's
        paths = [str(package), *filter(None, [os.environ.get("PYTHONPATH")])]
        try:
            return subprocess.Popen(
                [sys.executable, "-m", __name__, str(theirs.fileno())],
                stdin=subprocess.DEVNULL,
                pass_fds=[theirs.fileno()],
                env=os.environ | {"PYTHONPATH": os.pathsep.join(paths)},
            )
        finally:
            theirs.close()

    def _ask(self, read: Callable[..., T], arguments: tuple[Any, ...]) -> Any:
        if self._process is None or self._process.poll() is not None:
            self._process = self._start()
        try:
            self._wire.send((self._seconds, read, arguments))
            if self._wire.poll(self._seconds * _PATIENCE):
                told, stays = self._wire.recv()
                if not stays:
                    self._process.wait()
                return told
        except (EOFError, OSError):
            return _ENDS.get(self._process.wait(_LEAVE), FAILED)
        self._process.kill()
        self._process.wait()
        return TOO_LONG


def serve(wire: Connection) -> None:
    """Answer calls until the other end is closed, or a call has left much behind."""
    most = _measure_memory() + _KEPT
    stays = True
    while stays:
        try:
            seconds, read, arguments = wire.recv()
        except EOFError:
            return
        _limit_seconds(seconds)
        try:
            told = read(*arguments)
        except Exception as error:
            told = error
        stays = _measure_memory() <= most
        wire.send((told, stays))


def _limit_memory(most: int) -> None:
    """Let this process have so many bytes more than it has. Where the system does not say what that is, or does not
    hold to it, only time is limited."""
    if now := _measure_memory():
        with suppress(OSError, ValueError):
            resource.setrlimit(resource.RLIMIT_DATA, (now + most, now + most))


def _measure_memory() -> int:
    """Bytes of data; 0 where the system does not say."""
    try:
        return int(Path("/proc/self/statm").read_text().split()[5]) * resource.getpagesize()
    except OSError:
        return 0


def _limit_seconds(most: int) -> None:
    """Of a processor, from now on."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    end = int(used.ru_utime + used.ru_stime) + most + 1
    with suppress(OSError, ValueError):
        resource.setrlimit(resource.RLIMIT_CPU, (end, resource.getrlimit(resource.RLIMIT_CPU)[1]))


if __name__ == "__main__":
    from . import pages, preprocess  # noqa: F401  what they take is not a picture's

    signal.signal(signal.SIGINT, signal.SIG_IGN)  # of a terminal: what is under way is answered, then the parent ends
    _limit_memory(MOST_MEMORY + _KEPT)
    serve(Connection(int(sys.argv[1])))
