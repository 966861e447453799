"""At most so many videos at once, over all worker processes."""

from __future__ import annotations

import fcntl
from pathlib import Path
from typing import IO


class Places:
    """Each video holds the lock of one file. A lock belongs to the open file: the system lets go of it when a process
    dies, so no place is ever lost."""

    def __init__(self, folder: Path, count: int) -> None:
        self._files = [folder / f"video-{number}.lock" for number in range(count)]

    def take(self) -> IO[bytes] | None:
        """Return a place, to be closed when the video is done; None where all are taken."""
        for path in self._files:
            place = path.open("ab")
            try:
                fcntl.flock(place, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                place.close()
            else:
                return place
        return None
