"""An answer that comes in parts: a stream of server-sent events, which ends when the client leaves."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator
from typing import Any, NamedTuple

from flask import Response, stream_with_context

from .metrics import count_error

#: While nothing happens, an empty event goes out as often as this: writing is how a server learns that a client left.
HEARTBEAT_SECONDS = 0.25


class Event(NamedTuple):
    """`kind`: what the data is of, or empty for a sign of life. `data`: what is sent. `is_last`: an `error` in it is
    that of the whole answer."""

    kind: str
    data: dict[str, Any]
    is_last: bool = False


SIGN_OF_LIFE = Event("", {})


def stream(events: Iterable[Event], tell: Callable[[Event], dict[str, Any]], *closers: Callable[[], None]) -> Response:
    """The events as a response, each with the data that `tell` makes of it. `closers` are called at its end, or when
    the client has left, which ends the iteration."""

    def write() -> Iterator[bytes]:
        for event in events:
            if event.is_last and "error" in event.data:
                count_error(event.data["error"]["code"])
            yield encode(event.kind, tell(event))

    response = Response(stream_with_context(write()), content_type="text/event-stream")
    response.headers["Cache-Control"] = "no-store"
    response.headers["X-Accel-Buffering"] = "no"  # nginx would keep events back
    for closer in closers:
        response.call_on_close(closer)
    return response


def encode(kind: str, data: dict[str, Any]) -> bytes:
    """A server-sent event; a sign of life is a comment."""
    if not kind:
        return b":\n\n"
    return f"event: {kind}\ndata: {json.dumps(data, ensure_ascii=False)}\n\n".encode()
