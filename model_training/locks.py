"""One process at a time for a folder, and errors of a full disk told apart from the others."""

from __future__ import annotations

import errno
import fcntl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

#: No space left, a quota used up, a file larger than the process or the file system may write.
_FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}


@contextmanager
def exclusive(folder: Path) -> Iterator[None]:
    """Make the folder and hold it for this process; another waits here. A process that dies lets go."""
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "lock").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def is_full(error: OSError) -> bool:
    """Whether the disk, a quota or the largest file size is what stopped a write."""
    return error.errno in _FULL
