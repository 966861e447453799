"""`python -m frontend` runs the front end under gunicorn; further arguments go to gunicorn."""

from __future__ import annotations

import os
import sys
from pathlib import Path

configuration = Path(__file__).with_name("gunicorn.conf.py")
# glibc keeps an arena for each thread, and in each what uploads of all sizes left there: with 32 threads a process grew
# for hours. Python's threads take turns anyway. An upload from this size on comes from the system and goes back to it;
# left to itself glibc learns to keep those, too.
MALLOC = {
    "MALLOC_ARENA_MAX": "2",
    "MALLOC_MMAP_THRESHOLD_": str(2**20),
    "MALLOC_TRIM_THRESHOLD_": str(2 * 2**20),
}
for name, value in MALLOC.items():
    os.environ.setdefault(name, value)
# A fresh process: gunicorn.conf.py must set the metrics' directory before anything of the front end is imported.
os.execv(sys.executable, [sys.executable, "-m", "gunicorn", "--config", str(configuration), *sys.argv[1:]])
