"""How many threads compute."""

from __future__ import annotations

import os


def count_threads() -> int:
    """As many as OMP_NUM_THREADS says, which divides a machine among workers; else one for each core we may use."""
    wanted = os.environ.get("OMP_NUM_THREADS", "").partition(",")[0].strip()
    if wanted.isdigit() and int(wanted):
        return int(wanted)
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
