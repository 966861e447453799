"""How far a long step is and how long it will still take: a bar on a terminal, a line now and then in a log."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskProgressColumn, TextColumn
from rich.table import Table

console = Console(stderr=True, highlight=False, soft_wrap=True)

_SECONDS_BETWEEN_LINES = 15.0
#: The speed of a step is measured over its last minute, or over its last few reports where they are longer apart.
_RECENT_SECONDS, _RECENT_REPORTS = 60.0, 5


def print_whole(table: Table) -> None:
    """Print a table as wide as it is: a terminal may wrap lines; figures that are cut say nothing."""
    widest = console.measure(table, options=console.options.update(max_width=1000)).maximum
    table.width = max(console.width, widest)
    console.print(table, soft_wrap=True)


class Pace:
    """How long the rest takes at the speed of late: the first batches are slow, and phases differ."""

    def __init__(self) -> None:
        self.reports: deque[tuple[float, int]] = deque()

    def estimate(self, now: float, done: int, total: int) -> float | None:
        """Seconds left, None before there is a speed; `now` in seconds of any clock."""
        if not self.reports or now - self.reports[-1][0] >= 1:  # more often tells nothing more
            self.reports.append((now, done))
        while len(self.reports) > _RECENT_REPORTS and now - self.reports[1][0] >= _RECENT_SECONDS:
            self.reports.popleft()
        since, before = self.reports[0]
        if done <= before:
            return None
        return (total - done) * (now - since) / (done - before)


def phrase_seconds(seconds: float) -> str:
    """`45 s`, `12 min`, `3 h 5 min`."""
    if seconds < 99.5:
        return f"{seconds:.0f} s"
    hours, minutes = divmod(round(seconds / 60), 60)
    return f"{hours} h {minutes} min" if hours else f"{minutes} min"


class Step:
    """Reports of one long step. `update(done, total)` may be called as often as one likes."""

    def __init__(self, title: str, bar: Progress | None, *, quiet: bool = False) -> None:
        self.title = title
        self.bar = bar
        self.quiet = quiet
        self.task = bar.add_task(title, total=None, left="") if bar else None
        self.pace = Pace()
        self.printed = time.monotonic()
        self.first: int | None = None

    def update(self, done: int, total: int | None, note: str = "") -> None:
        """`total`: None while it is not known."""
        if self.quiet:
            return
        now = time.monotonic()
        seconds = self.pace.estimate(now, done, total or done)
        left = f"{phrase_seconds(seconds)} left" if seconds is not None and total and done < total else ""
        if self.bar is not None and self.task is not None:
            told = f"{self.title} {note}".rstrip()
            self.bar.update(self.task, completed=done, total=total, description=told, left=left)
            return
        if self.first is None:
            self.first = done
        if now - self.printed < _SECONDS_BETWEEN_LINES and (total is None or done < total):
            return
        if done == total == self.first:  # nothing was left to do
            return
        self.printed = now
        of = "" if total is None else f"/{total}"
        console.print(f"{self.title}: {done}{of}{left and ', '}{left} {note}".rstrip())

    def say(self, line: str) -> None:
        """Print a line above the bar."""
        if not self.quiet:
            (self.bar.console if self.bar else console).print(line)


@contextmanager
def follow(title: str, *, quiet: bool = False) -> Iterator[Step]:
    """`with follow("Reading images") as step: step.update(done, total)`; `quiet` for all processes but the first."""
    if quiet or not console.is_terminal:
        yield Step(title, None, quiet=quiet)
        return
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TaskProgressColumn(),
        TextColumn("{task.fields[left]}"),
    )
    with Progress(*columns, console=console) as bar:
        yield Step(title, bar)
