"""A search while it runs: how far it is, how long it will take, and the best so far."""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from optuna.trial import FrozenTrial, TrialState
from rich.console import Group
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from ..progress import console, phrase_seconds
from .board import Line, rank, shorten
from .space import Point, list_points, name_point
from .study import SharedStudy

_SHOWN = 5


class Display:
    """`refresh` may be called as often as one likes: a live table on a terminal, a line for each news elsewhere."""

    def __init__(self, shared: SharedStudy, live: Live | None) -> None:
        self.shared = shared
        self.live = live
        self.printed = len(shared.finished())

    def refresh(self, note: str = "") -> None:
        finished = self.shared.finished()
        running = self.shared.running()
        seconds = estimate_left(self.shared, finished, running)
        left = "unknown time" if seconds is None else phrase_seconds(seconds)
        head = f"{len(finished)}/{self.shared.total} trials, {len(running)} running, {left} left"
        lines = rank(finished)
        if self.live is not None:
            done = ProgressBar(total=self.shared.total, completed=len(finished), width=40)
            self.live.update(Group(Text(f"Searching: {head}"), done, _draw_table(lines[:_SHOWN]), Text(note)))
        elif len(finished) > self.printed:
            self.printed = len(finished)
            best = f"; best {lines[0].metric} {lines[0].value:.4f} with {shorten(lines[0].point)}" if lines else ""
            console.print(f"Searching: {head}{best}")

    def say(self, line: str) -> None:
        (self.live.console if self.live else console).print(line, markup=False)


@contextmanager
def show(shared: SharedStudy) -> Iterator[Display]:
    if not console.is_terminal:
        yield Display(shared, None)
        return
    with Live(console=console, refresh_per_second=2) as live:
        yield Display(shared, live)


def estimate_left(shared: SharedStudy, finished: Sequence[FrozenTrial], running: Sequence[FrozenTrial]) -> float | None:
    """Seconds, by what trials of the same backbone and depth took (of the backbone, of all, if there is none), shared
    among the processes at work; None before the first trial is done."""
    took: dict[tuple[object, ...], list[float]] = defaultdict(list)
    for trial in finished:
        seconds = _took(trial)
        if seconds is not None:
            for kind in _kinds(trial.params):
                took[kind].append(seconds)
    if not took:
        return None
    tried = {name_point(trial.params) for trial in finished}
    ahead: list[Point] = [point for point in list_points(shared.search) or [] if name_point(point) not in tried]
    if shared.search.sampler != "grid" or not ahead:
        mean = sum(took[()]) / len(took[()])
        return mean * (shared.total - len(finished)) / max(1, len(running))
    seconds = 0.0
    for point in ahead:
        known = next(took[kind] for kind in _kinds(point) if kind in took)
        seconds += sum(known) / len(known)
    now = time.time()
    begun = [now - trial.datetime_start.timestamp() for trial in running if trial.datetime_start]
    return max(0.0, seconds - sum(begun)) / max(1, len(running))


def _took(trial: FrozenTrial) -> float | None:
    """Seconds; None where they were not written down."""
    if trial.state == TrialState.PRUNED and trial.duration is not None:
        return trial.duration.total_seconds()
    seconds: float | None = trial.user_attrs.get("outcome", {}).get("seconds")
    return seconds


def _kinds(point: Point) -> list[tuple[object, ...]]:
    backbone, depth = point.get("network.backbone"), point.get("network.unfreeze")
    return [("both", backbone, depth), ("backbone", backbone), ()]


def _draw_table(lines: Sequence[Line]) -> Table:
    table = Table(box=None, pad_edge=False)
    table.add_column("")
    for key in lines[0].point if lines else ():
        table.add_column(key.rpartition(".")[2] if key != "network.head.hidden" else "head")
    table.add_column(lines[0].metric if lines else "")
    table.add_column("95%")
    for line in lines:
        values = [str(value) for value in line.point.values()]
        table.add_row(str(line.place), *values, f"{line.value:.4f}", f"{line.low:.3f} … {line.high:.3f}")
    return table
