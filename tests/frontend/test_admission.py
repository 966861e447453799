"""Who is asked for next, who is refused, and what the processes know of each other."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from http.server import BaseHTTPRequestHandler
from pathlib import Path

import pytest
from flask.testing import FlaskClient

from frontend import admission as module
from frontend.admission import Admission, Kind, NoRoomError, _Lane, _Question
from frontend.errors import ModelServerError
from frontend.ledger import Ledger
from frontend.settings import Settings
from tests.frontend.model_server_stub import ModelServerStub, image
from tests.waiting import PATIENCE, Clock, come_to_rest, wait_until

PREDICT = "/api/v1/models/landscape/predict"


def lane(seconds: float = 1.0, ahead: int | None = None, folder: Path | None = None) -> _Lane:
    return _Lane(Ledger(folder, 2, 1), 0, seconds, ahead)


def ask(where: _Lane, client: str = "", kind: Kind = "predict") -> _Question:
    question = _Question(kind, client)
    where.enter(question)
    return question


def test_only_what_keeps_the_model_busy_is_handed_over() -> None:
    queue = lane()
    questions = [ask(queue, client=str(number)) for number in range(20)]
    assert [each.admitted.is_set() for each in questions] == [True] * 12 + [False] * 8
    queue.leave(questions[0], None)
    assert [each.admitted.is_set() for each in questions] == [True] * 13 + [False] * 7


def test_who_would_wait_too_long_is_refused_and_told_for_how_long() -> None:
    queue = lane(2.0)
    questions = [ask(queue) for _ in range(32)]
    with pytest.raises(NoRoomError) as refused:
        ask(queue)
    assert refused.value.seconds == pytest.approx(2.0)
    queue.leave(questions.pop(), None)
    ask(queue)


def test_a_slower_model_has_less_room_but_a_full_batch(clock: Clock) -> None:
    queue = lane(1.0)
    for _ in range(200):
        question = ask(queue)
        question.came = clock.now - 0.5  # half a second for one alone
        queue.leave(question, 1)
    assert queue._seconds == pytest.approx(0.5, rel=0.05)
    for _ in range(16):
        ask(queue)
    with pytest.raises(NoRoomError):
        ask(queue)


def test_a_quarter_of_the_room_is_for_those_who_have_nothing_in_hand() -> None:
    queue = lane(1.0)
    for _ in range(32):
        ask(queue, client="0")
    assert queue.is_full("0") == pytest.approx(1.0)
    for number in range(8):
        assert queue.is_full(f"newcomer {number}") is None
        ask(queue, client=f"newcomer {number}")
    assert queue.is_full("one more") == pytest.approx(40 / 32)


def test_nobody_counts_more_than_there_is() -> None:
    """Not even for a moment: another process may look just then, and refuse somebody for it."""
    written: list[int] = []

    class Watched(Ledger):
        def write(self, column: int, number: int) -> None:
            super().write(column, number)
            written.append(number)

    queue = _Lane(Watched(None, 1, 1), 0, 1.0, None)
    written.clear()
    queue.leave(ask(queue), None)
    assert max(written) == 1
    assert written[-2:] == [0, 0]
    ask(queue, kind="frames")  # has its turn, though it counts for nobody while it waits
    assert written[-2:] == [0, 1]


def test_no_more_than_a_batch_and_a_half_is_handed_over_to_a_fast_model() -> None:
    queue = lane(1.0)
    queue._seconds = 0.001
    questions = [ask(queue) for _ in range(40)]
    assert sum(each.admitted.is_set() for each in questions) == 24


def test_one_answer_that_took_for_ever_does_not_close_the_door() -> None:
    queue = lane(1.0)
    before = queue._seconds
    question = ask(queue)
    question.came -= 30
    queue.leave(question, 1)
    assert queue._seconds == pytest.approx(1.1 * before)


def test_the_next_is_the_client_with_the_fewest_and_films_come_last() -> None:
    queue = lane()
    asked = [ask(queue, client="greedy") for _ in range(12)]
    more = [ask(queue, client="greedy") for _ in range(4)]
    frame = ask(queue, kind="frames")
    modest = ask(queue, client="modest")
    order = []
    for number in range(3):
        queue.leave(asked[number], None)
        order.append([each.admitted.is_set() for each in (modest, frame, more[0])])
    assert order == [[True, False, False], [True, True, False], [True, True, True]]


def test_a_client_that_fills_the_room_keeps_nobody_else_out() -> None:
    queue = lane()
    for _ in range(32):
        ask(queue, client="greedy")
    with pytest.raises(NoRoomError):
        ask(queue, client="greedy")
    for number in range(8):
        ask(queue, client=str(number))
    with pytest.raises(NoRoomError):
        ask(queue, client="late")


def test_films_wait_and_take_nobodys_room() -> None:
    queue = lane()
    for _ in range(100):
        ask(queue, kind="frames")
    for number in range(20):
        ask(queue, client=str(number))


def test_the_processes_share_turns_and_room(tmp_path: Path) -> None:
    one, other = lane(folder=tmp_path), lane(folder=tmp_path)
    mine = [ask(one) for _ in range(16)]
    theirs = [ask(other) for _ in range(16)]
    assert sum(each.admitted.is_set() for each in mine) == 12
    assert 1 <= sum(each.admitted.is_set() for each in theirs) <= 6
    with pytest.raises(NoRoomError):
        ask(other)
    for each in mine:
        one.leave(each, None)
    other.leave(theirs[0], None)
    assert sum(each.admitted.is_set() for each in theirs) == 13


def test_the_row_of_a_process_that_died_goes_to_the_next(tmp_path: Path) -> None:
    kept, dies = Ledger(tmp_path, 3, 1), Ledger(tmp_path, 3, 1)
    kept.write(0, 2)
    dies.write(0, 5)
    assert kept.total(0) == 7
    assert dies._lock is not None
    dies._lock.close()
    assert Ledger(tmp_path, 3, 1).total(0) == 2


def test_explanations_are_asked_one_at_a_time_and_hold_up_no_prediction() -> None:
    admission = Admission(Settings(), None)
    with admission.place("landscape", "explain"), ExitStack() as stack:
        second = threading.Thread(target=lambda: admission.place("landscape", "explain").__enter__(), daemon=True)
        second.start()
        for _ in range(8):
            stack.enter_context(admission.place("landscape", "predict"))
        second.join(0.2)
        assert second.is_alive()
    second.join(PATIENCE)
    assert not second.is_alive()


def test_a_quarter_of_the_threads_never_waits_for_a_model() -> None:
    admission = Admission(Settings(threads=8), None)
    with ExitStack() as stack:
        for _ in range(6):
            stack.enter_context(admission.place("landscape", "predict"))
        with pytest.raises(ModelServerError) as refused, admission.place("landscape", "predict"):
            pass
    assert refused.value.code == "model_busy"


@pytest.fixture
def slow(model_server: ModelServerStub) -> Iterator[threading.Event]:
    """A model that answers when it is told to."""
    go = threading.Event()

    def wait(request: BaseHTTPRequestHandler, body: bytes) -> tuple[int, bytes]:
        go.wait(2 * PATIENCE)
        return 200, b"{}"

    model_server.reply = wait
    yield go
    go.set()


def test_a_visitor_too_many_is_refused_at_once_with_a_time(
    make_client: Callable[..., FlaskClient], slow: threading.Event
) -> None:
    """At once: the model answers nobody before."""
    client = make_client(queue_seconds=0.1, threads=64)
    app = client.application
    statuses: list[int] = []

    def visit() -> None:
        statuses.append(app.test_client().post(PREDICT, data=image(), content_type="image/png").status_code)

    visitors = [threading.Thread(target=visit) for _ in range(32)]
    for each in visitors:
        each.start()
    lanes = app.extensions["model_server"]._admission._lanes
    wait_until(lambda: lanes["landscape", False]._in_hand() == 32)
    refused = client.post(PREDICT, data=image(), content_type="image/png")
    assert refused.status_code == 503
    assert refused.json is not None
    assert refused.json["error"]["code"] == "model_busy"
    assert refused.headers["Retry-After"] == "1"
    slow.set()
    for each in visitors:
        each.join()
    assert statuses == [200] * 32


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(module, "time", clock)
    monkeypatch.setattr(module, "LOOK_SECONDS", 0.002)
    monkeypatch.setattr(module, "BATCH_AHEAD", 8)
    return clock


class Pictures:
    """Threads with a batch's picture each, which holds its turn until it is let go."""

    def __init__(self, admission: Admission, count: int) -> None:
        self.stop = threading.Event()
        self.at_model = self.refused = self.left = 0
        self._let_go, self._allowed = threading.Semaphore(0), 0
        self._admission = admission
        self._threads = [threading.Thread(target=self._take, daemon=True) for _ in range(count)]
        for thread in self._threads:
            thread.start()

    def _take(self) -> None:
        try:
            with self._admission.place("landscape", "batch", self.stop):
                self.at_model += 1
                self._let_go.acquire()
                self.at_model -= 1
                self.left += 1
        except ModelServerError:
            self.refused += 1

    def let_go(self, count: int) -> None:
        """So many of those at the model have their answer."""
        self._allowed += count
        self._let_go.release(count)
        wait_until(lambda: self.left == self._allowed)

    def settles_at(self, count: int) -> bool:
        """Whether so many come to be at the model, and no more for a while."""
        wait_until(lambda: self.at_model == count)
        return come_to_rest(lambda: self.at_model, 0.1) == count

    def end(self) -> None:
        self.stop.set()
        self._let_go.release(len(self._threads))
        for thread in self._threads:
            thread.join(PATIENCE)
            assert not thread.is_alive()


def test_pictures_of_batches_fill_the_model_while_nobody_else_is_there(clock: Clock) -> None:
    pictures = Pictures(Admission(Settings(), None), 20)
    assert pictures.settles_at(8)
    pictures.let_go(5)
    assert pictures.settles_at(8)
    pictures.end()


def test_pictures_of_batches_make_way_for_whoever_asked_lately(clock: Clock) -> None:
    admission = Admission(Settings(queue_seconds=1), None)
    with admission.place("landscape", "predict"):
        pictures = Pictures(admission, 20)
        assert pictures.settles_at(1)  # none has passed for long
        pictures.let_go(1)
        assert pictures.settles_at(0)
        clock.now += 0.3  # a tenth of the time: ten times the 1/32 s that a question takes
        assert pictures.settles_at(0)
        clock.now += 0.1
        assert pictures.settles_at(1)
        pictures.let_go(1)
    clock.now += 1.9
    assert pictures.settles_at(1)
    clock.now += 0.2
    assert pictures.settles_at(8)
    pictures.end()


def test_an_explanation_keeps_batches_back_too(clock: Clock) -> None:
    admission = Admission(Settings(), None)
    with admission.place("landscape", "explain"):
        pictures = Pictures(admission, 3)
        assert pictures.settles_at(1)
        pictures.end()


def test_pictures_of_batches_take_nobodys_room(clock: Clock) -> None:
    admission = Admission(Settings(threads=40), None)
    pictures = Pictures(admission, 200)
    assert pictures.settles_at(8)
    with ExitStack() as stack:
        for _ in range(12):  # as many as are handed over at once without a batch
            stack.enter_context(admission.place("landscape", "predict"))
    pictures.end()


def test_a_batch_that_ends_asks_nothing_more(clock: Clock) -> None:
    pictures = Pictures(Admission(Settings(), None), 20)
    assert pictures.settles_at(8)
    pictures.stop.set()
    wait_until(lambda: pictures.refused == 12)
    assert pictures.settles_at(8)
    pictures.end()


def test_batches_of_all_processes_make_way_and_share_the_model(clock: Clock, tmp_path: Path) -> None:
    one, other = Admission(Settings(), tmp_path), Admission(Settings(), tmp_path)
    mine = Pictures(one, 20)
    assert mine.settles_at(8)
    theirs = Pictures(other, 20)
    assert theirs.settles_at(4)
    mine.let_go(8)
    assert mine.settles_at(3)  # of 8, by the 12 and the 20 that they have in hand
    assert theirs.settles_at(5)
    with one.place("landscape", "predict"):
        mine.let_go(3)
        theirs.let_go(5)
        assert mine.settles_at(0)
        assert theirs.settles_at(0)
    mine.end()
    theirs.end()
