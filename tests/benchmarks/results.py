"""What a benchmark leaves behind: one JSON with its figures, its targets and how docs/results.md tells them."""

from __future__ import annotations

import dataclasses
import json
import os
import platform
import subprocess
import sys
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from model_training.runtime.files import write_text

FOLDER = Path("build/bench")

#: Figure → `>=` or `<=`, and what it must reach.
Targets = Mapping[str, tuple[str, float]]

# What the benchmarks measure on.
LANDSCAPES = "373 landscapes: 220 Chinese paintings of the Song and Ming dynasties and 153 Japanese prints"
PAINTINGS = "623 paintings in six unequal styles, with their artists"
CIFAKE = "3,200 pictures of 32×32 from CIFAKE: 1,600 photographs and 1,600 by Stable Diffusion"
SCENES = "151 files of 57 house-tree-person drawings with boxes of seven classes"
MADE_HERE = "pictures that the benchmark makes itself"
WHERE = " (docs/data.md says where they are had)"


@dataclasses.dataclass(frozen=True)
class Table:
    """Cells and captions are format strings over the figures: `{test_accuracy:.3f}`."""

    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    caption: str = ""


@dataclasses.dataclass(frozen=True)
class Entry:
    """How docs/results.md tells a benchmark's figures.

    `notes` are sentences, and format strings as a table's cells are; `section`: the heading that it
    stands under; `command`: what repeats it; `data`: on what it was measured.
    """

    section: str
    title: str
    command: str
    data: str
    tables: tuple[Table, ...] = ()
    notes: tuple[str, ...] = ()


def publish(name: str, entry: Entry, figures: Mapping[str, float], targets: Targets, setup: str, **more: Any) -> None:
    """Write `build/bench/<name>.json`, then exit with 1 and name each target missed, if one was.

    `setup`: how it was measured, with counts. A target whose figure this run did not measure counts as neither met nor
    missed. `python -m tests.docs.generate` copies the file to docs/results and writes the page. Raises `ValueError`
    for a figure whose name a format string can't hold, for its cells would be empty.
    """
    if odd := [key for key in figures if not key.isidentifier()]:
        raise ValueError(f"no names for figures: {', '.join(odd)}")
    missed = list_missed(figures, targets)
    content = {
        "entry": dataclasses.asdict(entry),
        "machine": describe_machine(),
        "commit": describe_commit(),
        "date": datetime.now(UTC).date().isoformat(),
        "setup": setup,
        "figures": {key: round(float(value), 4) for key, value in figures.items()},
        "targets": {key: list(target) for key, target in targets.items()},
        "missed": missed,
        **more,
    }
    write_text(FOLDER / f"{name}.json", json.dumps(content, indent=2, ensure_ascii=False) + "\n")
    if missed:
        sys.exit("missed: " + "; ".join(missed))


def list_missed(figures: Mapping[str, float], targets: Targets) -> list[str]:
    """A few words on each target missed; a figure that is not a number misses its own."""
    return [
        f"{key} is {figures[key]:.4g}, wanted {sign} {target:g}"
        for key, (sign, target) in targets.items()
        if key in figures and not (figures[key] >= target if sign == ">=" else figures[key] <= target)
    ]


#: Instructions that speed up a network → the flags by which Linux says that they are there.
INSTRUCTIONS = {
    "AVX-512": {"avx512f"},
    "VNNI": {"avx512_vnni", "avx_vnni"},
    "BF16": {"avx512_bf16"},
    "AMX": {"amx_int8"},
}


def describe_machine() -> str:
    """Cores, processor, and which of the instructions that speed up a network on it there are."""
    about = _read_processor()
    if "model name" not in about:
        return f"{os.cpu_count()} × {platform.processor() or 'unknown processor'}"
    there = list_instructions()
    told = ", ".join(("" if name in there else "no ") + name for name in INSTRUCTIONS)
    return f"{os.cpu_count()} × {about['model name']} ({told})"


def list_instructions() -> set[str]:
    """Which of `INSTRUCTIONS` this machine has."""
    flags = set(_read_processor().get("flags", "").split())
    return {name for name, any_of in INSTRUCTIONS.items() if flags & any_of}


def _read_processor() -> dict[str, str]:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return {}
    return {key.strip(): value.strip() for key, _, value in (line.partition(":") for line in lines)}


def describe_commit() -> str:
    """The checkout's commit, with + where it has changes; `unknown` outside a checkout."""
    try:
        done = subprocess.run(
            ["git", "describe", "--always", "--exclude=*", "--dirty=+"], capture_output=True, text=True, check=True
        )
    except (OSError, subprocess.CalledProcessError):
        return "unknown"
    return done.stdout.strip()
