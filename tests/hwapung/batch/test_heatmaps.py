"""Heatmaps of many pictures: a run that is killed while it draws one leaves those of a run that was not."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from hwapung.batch.run import Extras
from tests.conftest import ROOT
from tests.hwapung.batch.asked import Asked, predict

PICTURES = 12


@pytest.fixture
def pictures(tmp_path: Path) -> Path:
    """A dozen, whose heatmaps take a while to write, and one that is broken."""
    folder = tmp_path / "그림"
    folder.mkdir()
    noise = np.random.default_rng(3).integers(0, 256, (700, 700, 3), dtype=np.uint8)
    for number in range(PICTURES):
        Image.fromarray(np.roll(noise, number, axis=0)).save(folder / f"{number:02d}.jpg", quality=50)
    (folder / "broken.jpg").write_bytes(b"broken")
    return folder


def read(folder: Path) -> dict[str, bytes]:
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def kill_while_one_is_drawn(pictures: Path, table: Path, heatmaps: Path) -> None:
    """In the middle of a write: what is half there then has another name."""
    before = len(read(heatmaps)) if heatmaps.exists() else 0
    command = [sys.executable, "-m", "tests.hwapung.batch.asked", *map(str, (pictures, table, heatmaps))]
    process = subprocess.Popen(command, cwd=ROOT, stderr=subprocess.DEVNULL)
    while True:
        assert process.poll() is None, "it came to its end before it was killed"
        process.send_signal(signal.SIGSTOP)
        names = [path.name for path in heatmaps.rglob("*")] if heatmaps.exists() else []
        if len(names) >= before + 3 and any(name.endswith(".part") for name in names):
            break
        process.send_signal(signal.SIGCONT)
        time.sleep(0.005)
    process.send_signal(signal.SIGKILL)
    assert process.wait() == -signal.SIGKILL


def test_a_kill_leaves_no_heatmap_out_none_half_and_none_twice(pictures: Path, tmp_path: Path) -> None:
    whole, table, heatmaps = tmp_path / "whole", tmp_path / "a.jsonl", tmp_path / "heatmaps"
    predict(Asked(), [pictures], tmp_path / "whole.jsonl", Extras(explain=whole))
    wanted = read(whole)
    assert sorted(wanted) == [f"{number:02d}.jpg.png" for number in range(PICTURES)]
    for _ in range(2):
        kill_while_one_is_drawn(pictures, table, heatmaps)
        found = read(heatmaps)
        part = [name for name in found if name.endswith(".part")]
        assert len(part) == 1
        assert {name: found[name] for name in found if name not in part}.items() <= wanted.items(), "half a heatmap"
    summary = predict(Asked(), [pictures], table, Extras(explain=heatmaps))
    assert read(heatmaps) == wanted
    assert (summary.rows, table.read_bytes()) == (PICTURES + 1, (tmp_path / "whole.jsonl").read_bytes())
