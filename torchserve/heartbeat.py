"""Workers that stand still: stopped, frozen or locked up. TorchServe itself waits for their batch for a minute.

Each worker touches a file of its own once a second (`worker.py`). One that is silent for `SILENCE_CHECKS` is killed,
and TorchServe starts it anew. A worker that is silent but computes, such as one that loads a library from a slow disk,
is none: `responseTimeout` (config/model-config.yaml) bounds what that may take.
"""

from __future__ import annotations

import os
import signal
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

#: Where the workers touch their files; `worker.py` reads it, too.
FOLDER = "HWAPUNG_HEARTBEATS"
#: Checks in a row, a second apart, without a sign of life. Counted and not timed: a machine that slept checked nothing.
SILENCE_CHECKS = 7


@dataclass
class _Seen:
    touched: float
    computed: int
    silent: int = 0


class Heartbeats:
    """The workers of the process group `group`, whose files lie in `folder`."""

    def __init__(self, folder: Path, group: int) -> None:
        self._folder, self._group = folder, group
        self._seen: dict[int, _Seen] = {}

    def check(self) -> list[int]:
        """Look at every worker; to be called once a second. Returns the process ids of those that were killed."""
        killed = []
        for file in self._folder.glob("*"):
            pid = int(file.name)
            computed = _count_ticks(pid)
            if computed is None:
                file.unlink(missing_ok=True)
                self._seen.pop(pid, None)
                continue
            with suppress(FileNotFoundError):
                touched = file.stat().st_mtime
                seen = self._seen.get(pid)
                if seen is None or (seen.touched, seen.computed) != (touched, computed):
                    self._seen[pid] = _Seen(touched, computed)
                    continue
                seen.silent += 1
                if seen.silent >= SILENCE_CHECKS and self._kill(pid):
                    killed.append(pid)
        return killed

    def _kill(self, pid: int) -> bool:
        with suppress(ProcessLookupError):
            if os.getpgid(pid) == self._group:  # a number can have become another process's
                os.kill(pid, signal.SIGKILL)
                return True
        return False


def _count_ticks(pid: int) -> int | None:
    """Ticks of processor time that a process has used, 0 where the system does not say; None where there is none."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except FileNotFoundError:
        pass
    else:
        return None if fields[0] == "Z" else int(fields[11]) + int(fields[12])
    try:
        os.kill(pid, 0)
    except OSError:
        return None
    return 0
