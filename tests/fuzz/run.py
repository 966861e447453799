"""`python -m tests.fuzz.run TARGET …`: fuzz one target in this process, by libFuzzer's arguments.

Nothing of ours may be imported before atheris looks: what it hasn't seen tells it nothing.
"""

from __future__ import annotations

import importlib
import os
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path

import atheris

from tests.fuzz import AGAIN

#: Whose lines tell what is new. Those of C tell nothing.
SEEN = [
    "model_training.runtime",
    "model_training.datasets",
    "frontend",
    "zips",
    "zipfile",
    "PIL",
    "werkzeug",
    "gunicorn",
]
#: Bytes that one input may take, whatever it is: a picture's budget is 360 MiB.
MOST_MEMORY = 420 * 2**20
#: Of this process, after which it ends by that status and is started again: under atheris pixels pile up that the same
#: inputs leave nowhere else.
ENOUGH = 2**30


def main() -> None:
    _, target, *arguments = sys.argv
    with atheris.instrument_imports(include=SEEN):
        feed = importlib.import_module(f"tests.fuzz.{target}").feed
    atheris.Setup([target, *arguments], partial(_feed, feed))
    atheris.Fuzz()


def _feed(feed: Callable[[bytes], None], data: bytes) -> None:
    """libFuzzer looks at the memory once a second, and blames the input that is then at hand."""
    Path("/proc/self/clear_refs").write_text("5")  # the peak begins anew
    before = _read_memory("VmRSS")
    feed(data)
    taken = _read_memory("VmHWM") - before
    assert taken <= MOST_MEMORY, f"it takes {taken / 2**20:.0f} MiB"
    if before > ENOUGH:
        os._exit(AGAIN)


def _read_memory(name: str) -> int:
    (line,) = (line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith(f"{name}:"))
    return 1024 * int(line.split()[1])


if __name__ == "__main__":
    main()
