"""How long a client may take. A thread that reads from a client waits for it; one that stalls, or sends a byte now and
then, would keep that thread for ever."""

from __future__ import annotations

import socket
import threading
import time
from contextlib import suppress
from typing import Any

from gunicorn.workers.gthread import TConn, ThreadWorker  # type: ignore[import-untyped]

from .outgoing import Outgoing

CHECK_SECONDS = 1.0


class Watchdog:
    """Cuts connections whose request has taken longer than `seconds` from its first byte to its answer's last.

    First the reading side alone: a view that waits for the rest of a body then sees its end and answers. After as long
    again the whole connection, in case the client does not read.
    """

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._started: dict[socket.socket, float] = {}
        self._granted: dict[socket.socket, float] = {}
        threading.Thread(target=self._watch, name="watchdog", daemon=True).start()

    def add(self, connection: socket.socket) -> None:
        self._started[connection] = time.monotonic()

    def grant(self, connection: socket.socket, seconds: float) -> None:
        """Let the request that is under way on a connection take as long as this."""
        self._granted[connection] = seconds

    def remove(self, connection: socket.socket) -> None:
        self._started.pop(connection, None)
        self._granted.pop(connection, None)

    def _watch(self) -> None:
        while True:
            time.sleep(CHECK_SECONDS)
            now = time.monotonic()
            for connection, started in list(self._started.items()):
                age = now - started
                seconds = self._granted.get(connection, self._seconds)
                if age > seconds:
                    with suppress(OSError):  # the client has gone already
                        connection.shutdown(socket.SHUT_RDWR if age > 2 * seconds else socket.SHUT_RD)


def grant_time(environ: dict[str, Any], seconds: float) -> None:
    """Let a request take longer than others. Under another server than ours there is no limit to lift."""
    watchdog = PatientWorker.watchdog
    if watchdog and "gunicorn.socket" in environ:
        watchdog.grant(environ["gunicorn.socket"], seconds)


def let_rest(environ: dict[str, Any]) -> None:
    """Who asks is told to come again later. Under another server than ours nobody is made to."""
    connection = environ.get("gunicorn.socket")
    if isinstance(connection, Outgoing):
        connection.rests = True


class PatientWorker(ThreadWorker):
    """gunicorn's threaded worker with a limit on how long a client may take."""

    upload_timeout = 120.0
    sockets: list[Any]
    #: The one of this process, which has one worker.
    watchdog: Watchdog | None = None

    def init_process(self) -> None:
        PatientWorker.watchdog = Watchdog(self.upload_timeout)
        super().init_process()

    def set_accept_enabled(self, enabled: bool) -> None:
        """gunicorn's, and at the end: take what has connected already, to be answered, and let nobody else connect.
        Else the system would go on taking connections, and cut them when the last answer is out."""
        super().set_accept_enabled(enabled)
        if not self.alive:
            for listener in self.sockets:
                waiting = -1
                while waiting != self.nr_conns:
                    waiting = self.nr_conns
                    self.accept(listener)
                listener.close()
            self.sockets.clear()

    def handle(self, conn: TConn) -> Any:
        assert self.watchdog
        self.watchdog.add(conn.sock)
        try:
            return super().handle(conn)
        finally:
            self.watchdog.remove(conn.sock)
