"""What a log or a narrow terminal is told."""

from __future__ import annotations

import io

import pytest
from rich.console import Console
from rich.table import Table

from model_training import progress


class Clock:
    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now = 1000.0
        monkeypatch.setattr(progress.time, "monotonic", lambda: self.now)


@pytest.fixture
def log(monkeypatch: pytest.MonkeyPatch) -> io.StringIO:
    written = io.StringIO()
    monkeypatch.setattr(progress, "console", Console(file=written, width=200))
    return written


def test_a_narrow_log_cuts_no_cell(monkeypatch: pytest.MonkeyPatch) -> None:
    log = io.StringIO()
    monkeypatch.setattr(progress, "console", Console(file=log, width=20))
    table = Table("artist", "accuracy on it (95%)")
    table.add_row("theo-van-rysselberghe", "77.8% (54.8%–91.0%)")
    progress.print_whole(table)
    assert "│ theo-van-rysselberghe │ 77.8% (54.8%–91.0%)" in log.getvalue()
    assert "…" not in log.getvalue()


def estimate(durations: list[float], total: int) -> list[float | None]:
    """What is said to be left after each step, for steps that take so many seconds."""
    pace, now = progress.Pace(), 0.0
    told = [pace.estimate(now, 0, total)]
    for done, seconds in enumerate(durations, 1):
        now += seconds
        told.append(pace.estimate(now, done, total))
    return told


def test_steady_steps_are_told_exactly() -> None:
    told = estimate([2.0] * 100, 100)
    assert told[0] is None
    assert told[1:] == pytest.approx([2.0 * (100 - done) for done in range(1, 101)])


def test_a_slow_beginning_is_forgotten() -> None:
    """Over the whole time, 140 steps of a second after one of five minutes would still take 3 seconds each."""
    told = estimate([300.0] + [1.0] * 140, 1000)
    assert told[-1] == pytest.approx((1000 - 141) * 1.0)


def test_another_phase_is_believed_within_its_first_minute_or_two() -> None:
    told = estimate([1.0] * 500 + [3.0] * 40, 1000)
    assert told[500] == pytest.approx(500)
    assert told[520] == pytest.approx(480 * 3, rel=0.02)
    assert told[-1] == pytest.approx(460 * 3)


def test_one_slow_step_of_many_moves_little() -> None:
    told = estimate([1.0] * 100 + [20.0] + [1.0] * 100, 1000)
    assert told[101] == pytest.approx(899 * 60 / 41, rel=0.05)
    assert told[-1] == pytest.approx(799)


def test_steps_longer_than_a_minute_are_averaged_over_the_last_few() -> None:
    told = estimate([100.0, 200.0] * 10, 40)
    assert told[-1] == pytest.approx(20 * 150.0)


def test_a_log_says_what_is_left_now_and_then(monkeypatch: pytest.MonkeyPatch, log: io.StringIO) -> None:
    clock = Clock(monkeypatch)
    with progress.follow("Training") as step:
        step.update(600, 1000)  # a resumed run: what was done before says nothing of the speed
        for done in range(601, 1001):
            clock.now += 3 if done < 900 else 1
            step.update(done, 1000, f"epoch {done // 100}")
    lines = log.getvalue().splitlines()
    assert lines[0] == "Training: 605/1000, 20 min left epoch 6"
    assert "Training: 700/1000, 15 min left epoch 7" in lines
    assert lines[-2] == "Training: 992/1000, 8 s left epoch 9"
    assert lines[-1] == "Training: 1000/1000 epoch 10"


def test_a_bar_says_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = Clock(monkeypatch)
    written = io.StringIO()
    monkeypatch.setattr(progress, "console", Console(file=written, width=200, force_terminal=True))
    with progress.follow("Training") as step:
        for done in range(100):
            step.update(done, 1000, "epoch 1")
            clock.now += 6
        assert step.bar is not None
        step.bar.refresh()
    assert "99/1000" in written.getvalue()
    assert "90 min left" not in written.getvalue()
    assert "1 h 30 min left" in written.getvalue()


def test_what_is_quiet_says_nothing(log: io.StringIO) -> None:
    with progress.follow("Training", quiet=True) as step:
        step.update(1, 1)
        step.say("done")
    assert log.getvalue() == ""


@pytest.mark.parametrize(
    ("seconds", "told"), [(45.4, "45 s"), (125, "2 min"), (3599, "1 h 0 min"), (11100, "3 h 5 min")]
)
def test_time_is_told_in_units_for_people(seconds: float, told: str) -> None:
    assert progress.phrase_seconds(seconds) == told
