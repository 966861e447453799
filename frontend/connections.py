"""Connections to one server that are kept open, for whichever thread asks next.

They belong to no thread: what a thread keeps for itself is destroyed when it ends, and a connection that is still open
then leaves a dictionary behind that nobody frees: CPython makes it for the thread that it is tearing down, to name the
connection in a warning.
"""

from __future__ import annotations

import select
import socket
from http.client import HTTPConnection, HTTPSConnection
from urllib.parse import urlsplit

#: A whole picture is handed over at once: else the thread is woken again and again while TorchServe reads.
SEND_BUFFER = 2**20


class Connections:
    """As many are kept as were in use at once."""

    def __init__(self, url: str, timeout: float) -> None:
        """`timeout`: seconds for a connection to open."""
        self._url = urlsplit(url)
        self._timeout = timeout
        self._kept: list[HTTPConnection] = []

    def take(self) -> HTTPConnection:
        """An open connection: the one that was used last, as long as the server has not closed it. Raises `OSError`
        where there is none and none can be opened."""
        while True:
            try:
                connection = self._kept.pop()
            except IndexError:
                return self._open()
            if connection.sock and not _has_news(connection.sock):
                return connection
            connection.close()

    def keep(self, connection: HTTPConnection) -> None:
        """For whoever asks next; its last answer was read to the end."""
        self._kept.append(connection)

    def _open(self) -> HTTPConnection:
        kind = HTTPSConnection if self._url.scheme == "https" else HTTPConnection
        connection = kind(self._url.netloc, timeout=self._timeout)
        try:
            connection.connect()
        except OSError:
            connection.close()  # a handshake that failed leaves a socket behind
            raise
        connection.sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SEND_BUFFER)
        return connection


def _has_news(sock: socket.socket) -> bool:
    """Whether there is something to read where nobody has asked: the end, or an error."""
    poll = select.poll()
    poll.register(sock, select.POLLIN)
    return bool(poll.poll(0))
