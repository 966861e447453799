"""The process that serves: gunicorn's threaded worker, which gives a thread to whole requests alone.

Its main loop gathers requests (gathering.py), writes what a client has not read yet (outgoing.py) and sees off whoever
is done; a thread only answers. Where something runs out (connections, room for bodies and answers), the slowest client
goes, and the others are served.
"""

from __future__ import annotations

import errno
import selectors
import socket
import time
from collections import deque
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from functools import partial
from typing import Any

from gunicorn import util  # type: ignore[import-untyped]
from gunicorn.workers.gthread import STOP_KEEPALIVE_LINGER, TConn  # type: ignore[import-untyped]

from . import metrics, refusals
from .gathering import MEMORY, Bounds, Gathering
from .outgoing import Outgoing
from .patience import PatientWorker
from .shedding import Shedder

#: So long a thread waits for a client's next bytes before it goes back to the pool. A client that sends one picture
#: after the other needs less; handing its connection to the poller and back takes a third of a request's time.
NEXT_BYTES_SECONDS = 0.002
#: So long altogether for one request.
FOLLOWING_SECONDS = 0.05
#: What a client still sends after its answer is thrown away for so long: one that is cut off in the middle of sending
#: never reads the answer.
LINGER_SECONDS = 5.0
CHECK_SECONDS = 0.5
#: A client that sends slowly is not told from one that has just come.
GRACE_SECONDS = 1.0
#: Who was told to come again later is not listened to for so long: a client that asks on, thousands of times a second,
#: would take the processor from those that are answered.
REST_SECONDS = 0.02
#: Each of these has a thread of its own: they answer when all others are taken.
APART = (b"/healthz", b"/readyz", b"/metrics")
#: Of a request that needed no thread: its connection is kept.
DONE: Future[Any] = Future()
DONE.set_result(True)
OUT_OF_FILES = (errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM)


class FrontEndWorker(PatientWorker):
    """Answers a connection's requests by one thread as long as they follow at once and nobody waits for a thread."""

    bounds: Bounds

    def init_process(self) -> None:
        #: connection → when it is given up, by the monotonic clock
        self._gathering: dict[TConn, float] = {}
        self._sending: dict[TConn, float] = {}
        self._leaving: dict[TConn, float] = {}
        #: connections, what became of their request, and when they are listened to again
        self._resting: deque[tuple[float, TConn, Future[Any]]] = deque()
        self._checked = 0.0
        self._busy = 0
        self._ending: float | None = None
        self._apart = {path: ThreadPoolExecutor(1, thread_name_prefix=path[1:].decode()) for path in APART}
        super().init_process()

    def load_wsgi(self) -> None:
        super().load_wsgi()
        self._shedder: Shedder = self.wsgi.extensions["shedder"]

    # What follows runs in the main loop.

    def is_parent_alive(self) -> bool:
        """gunicorn's; without the parent this process ends as at SIGTERM."""
        if not super().is_parent_alive():
            self.alive = False
        return bool(self.alive)

    def accept(self, listener: Any) -> None:
        try:
            super().accept(listener)
        except OSError as error:
            if error.errno not in OUT_OF_FILES:
                raise
            self._make_room()

    def wait_for_and_dispatch_events(self, timeout: float) -> None:
        """gunicorn's; those whose rest is over go on."""
        if self._resting:
            timeout = min(timeout, max(self._resting[0][0] - time.monotonic(), 0.0))
        super().wait_for_and_dispatch_events(timeout)
        now = time.monotonic()
        while self._resting and self._resting[0][0] <= now:
            _, conn, done = self._resting.popleft()
            self.finish_request(conn, done)

    def enqueue_req(self, conn: TConn) -> None:
        """Give a connection a thread once its request is whole; one of which nothing was here before gets a free thread
        for a moment, in which most clients send all of it."""
        if conn.parser is None:
            conn.sock = Outgoing(conn.sock)
            conn.parser = Gathering(self.cfg, conn.sock, conn.client, self.bounds)
            conn.initialized = True
        begun = conn.parser.follows
        if not conn.parser.receive():
            if begun or self._busy >= self.cfg.threads:
                self._wait_for(conn)
            else:
                self._submit(conn)
        elif conn.parser.gone and conn.parser.seconds is None:
            self._close(conn)
        elif self._shed(conn):
            # Not at once: whoever sends many requests in one go takes turns with the others.
            self.method_queue.defer(self._finish, conn, DONE, None)
        else:
            self._submit(conn)

    def _submit(self, conn: TConn) -> None:
        pool = self._apart.get(conn.parser.path, self.tpool)
        assert pool
        self._busy += pool is self.tpool
        future = pool.submit(self.handle, conn)
        future.add_done_callback(lambda done: self.method_queue.defer(self._finish, conn, done, pool))

    def _finish(self, conn: TConn, done: Future[Any], pool: ThreadPoolExecutor | None) -> None:
        self._busy -= pool is self.tpool
        if self._is_sent(conn):
            self.finish_request(conn, done)
        else:
            self._sending[conn] = time.monotonic() + self.upload_timeout
            self.poller.register(conn.sock, selectors.EVENT_WRITE, partial(self._writable, conn, done))

    def _is_sent(self, conn: TConn) -> bool:
        """Whether there is nothing more to write, be it that the client has gone."""
        try:
            return bool(conn.sock.flush())
        except OSError:
            return True

    def _writable(self, conn: TConn, done: Future[Any], sock: socket.socket) -> None:
        if self._is_sent(conn):
            self._unwatch(conn, self._sending)
            self.finish_request(conn, done)

    def _wait_for(self, conn: TConn) -> None:
        parser: Gathering = conn.parser
        if parser.started is None:
            deadline = time.monotonic() + self.cfg.keepalive
        else:
            deadline = parser.started + (parser.seconds or self.upload_timeout)
        self._watch(conn, self._gathering, deadline)

    def _watch(self, conn: TConn, table: dict[TConn, float], deadline: float) -> None:
        table[conn] = deadline
        conn.parser.listen(patiently=table is self._gathering)
        self.poller.register(conn.sock, selectors.EVENT_READ, partial(self._readable, conn, table))

    def _readable(self, conn: TConn, table: dict[TConn, float], sock: socket.socket) -> None:
        if table is self._leaving:
            if conn.parser.discard():
                self._cut(conn, table)
            return
        begun = conn.parser.seconds is not None
        if conn.parser.receive():
            self._unwatch(conn, table)
            self.enqueue_req(conn)
            return
        conn.parser.listen(patiently=True)
        if not begun and conn.parser.started is not None:
            table[conn] = conn.parser.started + (conn.parser.seconds or self.upload_timeout)

    def _unwatch(self, conn: TConn, table: dict[TConn, float]) -> None:
        del table[conn]
        conn.parser.listen(patiently=False)
        self.poller.unregister(conn.sock)

    def _close(self, conn: TConn) -> None:
        conn.parser.forget()
        self.nr_conns -= 1
        conn.close()

    def finish_request(self, conn: TConn, fs: Future[Any]) -> None:
        """A thread is done: wait for the next request, or for the client to have read its answer."""
        kept = not fs.cancelled() and fs.exception() is None and fs.result()
        if kept and conn.sock.rests:
            conn.sock.rests = False
            self._resting.append((time.monotonic() + REST_SECONDS, conn, fs))
        elif kept and conn.parser.follows:
            self.enqueue_req(conn)
        elif kept and conn.parser.fresh:
            self._wait_for(conn)
        elif kept:
            super().finish_request(conn, fs)
        else:
            with suppress(OSError):
                conn.sock.shutdown(socket.SHUT_WR)
            if conn.parser.discard():
                self._close(conn)
            else:
                self._watch(conn, self._leaving, time.monotonic() + LINGER_SECONDS)

    def murder_pending(self) -> None:
        """gunicorn calls this at each turn of the loop: see to those whose time is over, and to what has run out."""
        while self._gathering and self.bounds.held > self.bounds.most:
            self._give_up(self._slowest(), stored=False)
        while sum(conn.sock.kept for conn in self._sending) > MEMORY:
            self._cut(next(iter(self._sending)), self._sending)
        if self.nr_conns >= self.worker_connections:
            self._make_room()
        now = time.monotonic()
        if now - self._checked < CHECK_SECONDS:
            return
        self._checked = now
        if not self.alive and self._ending is None:
            self._ending = now + STOP_KEEPALIVE_LINGER
        over = self._ending is not None and now > self._ending
        for conn, deadline in list(self._gathering.items()):
            if now > deadline or (over and conn.parser.started is None):
                self._give_up(conn)
        for conn, deadline in list(self._sending.items()):
            if now > deadline:
                self._cut(conn, self._sending)
        for conn, deadline in list(self._leaving.items()):
            if now > deadline or over:
                self._cut(conn, self._leaving)

    def _give_up(self, conn: TConn, *, stored: bool = True) -> None:
        """Answer what came of a request; where there is no whole head, there is nothing to answer."""
        self._unwatch(conn, self._gathering)
        if conn.parser.seconds is None:
            self._close(conn)
        else:
            conn.parser.give_up(stored=stored)
            self._submit(conn)

    def _slowest(self) -> TConn:
        """Of those that had a moment's time; else the oldest, so that whoever comes now is not the first to go."""
        before = time.monotonic() - GRACE_SECONDS
        slow = [conn for conn in self._gathering if conn.parser.since < before]
        if slow:
            return min(slow, key=lambda conn: conn.parser.pace)
        return min(self._gathering, key=lambda conn: conn.parser.since)

    def _make_room(self) -> None:
        """One connection less: of those that are done, else idle, else the slowest."""
        if self._leaving:
            self._cut(next(iter(self._leaving)), self._leaving)
        elif self.keepalived_conns:
            conn = self.keepalived_conns.popleft()
            self.poller.unregister(conn.sock)
            self._close(conn)
        elif self._sending:
            self._cut(next(iter(self._sending)), self._sending)
        elif self._gathering:
            self._cut(self._slowest(), self._gathering)

    def _cut(self, conn: TConn, table: dict[TConn, float]) -> None:
        self._unwatch(conn, table)
        self._close(conn)

    # What follows runs in a thread, or in the main loop.

    def _shed(self, conn: TConn) -> bool:
        """Answer a request that there is no room for; whether it was one."""
        parser: Gathering = conn.parser
        if parser.outstanding or parser.gone or not self.alive:
            return False
        answer = self._shedder.refuse(parser.head, conn.client[0] if conn.client else "")
        if answer is None:
            return False
        with suppress(OSError):  # the client has gone; the next read says so
            conn.sock.sendall(answer)
        conn.sock.rests = True
        parser.pass_over()
        return True

    # What follows runs in a thread.

    def handle(self, conn: TConn) -> Any:
        if not conn.parser.complete and not self._follows(conn):
            return True
        apart = conn.parser.path in APART
        while True:
            kept = self._shed(conn) or self._answer(conn)
            done = kept is not True or conn.sock.pending or conn.sock.rests or apart or not self.alive
            if done or not self._follows(conn):
                return kept

    def _answer(self, conn: TConn) -> Any:
        try:
            return super().handle(conn)
        finally:
            conn.parser.forget()

    def handle_error(self, req: Any, client: socket.socket, addr: Any, exc: Exception) -> None:
        error = refusals.explain(exc)
        metrics.count_error(error.code)
        if error.status == 500:
            self.log.error("%s %s", getattr(req, "method", "-"), getattr(req, "uri", "-"), exc_info=exc)
        else:
            self.log.warning("%s is refused: %s", addr, exc)
        with suppress(OSError):
            util.write_nonblock(client, refusals.write(error))

    def _follows(self, conn: TConn) -> bool:
        """Whether the client's next request is here, or was within a moment."""
        parser: Gathering = conn.parser
        until = time.monotonic() + FOLLOWING_SECONDS
        conn.sock.settimeout(NEXT_BYTES_SECONDS)
        while self.tpool._work_queue.empty():
            had = parser.received
            if parser.receive(flags=0):
                return not parser.gone and parser.path not in APART
            if parser.received == had or time.monotonic() > until:
                return False
        return False
