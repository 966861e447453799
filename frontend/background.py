"""Questions about many pictures that somebody is told of as the answers come: a film's frames, a batch's pictures."""

from __future__ import annotations

import json
import threading
import time
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

from .admission import Kind
from .errors import FrontEndError
from .events import HEARTBEAT_SECONDS
from .model_server import ModelServer

LONGEST_PAUSE = 2.0


class Background:
    """Asks one model in threads of its own.

    `requests`: questions at once. A question is asked again for `retry_seconds` while it meets an error whose code is
    in `passing`. `trouble`: the error that the last answer was, until there is a better one.
    """

    def __init__(
        self,
        server: ModelServer,
        model: str,
        kind: Kind,
        *,
        requests: int,
        retry_seconds: float,
        passing: frozenset[str],
    ) -> None:
        self._server, self._model, self._kind = server, model, kind
        self._retry_seconds, self._passing = retry_seconds, passing
        self._stop = threading.Event()
        self._pool = ThreadPoolExecutor(requests, thread_name_prefix=f"ask-{kind}")
        self.trouble: FrontEndError | None = None

    def ask(self, image: bytes) -> Future[dict[str, Any]]:
        """What becomes of a question: the model's answer or the error that its handler gave for this image, as JSON; or
        a `FrontEndError` raised. Raises `RuntimeError` after `close`."""
        return self._pool.submit(self._insist, image)

    def close(self) -> None:
        """Nothing more is asked, and nobody waits for what is under way."""
        self._stop.set()
        self._pool.shutdown(wait=False, cancel_futures=True)

    def _insist(self, image: bytes) -> dict[str, Any]:
        began = time.monotonic()
        pause = HEARTBEAT_SECONDS
        while True:
            try:
                reply = self._server.predict(self._model, image, kind=self._kind, stop=self._stop)
            except FrontEndError as error:
                if error.code not in self._passing:
                    raise
                self.trouble = error
                if self._stop.is_set() or time.monotonic() - began >= self._retry_seconds:
                    raise
                self._stop.wait(pause)
                pause = min(2 * pause, LONGEST_PAUSE)
            else:
                self.trouble = None
                content: dict[str, Any] = json.loads(reply.body)
                return content
