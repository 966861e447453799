"""At most so many of a kind at once, over all worker processes."""

from __future__ import annotations

import fcntl
import os
import tempfile
from pathlib import Path
from typing import IO

from flask import Flask


def common_folder() -> Path | None:
    """The folder that is common to the worker processes (gunicorn.conf.py); None where there is only this one."""
    name = os.environ.get("HWAPUNG_COMMON_DIRECTORY")
    return Path(name) if name else None


def open_places(app: Flask, kind: str, count: int) -> Places:
    """Under gunicorn they are common to the worker processes (gunicorn.conf.py)."""
    folder = common_folder()
    if folder is None:
        own = tempfile.TemporaryDirectory(prefix="hwapung-")
        app.extensions[f"{kind}_folder"] = own  # removed with the application
        folder = Path(own.name)
    return Places(folder, kind, count)


class Places:
    """Each, such as a video, holds the lock of one file. A lock belongs to the open file: the system lets go of it when
    a process dies, so no place is ever lost."""

    def __init__(self, folder: Path, kind: str, count: int) -> None:
        self._files = [folder / f"{kind}-{number}.lock" for number in range(count)]

    def take(self) -> IO[bytes] | None:
        """Return a place, to be closed when it is done with; None where all are taken."""
        for path in self._files:
            place = path.open("ab")
            try:
                fcntl.flock(place, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                place.close()
            else:
                return place
        return None

    def index(self, place: IO[bytes]) -> int:
        """The number of a place that was taken, from 0."""
        return self._files.index(Path(place.name))
