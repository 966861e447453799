"""A request is gathered, head and body, before a thread is given to it: who sends slowly holds a buffer, nothing else.

Bytes are taken as they come and never waited for. A body lies in memory while it is small and there is room, else in a
nameless file of the temporary folder. What is gathered is parsed by gunicorn, one request at a time, so that nothing
that follows a request can be taken for a part of it.
"""

from __future__ import annotations

import errno
import io
import re
import socket
import tempfile
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Any, NamedTuple

from gunicorn.http.errors import LimitRequestHeaders  # type: ignore[import-untyped]
from gunicorn.http.message import Request  # type: ignore[import-untyped]
from gunicorn.http.unreader import IterUnreader, Unreader  # type: ignore[import-untyped]

from .chunks import Chunks

HEAD_BYTES = 2**16
PIECE = 2**20
#: Taken from one client before the others have their turn.
TURN = 4 * PIECE
#: Who sends a body slowly is listened to when there is so much of it, or the rest.
LISTENED = 2**14
#: A larger body goes to a file, and every one while those in hand take more than `MEMORY`.
IN_MEMORY = 2**20
MEMORY = 2**26
#: A body that comes in more pieces is put together meanwhile: each has its own overhead.
MOST_PIECES = 64

TARGET = re.compile(rb"(?:\r\n)?[^ \r\n]+ ([^ ?\r\n]*)")
LENGTH = re.compile(rb"\r\nContent-Length:[ \t]*(\d{1,18})[ \t]*\r\n", re.IGNORECASE)
CHUNKED = re.compile(rb"\r\nTransfer-Encoding:[ \t]*chunked[ \t]*\r\n", re.IGNORECASE)
EXPECTS = re.compile(rb"\r\nExpect:[ \t]*100-continue[ \t]*\r\n", re.IGNORECASE)


class Allowance(NamedTuple):
    """How large a request's body may be, and how many seconds it may take from the first byte of its head."""

    bytes: int
    seconds: float


class Bounds:
    """What clients may take. `most`: bytes of all bodies in hand; `held`: those that there are now."""

    def __init__(self, allow: Callable[[bytes], Allowance], most: int) -> None:
        self.allow, self.most, self.held = allow, most, 0
        self._lock = threading.Lock()

    def hold(self, size: int) -> None:
        with self._lock:
            self.held += size


class Unstored(io.RawIOBase):
    """A body that there was no room for. Whoever reads it meets the system's error, as if they had stored it."""

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: object) -> int:
        raise OSError(errno.ENOSPC, "no room for the body")


class Gathering:
    """A connection's requests, one after the other, in place of gunicorn's parser (`TConn.parser`).

    `since`: from when on the present request is waited for, by a monotonic clock. `started`: when its first byte came;
    None before. `seconds`: what the request may take; None until its head is here. `complete`: there is something for a
    thread to do. `gone`: the client has closed its side.
    """

    def __init__(self, cfg: Any, sock: socket.socket, client: Any, bounds: Bounds) -> None:
        self._cfg, self._sock, self._client, self._bounds = cfg, sock, client, bounds
        self._count = 0
        self._ahead = b""
        self._enough = 1
        self.unreader = Unreader()  # gunicorn looks whether it read ahead
        self.gone = False
        self._begin()

    def _begin(self) -> None:
        self._head = bytearray()
        self._body: io.BufferedIOBase | io.RawIOBase | None = None
        self._pieces: list[bytes] = []
        self._size = self._held = 0
        self._length = 0
        self._chunks: Chunks | None = None
        self.path = b""
        self.since = time.monotonic()
        self.started: float | None = None
        self.seconds: float | None = None
        self.complete = self._headed = False

    @property
    def follows(self) -> bool:
        """Whether there is more to do on this connection without waiting for a byte."""
        return self.started is not None or bool(self._ahead) or self.gone

    @property
    def outstanding(self) -> bool:
        """Whether the client still sends what nobody reads."""
        return self._headed and not self._whole

    @property
    def _whole(self) -> bool:
        return self._chunks.ended if self._chunks else self._size >= self._length

    def listen(self, *, patiently: bool) -> None:
        """Let the system say that there is something to read at each byte, or, `patiently`, when it is worth it."""
        left = self._length - self._size if self._headed and not self._chunks else 1
        enough = min(left, LISTENED) if patiently and left > 0 else 1
        if enough != self._enough:
            self._enough = enough
            with suppress(OSError):  # the client has gone
                self._sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVLOWAT, enough)

    @property
    def received(self) -> int:
        """Bytes of the present request."""
        return len(self._head) + self._size

    @property
    def pace(self) -> float:
        """Bytes a second since the request was waited for."""
        return self.received / max(time.monotonic() - self.since, 0.001)

    @property
    def head(self) -> bytes:
        """The present request's, with the blank line; what there is of it, before `seconds` is known."""
        return bytes(self._head)

    @property
    def fresh(self) -> bool:
        """Whether this is the connection's first request."""
        return self._count == 0

    def receive(self, flags: int = socket.MSG_DONTWAIT) -> bool:
        """Take what is there, and return whether the request is complete. Waits no longer than the socket's timeout,
        and with `MSG_DONTWAIT` not at all."""
        left = TURN
        while not self.complete and left > 0:
            data, self._ahead = self._ahead, b""
            if not data:
                try:
                    data = self._sock.recv(min(max(self._length - self._size, 2**17), PIECE), flags)
                except (BlockingIOError, InterruptedError, TimeoutError):
                    return False
                except OSError:
                    data = b""
            if not data:
                self.gone = True
                self.give_up()
                break
            left -= len(data)
            self._take(data)
        return self.complete

    def give_up(self, *, stored: bool = True) -> None:
        """Nothing more is waited for: the request is answered as it is. `stored`: there was room for its body."""
        if not stored:
            self._release()
            self._body = Unstored()
        elif not self._body:
            self._body = io.BytesIO(b"".join(self._pieces))
            self._pieces.clear()
        else:
            try:
                self._body.seek(0)  # what a file has not written yet it writes now
            except OSError:
                self.give_up(stored=False)
        self.complete = True

    def discard(self) -> bool:
        """Throw away what is there; True when the client has closed its side."""
        try:
            return not self._sock.recv(PIECE, socket.MSG_DONTWAIT)
        except (BlockingIOError, InterruptedError):
            return False
        except OSError:
            return True

    def forget(self) -> None:
        """The request is answered: its body goes, and the next one may come."""
        self._release()
        if not self.outstanding:
            self._begin()

    def pass_over(self) -> None:
        """The request is answered without being parsed."""
        self._count += 1
        self.forget()

    def __next__(self) -> Request:
        """The request, for gunicorn; its `body` is a file. Raises gunicorn's errors, or `StopIteration`."""
        if not self._headed:
            if len(self._head) > HEAD_BYTES:
                raise LimitRequestHeaders(f"more than {HEAD_BYTES} bytes")
            raise StopIteration
        self._count += 1
        request = Request(self._cfg, IterUnreader([bytes(self._head)]), self._client, self._count)
        declared = [value for name, value in request.headers if name == "CONTENT-LENGTH"]
        encoded = any(name == "TRANSFER-ENCODING" for name, _ in request.headers)
        if encoded:
            # To the application every body has a length: that of one that broke off is more than there is.
            length = self._size + (0 if self._whole else 1)
            request.headers = [each for each in request.headers if each[0] != "TRANSFER-ENCODING"]
            request.headers.append(("CONTENT-LENGTH", str(length)))
        if not self._whole or encoded != bool(self._chunks) or (declared and declared[0] != str(self._length)):
            request.force_close()  # where the next request begins is not known
        request._expected_100_continue = False
        request.body = self._body or io.BytesIO()
        return request

    def finish_body(self, deadline: float | None = None, max_bytes: int | None = None) -> bool:
        """Whether the connection may have a further request, for gunicorn."""
        return not self.outstanding

    def _take(self, data: bytes) -> None:
        if not self._headed:
            self.started = self.started or time.monotonic()
            searched = max(0, len(self._head) - 3)
            self._head += data
            end = self._head.find(b"\r\n\r\n", searched)
            if end < 0:
                self.complete = len(self._head) > HEAD_BYTES
                return
            data = bytes(self._head[end + 4 :])
            del self._head[end + 4 :]
            self._open_body(bytes(self._head), expected=not data)
        if self._chunks:
            try:
                piece, self._ahead = self._chunks.feed(data)
            except ValueError:
                self.give_up()
                return
        else:
            missing = self._length - self._size
            piece, self._ahead = data[:missing], data[missing:]
        if self.complete:
            return
        if piece:
            self._store(piece)
        if not self.complete and (self._whole or self._size > self._allowance.bytes):
            self.give_up()

    def _open_body(self, head: bytes, *, expected: bool) -> None:
        """Learn what follows the head. What is longer than allowed is not waited for: the application refuses it."""
        self._headed = True
        target = TARGET.match(head)
        self.path = target[1] if target else b""
        self._allowance = self._bounds.allow(self.path)
        self.seconds = self._allowance.seconds
        length = LENGTH.search(head)
        if CHUNKED.search(head):
            self._chunks = Chunks()
        elif length:
            self._length = int(length[1])
        if self._length > self._allowance.bytes:
            self.complete = True
        elif not self._whole and expected and EXPECTS.search(head):
            with suppress(OSError):
                self._sock.send(b"HTTP/1.1 100 Continue\r\n\r\n", socket.MSG_DONTWAIT)

    def _store(self, piece: bytes) -> None:
        self._bounds.hold(len(piece))
        self._held += len(piece)
        self._size += len(piece)
        try:
            if self._body:
                self._body.write(piece)
                return
            self._pieces.append(piece)
            if self._size > IN_MEMORY or self._bounds.held > MEMORY:
                self._body = tempfile.TemporaryFile(prefix="hwapung-body-")  # noqa: SIM115
                self._body.writelines(self._pieces)
                self._pieces.clear()
            elif len(self._pieces) > MOST_PIECES:
                self._pieces = [b"".join(self._pieces)]
        except OSError:  # the disk is full, or the folder's quota is, or there are too many files
            self.give_up(stored=False)

    def _release(self) -> None:
        self._bounds.hold(-self._held)
        self._held = 0
        self._pieces.clear()
        if self._body:
            with suppress(OSError):
                self._body.close()
            self._body = None
