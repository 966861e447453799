"""A batch under way: a few of its pictures are asked about at once, and whoever iterates gets the events.

No more is read ahead than is asked about, so memory does not grow with the batch, nor with what a zip's
pictures become.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import FIRST_COMPLETED, Future, wait
from typing import Any, NamedTuple

from ..background import Background
from ..errors import FrontEndError
from ..events import HEARTBEAT_SECONDS, SIGN_OF_LIFE, Event
from ..model_server import ModelServer
from ..settings import Settings
from .upload import MOST_EXAMPLES, Picture, Sent

#: The model is not there: that is no picture's fault, and what is not answered yet would meet the same.
AWAY = frozenset(("model_down", "model_starting", "model_busy"))
#: Of pictures that are asked about: with so many bytes in hand, no further one is read.
MOST_BYTES = 2**24


class Asked(NamedTuple):
    number: int
    name: str
    size: int


class Work:
    """`events` may be iterated once; `close` ends the work at any time and leaves nothing behind."""

    def __init__(self, sent: Sent, model: str, server: ModelServer, settings: Settings) -> None:
        self._sent, self._model = sent, model
        self._most = settings.batch_requests
        self._questions = Background(
            server, model, "batch",
            requests=self._most, retry_seconds=settings.answer_timeout, passing=AWAY,
        )  # fmt: skip
        self._counts: Counter[str] = Counter()
        self._faults: Counter[str] = Counter()

    def close(self) -> None:
        self._questions.close()
        self._sent.close()

    def events(self) -> Iterator[Event]:
        """One `batch`, then a `picture` for each as its answer comes; `waiting` while the model server is away; at the
        end one `summary`. Between them signs of life."""
        began = time.monotonic()
        fault: FrontEndError | None = None
        try:
            yield Event("batch", {"pictures": self._sent.count, "model": self._model})
            yield from self._answer()
        except FrontEndError as error:
            fault = error
        finally:
            self.close()
        yield Event("summary", self._sum_up(time.monotonic() - began, fault), is_last=True)

    def _answer(self) -> Iterator[Event]:
        """Raises the `FrontEndError` that keeps the rest of the pictures from being answered."""
        left = enumerate(self._sent.pictures)
        asked: dict[Future[dict[str, Any]], Asked] = {}
        told = False
        while True:
            in_hand = sum(each.size for each in asked.values())
            while len(asked) < self._most and in_hand < MOST_BYTES and (following := next(left, None)):
                index, picture = following
                answer, size = self._ask(picture)
                asked[answer] = Asked(index, picture.name, size)
                in_hand += size
            if not asked:
                return
            done, _ = wait(asked, HEARTBEAT_SECONDS, FIRST_COMPLETED)
            for answer in done:
                of = asked.pop(answer)
                yield Event("picture", {"index": of.number, "name": of.name} | self._read(answer))
            trouble = self._questions.trouble
            if trouble and not told:
                yield Event("waiting", trouble.as_answer())
            elif not done:
                yield SIGN_OF_LIFE
            told = trouble is not None

    def _ask(self, picture: Picture) -> tuple[Future[dict[str, Any]], int]:
        """What becomes of a picture, and the bytes that it has."""
        try:
            image = picture.read()
        except FrontEndError as error:
            failed: Future[dict[str, Any]] = Future()
            failed.set_exception(error)
            return failed, 0
        return self._questions.ask(image), len(image)

    def _read(self, answer: Future[dict[str, Any]]) -> dict[str, Any]:
        try:
            content = answer.result()
        except FrontEndError as error:
            if error.code in AWAY:
                raise
            content = error.as_answer()
        if "error" in content:
            self._faults[content["error"]["code"]] += 1
            return content
        self._counts[content.get("verdict", "")] += 1
        return {"answer": content}

    def _sum_up(self, seconds: float, fault: FrontEndError | None) -> dict[str, Any]:
        return {
            "pictures": self._sent.count,
            "answered": self._counts.total(),
            "failed": self._faults.total(),
            "verdicts": dict(self._counts),
            "errors": dict(self._faults),
            "left_out": [
                {"reason": reason, "count": len(names), "examples": names[:MOST_EXAMPLES]}
                for reason, names in self._sent.left_out.items()
            ],
            "seconds": round(seconds, 3),
            "complete": fault is None,
        } | (fault.as_answer() if fault else {})
