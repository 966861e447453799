"""Pictures → a table, from the first row to the last, or from where an earlier run was ended."""

from __future__ import annotations

import os
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing, suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from model_training.datasets.findings import Findings
from model_training.locks import is_full
from model_training.progress import follow
from model_training.runtime.errors import DatasetError, HwapungError, ImageError, OutputError
from model_training.runtime.files import replacing

from ..model import Answer
from .copies import Sorter, check_apart, check_explains, draw_heatmap
from .engines import Engine, describe_task
from .items import Item
from .journal import Done, Journal, recall, stop_writing
from .rows import Row, list_columns, make_row
from .sources import Source
from .summary import Summary
from .tables import Table, refuse

#: Rows are kept for good once a second: a kill costs no more than that. Of fast answers no more wait than these.
_SECONDS_BETWEEN_WRITES, _MOST_WAITING = 1.0, 2000


#: Folders, and what writes there what belongs to an answer.
Copies = list[tuple[Path, Callable[[Item, Answer | ImageError], None]]]


@dataclass(frozen=True)
class Extras:
    """What is wanted beside the table. `sort_into`: a folder for links (`copy`: copies) by class and verdict;
    `explain`: one for heatmaps."""

    sort_into: Path | None = None
    copy: bool = False
    explain: Path | None = None

    def make_writers(self) -> Copies:
        writers: Copies = []
        if self.sort_into is not None:
            writers.append((self.sort_into, Sorter(self.sort_into, copy=self.copy).place))
        if self.explain is not None:
            writers.append((self.explain, partial(draw_heatmap, self.explain)))
        return writers


def predict_many(engine: Engine, source: Source, table: Table, extras: Extras) -> Summary:
    """Write the table, a row for each picture in the source's order. The rows so far are in `TABLE.journal`, from which
    the same call goes on; it is gone when the table is there, as a whole.

    Raises `OutputError` for a table or a folder that can't be written, a table that is there already, or heatmaps of a
    model that draws none, `DatasetError` for a folder that would be read and written, `StoppedError` and `ServingError`
    where the same call can go on later.
    """
    card = engine.card
    if extras.explain is not None:
        check_explains(card)
    for folder, _ in extras.make_writers():
        check_apart(folder, source)
        _make_folder(folder)
    columns = list_columns(card)
    summary = Summary(str(table.path))
    with Journal(table.journal, describe_task(card, source)) as journal:
        done = recall(_count(journal.recover(), summary))
        summary.resumed = summary.rows
        if not summary.rows and os.path.lexists(table.path):  # of a process that began and ended since this one looked
            journal.remove()
            raise refuse(table.path)
        try:
            _answer_rest(engine, source, journal, done, summary, extras)
            if not summary.rows:
                raise source.refuse_empty()
        except DatasetError:
            if not summary.rows:
                journal.remove()
            raise
        try:
            with replacing(table.path) as temporary:
                table.write(temporary, columns, journal.rows())
        except OSError as error:
            raise stop_writing(table.path, error) from None
        journal.remove()
    return summary


def _answer_rest(
    engine: Engine, source: Source, journal: Journal, done: Done, summary: Summary, extras: Extras
) -> None:
    copies = extras.make_writers()
    waiting: list[Row] = []
    written = time.monotonic()
    total = _Total(source)
    left = (item for item in source.walk(summary.left_out) if not done.take(item.name))
    with follow("Predicting") as step, closing(engine.answer(left, explain=extras.explain is not None)) as answered:
        try:
            for item, answer in answered:
                _copy(item, answer, copies, summary)
                waiting.append(row := make_row(item.name, answer))
                summary.add(row)
                step.update(summary.rows, total.count)
                if time.monotonic() - written >= _SECONDS_BETWEEN_WRITES or len(waiting) >= _MOST_WAITING:
                    rows, waiting = waiting, []
                    journal.append(rows)
                    written = time.monotonic()
        finally:
            journal.append(waiting)


def _copy(item: Item, answer: Answer | ImageError, copies: Copies, summary: Summary) -> None:
    """Before the row is kept: a picture without a row is copied again. A full disk ends the run; one copy does not."""
    for folder, write in copies:
        try:
            write(item, answer)
        except OSError as error:
            if is_full(error):
                raise stop_writing(folder, error) from None
            summary.failed.add(f"copies or heatmaps that could not be written ({error.strerror})", item.name)


def _count(rows: Iterator[Row], summary: Summary) -> Iterator[Row]:
    for row in rows:
        summary.add(row)
        yield row


def _make_folder(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        raise OutputError(
            f"{folder}: can't be written ({error.strerror}).", "Give a place that can be written to."
        ) from None


class _Total:
    """How many pictures there are, counted beside the work. `count` is None until all are."""

    def __init__(self, source: Source) -> None:
        self.count: int | None = None
        self.source = source
        threading.Thread(target=self._find, daemon=True).start()

    def _find(self) -> None:
        with suppress(HwapungError):
            self.count = sum(1 for _ in self.source.walk(Findings()))
