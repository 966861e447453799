"""Who may ask a model now, who waits a moment, and who is told to come again: decided here, for all worker processes.

TorchServe answers in the order in which it was asked, and takes whatever comes. So only what keeps it busy is handed
to it; the rest waits here, where the next one is chosen by what it is and whose it is, and only as many wait as can be
answered in time at the rate that is measured. Explanations have a lane of their own: those who share a batch with one
wait for it. Pictures of batches go while nobody else is there: a question that finds some at the model waits for them.
"""

from __future__ import annotations

import math
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from flask import has_request_context, request

from . import errors
from .ledger import Ledger
from .settings import Settings

#: `frames` are a film's, `batch` are many pictures of one request: they wait for as long as they must, and let
#: everybody else go first.
Kind = Literal["predict", "explain", "frames", "batch"]
#: In the choice of the next question, a kind counts as if its client had so many more questions at the model; each
#: `YIELDING_SECONDS` of waiting make up for one.
YIELDS: dict[Kind, int] = {"predict": 0, "explain": 0, "frames": 4}
YIELDING_SECONDS = 0.25
#: Seconds of work that are handed to the model server ahead, and questions at least and at most: half of a full batch,
#: and one and a half. Fewer would leave the server idle now and then, and whoever comes next waits for all of them.
AHEAD_SECONDS, AHEAD_LEAST, AHEAD_MOST = 0.4, 8, 24
#: Questions that are taken whatever they may take: a full batch.
ROOM_LEAST = 16
EXPLANATIONS_AHEAD = 1
#: How much of what a new answer shows of the rate is believed.
LEARNING = 0.1
#: Pictures of batches at a model while nobody else asks: a full batch of its. Who comes then waits for them.
BATCH_AHEAD = 16
#: For so long after a question more are expected of whoever asked, and batches make way: they have one picture at the
#: model then, and that for this share of the time.
EXPECTED_SECONDS, BATCH_SHARE = 2.0, 0.1
#: Who waits behind others looks as often as this: nobody in another process says when they are gone.
LOOK_SECONDS = 0.05
#: What a client who has nothing in hand yet finds beyond the room that others can fill.
FOR_NEWCOMERS = 0.25


@dataclass
class _Question:
    kind: Kind
    client: str
    came: float = field(default_factory=time.monotonic)
    admitted: threading.Event = field(default_factory=threading.Event)


class NoRoomError(Exception):
    """There is no room; what is there takes `seconds`."""

    def __init__(self, seconds: float) -> None:
        super().__init__(seconds)
        self.seconds = seconds


class _Lane:
    """The questions of one sort to one model, in this process.

    `column`: of the ledger, for the questions that are in hand. `ahead`: how many are handed over; None: by what they
    take.
    """

    def __init__(self, ledger: Ledger, column: int, queue_seconds: float, ahead: int | None) -> None:
        self._ledger, self._column, self._queue_seconds, self._ahead = ledger, column, queue_seconds, ahead
        #: Seconds of the model's time that a question takes, where others share its batch.
        self._seconds = queue_seconds / (2 * ROOM_LEAST)
        self._lock = threading.Lock()
        self._waiting: list[_Question] = []
        self._asked: Counter[str] = Counter()

    def is_full(self, client: str) -> float | None:
        """The seconds that what is in hand takes, where a client's question would be refused now."""
        with self._lock:
            in_hand = self._ledger.total(self._column)
            return in_hand * self._seconds if in_hand >= self._find_room(client) else None

    def enter(self, question: _Question) -> int:
        """Let a question wait for its turn, or have it at once. Returns how many are in hand with it, in all processes.

        Raises `NoRoomError` where it can't be answered in time.
        """
        with self._lock:
            in_hand = self._ledger.total(self._column)
            if question.kind != "frames" and in_hand >= self._find_room(question.client):
                raise NoRoomError(in_hand * self._seconds)
            self._waiting.append(question)
            self._advance()
            return in_hand + 1

    def _find_room(self, client: str) -> int:
        """How many questions may be in hand, of all clients, for one of this client's to be taken."""
        room = max(ROOM_LEAST, int(self._queue_seconds / self._seconds))
        if client not in self._asked and all(each.client != client for each in self._waiting):
            room += int(FOR_NEWCOMERS * room)
        return room

    def leave(self, question: _Question, share: int | None) -> None:
        """`share`: how many were in hand when it came, where it got a usual answer."""
        with self._lock:
            if question in self._waiting:
                self._waiting.remove(question)
            else:
                self._asked[question.client] -= 1
                self._asked += Counter()  # forgets those that have none
            if share:
                seen = min((time.monotonic() - question.came) / share, 2 * self._seconds)
                self._seconds += LEARNING * (seen - self._seconds)
            self._advance()

    @property
    def seconds(self) -> float:
        """What a question takes of the model's time."""
        return self._seconds

    def _in_hand(self) -> int:
        """A film's frames that wait here are nobody's hindrance."""
        return self._asked.total() + sum(each.kind != "frames" for each in self._waiting)

    def _advance(self) -> None:
        """Hand over what is next, as long as this process has turns: they are shared by what each has in hand."""
        in_hand = self._in_hand()
        self._ledger.write(self._column, in_hand)
        own = max(in_hand, 1)  # where frames alone wait; nobody else may count it
        everybody = self._ledger.total(self._column) - in_hand + own
        ahead = self._ahead or min(max(AHEAD_LEAST, int(AHEAD_SECONDS / self._seconds)), AHEAD_MOST)
        turns = math.ceil(ahead * own / everybody)
        while self._waiting and self._asked.total() < turns:
            now = time.monotonic()
            first = min(
                self._waiting,
                key=lambda each: self._asked[each.client] + YIELDS[each.kind] - (now - each.came) / YIELDING_SECONDS,
            )
            self._waiting.remove(first)
            self._asked[first.client] += 1
            first.admitted.set()
        self._ledger.write(self._column, self._in_hand())


class _Rear:
    """What stands behind all others: pictures of batches for one model, in this process.

    `column`: of the ledger, for when others than batches asked last or will ask no more, in milliseconds of the
    system's clock; the next one is for the batches' pictures that are in hand. `lane`: the others' at this model.
    """

    _NEVER = 2**62

    def __init__(self, ledger: Ledger, column: int, lane: _Lane) -> None:
        self._ledger, self._column, self._lane = ledger, column, lane
        self._lock = threading.Lock()
        self._others = 0
        self._waiting: list[_Question] = []
        self._asked = 0
        self._passed = 0.0

    @contextmanager
    def make_way(self) -> Iterator[None]:
        """Somebody else asks."""
        self._count_others(1)
        try:
            yield
        finally:
            self._count_others(-1)

    def _count_others(self, more: int) -> None:
        with self._lock:
            self._others += more
            until = self._NEVER if self._others else round(1000 * (time.monotonic() + EXPECTED_SECONDS))
            self._ledger.write(self._column, until)

    @contextmanager
    def place(self, stop: threading.Event) -> Iterator[bool]:
        """Wait for a turn; yields whether there is one, which there is not where `stop` was set meanwhile."""
        question = _Question("batch", "")
        with self._lock:
            self._waiting.append(question)
            self._advance()
        try:
            while not question.admitted.wait(LOOK_SECONDS) and not stop.is_set():
                with self._lock:
                    self._advance()
            yield not stop.is_set()
        finally:
            with self._lock:
                if question in self._waiting:
                    self._waiting.remove(question)
                else:
                    self._asked -= 1
                self._advance()

    def _advance(self) -> None:
        own = len(self._waiting) + self._asked
        self._ledger.write(self._column + 1, own)
        turns = math.ceil(BATCH_AHEAD * own / max(self._ledger.total(self._column + 1), 1))
        while self._waiting and self._asked < turns and self._may_pass():
            self._asked += 1
            self._passed = time.monotonic()
            self._waiting.pop(0).admitted.set()

    def _may_pass(self) -> bool:
        now = time.monotonic()
        until = self._ledger.largest(self._column)
        if until < 1000 * now:
            return True
        # Who asks without a pause does not stop a batch for good, either.
        return not self._asked and now - self._passed >= self._lane.seconds / BATCH_SHARE


class Admission:
    def __init__(self, settings: Settings, folder: Path | None) -> None:
        """`folder`: common to the worker processes; None where there is only this one."""
        lanes = [(model, explained) for model in settings.models for explained in (False, True)]
        ledger = Ledger(folder, settings.workers + 1, 2 * len(lanes))
        self._lanes = {
            lane: _Lane(ledger, number, settings.queue_seconds, EXPLANATIONS_AHEAD if lane[1] else None)
            for number, lane in enumerate(lanes)
        }
        self._rears = {
            model: _Rear(ledger, len(lanes) + 2 * number, self._lanes[model, False])
            for number, model in enumerate(settings.models)
        }
        self._patience = settings.answer_timeout
        # A thread that waits for a model can't answer anybody else: a quarter of them never do.
        self._threads = threading.BoundedSemaphore(settings.threads - settings.threads // 4)

    def is_full(self, model: str, kind: Kind, client: str) -> float | None:
        """Whether a client's question would be refused now, without asking it: the seconds after which one may not be.

        Raises `KeyError` where there is no such model.
        """
        return self._lanes[model, kind == "explain"].is_full(client)

    @contextmanager
    def place(self, model: str, kind: Kind, stop: threading.Event | None = None) -> Iterator[None]:
        """A turn to ask a model, waited for. Raises `ModelServerError` (`model_busy`) where it would come too late, or
        of a batch's picture once `stop` is set.

        An error that passes through tells nothing of the model's rate.
        """
        if kind == "batch":
            with self._rears[model].place(stop or threading.Event()) as passes:
                if not passes:
                    raise errors.model_busy(model)
                yield
            return
        counted = kind != "frames"
        if counted and not self._threads.acquire(blocking=False):
            raise errors.model_busy(model)
        try:
            with self._rears[model].make_way() if counted else nullcontext():
                yield from self._take_turn(model, kind)
        finally:
            if counted:
                self._threads.release()

    def _take_turn(self, model: str, kind: Kind) -> Iterator[None]:
        lane = self._lanes[model, kind == "explain"]
        question = _Question(kind, request.remote_addr or "" if has_request_context() else "")
        share = None
        try:
            in_hand = lane.enter(question)
        except NoRoomError as full:
            raise errors.model_busy(model, full.seconds) from None
        try:
            if not question.admitted.wait(self._patience):
                raise errors.model_busy(model)
            yield
            share = in_hand
        finally:
            lane.leave(question, share)
