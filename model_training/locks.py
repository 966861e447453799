"""One process at a time for a folder, and errors of a full disk told apart from the others."""

from __future__ import annotations

import errno
import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

#: No space left, a quota used up, a file larger than the process or the file system may write.
_FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}


@contextmanager
def exclusive(folder: Path) -> Iterator[None]:
    """Make the folder and hold it for this process; another waits here. A process that dies lets go."""
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "lock").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def try_hold(path: Path) -> IO[bytes] | None:
    """Open a file, made where there is none, and hold it for this process; None where another one does, or took it away
    just now. A process that dies lets go. Raises `OSError`."""
    file = os.fdopen(os.open(path, os.O_RDWR | os.O_CREAT, 0o666), "r+b", buffering=0)
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        if os.path.samestat(path.stat(), os.fstat(file.fileno())):
            return file
    except (BlockingIOError, FileNotFoundError):
        pass
    except BaseException:
        file.close()
        raise
    file.close()
    return None


def is_full(error: OSError) -> bool:
    """Whether the disk, a quota or the largest file size is what stopped a write."""
    return error.errno in _FULL
