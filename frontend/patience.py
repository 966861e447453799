"""How long a client may take. A thread that reads from a client waits for it; one that stalls, or sends a byte now and
then, would keep that thread for ever."""

from __future__ import annotations

import socket
import threading
import time
from contextlib import suppress
from typing import Any

from gunicorn.workers.gthread import TConn, ThreadWorker  # type: ignore[import-untyped]

CHECK_SECONDS = 1.0


class Watchdog:
    """Cuts connections whose request has taken longer than `seconds` from its first byte to its answer's last.

    First the reading side alone: a view that waits for the rest of a body then sees its end and answers. After as long
    again the whole connection, in case the client does not read.
    """

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._started: dict[socket.socket, float] = {}
        threading.Thread(target=self._watch, name="watchdog", daemon=True).start()

    def add(self, connection: socket.socket) -> None:
        self._started[connection] = time.monotonic()

    def remove(self, connection: socket.socket) -> None:
        self._started.pop(connection, None)

    def _watch(self) -> None:
        while True:
            time.sleep(CHECK_SECONDS)
            now = time.monotonic()
            for connection, started in list(self._started.items()):
                age = now - started
                if age > self._seconds:
                    with suppress(OSError):  # the client has gone already
                        connection.shutdown(socket.SHUT_RDWR if age > 2 * self._seconds else socket.SHUT_RD)


class PatientWorker(ThreadWorker):
    """gunicorn's threaded worker with a limit on how long a client may take."""

    upload_timeout = 120.0

    def init_process(self) -> None:
        self.watchdog = Watchdog(self.upload_timeout)
        super().init_process()

    def handle(self, conn: TConn) -> Any:
        self.watchdog.add(conn.sock)
        try:
            return super().handle(conn)
        finally:
            self.watchdog.remove(conn.sock)
