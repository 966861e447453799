"""`python -m frontend.watch`: the front end, ended where it answers nobody. A container, whose engine starts again only
what has ended, runs this; gunicorn itself sees to its workers alone."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import urllib.error
import urllib.request
from types import FrameType

from .settings import SettingsError, read_settings

#: Of one question, and how many in a row must have had no answer.
PATIENCE, SILENCES = 3.0, 3
PAUSE = 1.0


def main() -> int:
    """The status with which the front end ended, 1 where it was ended."""
    try:
        port = read_settings().bind.rpartition(":")[2]
    except SettingsError as error:
        sys.exit(str(error))
    process = subprocess.Popen([sys.executable, "-m", "frontend"], start_new_session=True)

    def pass_on(number: int, frame: FrameType | None) -> None:
        process.send_signal(number)

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, pass_on)
    silent: int | None = None  # nothing is expected of it before its first answer
    while silent is None or silent < SILENCES:
        try:
            return process.wait(PAUSE)
        except subprocess.TimeoutExpired:
            answers = _answers(f"http://127.0.0.1:{port}/healthz")
        if answers is None:
            silent = silent if silent is None else silent + 1
        elif answers:
            silent = 0
    print("The front end answered nobody and was ended.", file=sys.stderr, flush=True)
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    return 1


def _answers(url: str) -> bool | None:
    """None where a connection is taken and nothing comes, as of a process that hangs."""
    try:
        with urllib.request.urlopen(url, timeout=PATIENCE):
            return True
    except TimeoutError:
        return None
    except urllib.error.URLError as error:
        return None if isinstance(error.reason, TimeoutError) else False
    except OSError:
        return False


if __name__ == "__main__":
    sys.exit(main())
