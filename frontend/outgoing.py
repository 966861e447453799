"""An answer is written as far as its client takes it; the rest is kept, and goes when the client takes more: who reads
slowly holds bytes, not a thread."""

from __future__ import annotations

import errno
import os
import select
import socket
import time
from collections import deque
from contextlib import suppress
from typing import Any, Protocol

#: Where more bytes of an answer are kept, beyond what the system does, the thread that makes it waits.
MOST = 2**22
#: So many seconds altogether, each time.
PATIENCE = 30.0
PIECE = 2**18
#: Sent to one client before the others have their turn.
TURN = 2**22


class Piece(Protocol):
    """What is to be sent. `size`: how much of it lies in memory."""

    size: int

    def head(self) -> bytes | memoryview:
        """The next bytes; none at its end."""

    def drop(self, count: int) -> None:
        """So many of them are sent."""


class Bytes:
    def __init__(self, data: bytes) -> None:
        self._left = memoryview(data)
        self.size = len(data)

    def head(self) -> memoryview:
        return self._left

    def drop(self, count: int) -> None:
        self._left = self._left[count:]
        self.size -= count


class Part:
    """`count` bytes of an open file, which may be closed meanwhile."""

    size = 0

    def __init__(self, file: int, offset: int, count: int) -> None:
        self._file = os.dup(file)
        self._offset, self._end = offset, offset + count

    def __del__(self) -> None:
        os.close(self._file)

    def head(self) -> bytes:
        data = os.pread(self._file, min(PIECE, self._end - self._offset), self._offset)
        if not data and self._offset < self._end:
            raise BrokenPipeError(errno.EPIPE, "a file has become shorter while it was sent")
        return data

    def drop(self, count: int) -> None:
        self._offset += count


class Outgoing(socket.socket):
    """A client's connection, in place of the one that `accept` gave. What is sent in a thread may be sent to its end by
    whoever calls `flush` when the connection can be written; never by two at once. `kept`: bytes in memory. `rests`:
    the client was told to come again later."""

    def __init__(self, connection: socket.socket) -> None:
        super().__init__(fileno=connection.detach())
        self._pieces: deque[Piece] = deque()
        self.rests = False

    @property
    def kept(self) -> int:
        return sum(each.size for each in self._pieces)

    @property
    def pending(self) -> bool:
        return bool(self._pieces)

    def sendall(self, data: Any, flags: int = 0) -> None:
        """Raises `BrokenPipeError` where the client does not read."""
        self._send(Bytes(bytes(data)))

    def sendfile(self, file: Any, offset: int = 0, count: int | None = None) -> int:
        count = os.fstat(file.fileno()).st_size - offset if count is None else count
        self._send(Part(file.fileno(), offset, count))
        return count

    def _send(self, piece: Piece) -> None:
        until = time.monotonic() + PATIENCE
        while self.kept > MOST:
            poll = select.poll()
            poll.register(self, select.POLLOUT)
            if not poll.poll(max(0.0, until - time.monotonic()) * 1000):
                self._give_up()
                raise BrokenPipeError(errno.EPIPE, "the client does not read")
            self.flush()
        self._pieces.append(piece)
        self.flush()

    def flush(self) -> bool:
        """Send what can be sent without waiting; whether that is all. Raises `OSError`, after which nothing more goes
        out."""
        try:
            left = TURN
            while self._pieces and left > 0:
                piece = self._pieces[0]
                head = piece.head()
                sent = self.send(head, socket.MSG_DONTWAIT) if head else 0
                piece.drop(sent)
                left -= sent
                if not head:
                    self._pieces.popleft()
        except (BlockingIOError, InterruptedError, TimeoutError):
            pass
        except OSError:
            self._give_up()
            raise
        return not self._pieces

    def _give_up(self) -> None:
        self._pieces.clear()
        with suppress(OSError):
            self.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        self._pieces.clear()
        super().close()
