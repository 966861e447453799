"""One process at a time writes a folder of shards: on a disk by a lock, in a bucket, which knows none, by a mark that
moves as long as its writer lives."""

from __future__ import annotations

import threading
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

from model_training.locks import try_hold
from model_training.runtime.errors import OutputError

if TYPE_CHECKING:
    from pyarrow.fs import FileSystem

#: Seconds between two moves of a mark; for so long it stands still before its writer counts as dead; and so long takes
#: whoever saw no mark at most to write theirs.
_BEAT_S, _DEAD_S, _SETTLE_S = 5.0, 20.0, 2.0


@contextmanager
def hold(files: FileSystem, path: str, name: str) -> Iterator[Callable[[], bool]]:
    """Hold the folder in which the file `path` may be made, and give what says whether it is held still. `name`: of the
    folder, for people. Raises `OutputError` where another process holds it, `OSError` where nothing can be written."""
    from pyarrow import fs

    taken = OutputError(f"{name}: another process is writing this table.", "Wait for it, or end it.")
    if isinstance(files, fs.LocalFileSystem):
        file = try_hold(Path(path))
        if file is None:
            raise taken
        try:
            yield lambda: True
        finally:
            Path(path).unlink(missing_ok=True)
            file.close()
        return
    mark = _Mark(files, path)
    if not mark.take():
        raise taken
    stop = threading.Event()
    thread = threading.Thread(target=mark.keep_moving, args=[stop], name="hold", daemon=True)
    thread.start()
    try:
        yield lambda: not mark.is_lost
    finally:
        stop.set()
        thread.join()
        mark.remove()


class _Mark:
    """An object whose content says who writes here, and changes while they do."""

    def __init__(self, files: FileSystem, path: str) -> None:
        self._files, self._path = files, path
        self._own = uuid.uuid4().hex.encode()
        self._beats = 0
        self.is_lost = False

    def take(self) -> bool:
        """Whether nobody else moves it."""
        seen = self._read()
        until = time.monotonic() + _DEAD_S
        while seen is not None and time.monotonic() < until:
            time.sleep(_BEAT_S / 5)
            if self._read() != seen:
                return False
        self._move()
        time.sleep(_SETTLE_S)  # of several who begin at once, the last one to write has it
        return self._is_own()

    def keep_moving(self, stop: threading.Event) -> None:
        while not stop.wait(_BEAT_S):
            with suppress(OSError):  # the service is away; it is asked again
                if not self._is_own():
                    self.is_lost = True
                    return
                self._move()

    def remove(self) -> None:
        with suppress(OSError):
            if self._is_own():
                self._files.delete_file(self._path)

    def _is_own(self) -> bool:
        return (self._read() or b"").startswith(self._own)

    def _read(self) -> bytes | None:
        try:
            with self._files.open_input_stream(self._path) as stream:
                return bytes(stream.read(100))
        except FileNotFoundError:
            return None

    def _move(self) -> None:
        self._beats += 1
        with self._files.open_output_stream(self._path) as stream:
            stream.write(b"%s %d" % (self._own, self._beats))
