"""What a benchmark leaves behind: its figures beside their targets, and an exit status that says which were missed."""

from __future__ import annotations

import json
import os
import platform
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from model_training.runtime.files import write_text

FOLDER = Path("build/bench")

#: Figure → `>=` or `<=`, and what it must reach.
Targets = Mapping[str, tuple[str, float]]


def publish(name: str, figures: Mapping[str, float], targets: Targets, setup: str, **more: Any) -> None:
    """Write `build/bench/<name>.json`, then exit with 1 and name each target missed, if one was.

    `setup`: on what was measured. A target whose figure this run did not measure counts as neither met nor missed.
    """
    content = {
        "machine": describe_machine(),
        "setup": setup,
        "figures": {key: round(float(value), 4) for key, value in figures.items()},
        "targets": {key: list(target) for key, target in targets.items()},
        **more,
    }
    write_text(FOLDER / f"{name}.json", json.dumps(content, indent=2) + "\n")
    missed = list_missed(figures, targets)
    if missed:
        sys.exit("missed: " + "; ".join(missed))


def list_missed(figures: Mapping[str, float], targets: Targets) -> list[str]:
    """A few words on each target missed; a figure that is not a number misses its own."""
    return [
        f"{key} is {figures[key]:.4g}, wanted {sign} {target:g}"
        for key, (sign, target) in targets.items()
        if key in figures and not (figures[key] >= target if sign == ">=" else figures[key] <= target)
    ]


def describe_machine() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
        kind = next(line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    except (OSError, StopIteration):
        kind = platform.processor() or "unknown processor"
    return f"{os.cpu_count()} × {kind}"
