"""The chunked transfer coding (RFC 9112, section 7.1), taken apart as its bytes come."""

from __future__ import annotations

import re

SIZE = re.compile(rb"([0-9a-fA-F]{1,15})[ \t]*(?:;[^\r\n]*)?")
LONGEST_LINE = 8190
MOST_TRAILERS = 64


class Chunks:
    """`ended`: the last chunk and its trailers, which say nothing to us, are through."""

    def __init__(self) -> None:
        self.ended = False
        self._kept = b""
        self._left = 0
        self._after_data = False
        self._trailers = -1

    def feed(self, data: bytes) -> tuple[bytes, bytes]:
        """The body's bytes in `data`, and once it has ended, what follows it. Raises `ValueError`."""
        data = self._kept + data
        body = bytearray()
        position = 0
        while not self.ended:
            if self._left:
                piece = data[position : position + self._left]
                body += piece
                position += len(piece)
                self._left -= len(piece)
                if self._left:
                    break
            end = data.find(b"\r\n", position)
            if end < 0:
                if len(data) - position > LONGEST_LINE:
                    raise ValueError("a line of a chunk is too long")
                break
            self._read_line(data[position:end])
            position = end + 2
        self._kept = b"" if self.ended else data[position:]
        return bytes(body), data[position:] if self.ended else b""

    def _read_line(self, line: bytes) -> None:
        if self._after_data:
            if line:
                raise ValueError("a chunk is longer than it says")
            self._after_data = False
        elif self._trailers >= 0:
            self._trailers += 1
            self.ended = not line
            if self._trailers > MOST_TRAILERS:
                raise ValueError("there are too many trailers")
        elif found := SIZE.fullmatch(line):
            self._left = int(found[1], 16)
            self._after_data = self._left > 0
            self._trailers = -1 if self._left else 0
        else:
            raise ValueError("a chunk has no size")
