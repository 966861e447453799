"""A table of so many rows by a simulated network: `python -m tests.benchmarks.batch_rows N a.csv [sorted]` in a process
of its own prints how many MB it took at most, and how many rows a second; `sorted` makes links to the pictures, too."""

from __future__ import annotations

import json
import re
import sys
import tempfile
import time
from collections.abc import Generator, Iterable
from pathlib import Path
from typing import Any, cast

from hwapung.batch.engines import Answered
from hwapung.batch.items import Item, make_item
from hwapung.batch.run import Extras, predict_many
from hwapung.batch.sources import Source
from hwapung.batch.tables import open_table
from hwapung.model import Answer
from tests.cards import make_card


class Simulated:
    """Answers at once, without reading a byte."""

    card = make_card()

    def answer(self, items: Iterable[Item], *, explain: bool) -> Generator[Answered, None, None]:
        answer: dict[str, Any] = {
            "class": "china",
            "confidence": 0.9,
            "verdict": "sure",
            "prediction_set": {"classes": ["china"]},
        }
        answer["probabilities"] = {"china": 0.9, "한국 그림": 0.1}
        for item in items:
            yield item, cast("Answer", answer)


def read_peak() -> float:
    """MB. Not `getrusage`: what that counts a process inherits from the one that began it."""
    found = re.search(r"VmHWM:\s+(\d+) kB", Path("/proc/self/status").read_text())
    assert found
    return int(found[1]) / 1024


def simulate(rows: int, table: str, sort_into: str | None = None) -> None:
    """Print how many MB this process took at most, and its rate."""
    source = Source("simulated", "", (), lambda left_out: (make_item(Path(f"{n:09d}.jpg")) for n in range(rows)))
    with tempfile.TemporaryDirectory() as place:
        started = time.perf_counter()
        extras = Extras(Path(place) / sort_into if sort_into else None)
        predict_many(Simulated(), source, open_table(Path(place) / table), extras)
        elapsed = time.perf_counter() - started
        memory = read_peak()  # before all links are listed to be removed
    print(json.dumps({"memory": memory, "rate": rows / elapsed}))


if __name__ == "__main__":
    simulate(int(sys.argv[1]), *sys.argv[2:])
