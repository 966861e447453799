"""The process that serves: gunicorn's threaded worker, patient with clients and quick between a client's requests."""

from __future__ import annotations

import select
from typing import Any

from gunicorn.workers.gthread import TConn  # type: ignore[import-untyped]

from .patience import PatientWorker

#: So long a thread waits for a client's next request before it goes back to the pool. A client that sends one picture
#: after the other needs less; handing its connection to the poller and back takes a third of a request's time.
NEXT_REQUEST_MS = 2


class FrontEndWorker(PatientWorker):
    """Answers a connection's requests by one thread as long as they follow at once and nobody waits for a thread."""

    def handle(self, conn: TConn) -> Any:
        while True:
            kept = super().handle(conn)
            if kept is not True or not self.alive or not self._follows(conn):
                return kept

    def _follows(self, conn: TConn) -> bool:
        if not self.tpool._work_queue.empty():
            return False
        poller = select.poll()
        poller.register(conn.sock, select.POLLIN)
        return bool(poller.poll(NEXT_REQUEST_MS))
