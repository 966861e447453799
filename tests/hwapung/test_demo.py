"""`hwapung demo`, from nothing to an answer, and Ctrl-C; from a folder that is no checkout."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest
import requests

from hwapung.demo import demo
from model_training.runtime.card import SketchCard, read_card
from model_training.runtime.errors import HwapungError
from tests.conftest import ROOT, TINY
from tests.icon_registry import CLASSES, publish
from tests.model_training.datasets.test_sources.conftest import Service, service
from tests.waiting import PATIENCE, wait_until

pytestmark = pytest.mark.slow

__all__ = ["service"]  # the fixture

ELSEWHERE = os.environ | {"PYTHONPATH": str(ROOT), "COLUMNS": "200"}


def descendants(pid: int) -> set[int]:
    listed = subprocess.run(["ps", "-eo", "pid=,ppid="], capture_output=True, text=True, check=True).stdout
    children: dict[int, list[int]] = {}
    for line in listed.splitlines():
        own, parent = map(int, line.split())
        children.setdefault(parent, []).append(own)
    found, waiting = set(), [pid]
    while waiting:
        for child in children.get(waiting.pop(), []):
            found.add(child)
            waiting.append(child)
    return found


def alive(pids: set[int]) -> set[int]:
    return {pid for pid in pids if Path(f"/proc/{pid}").exists()}


def heed_ctrl_c() -> None:
    """As in a terminal: what a script starts in the background is deaf to SIGINT, and its children are too."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def test_demo_serves_explains_and_ends_on_ctrl_c(procedural_folder: Path, tmp_path: Path) -> None:
    overrides = [*TINY, "network.pretrained=false"]
    command = [sys.executable, "-m", "hwapung", "demo", *overrides, "--data", str(procedural_folder)]
    log = tmp_path / "log"
    with log.open("w") as out:
        process = subprocess.Popen(
            [*command, "--build", "made", "--port", "0"],
            cwd=tmp_path, stdout=out, stderr=out, env=ELSEWHERE, preexec_fn=heed_ctrl_c,
        )  # fmt: skip
    try:
        wait_until(lambda: process.poll() is not None or "Open http" in log.read_text(), 5 * PATIENCE)
        assert process.poll() is None, log.read_text()
        said = log.read_text()
        assert re.search(r"true label: china\):\s+(china|japan), confidence 0\.\d+", said), said
        assert re.search(r"Test accuracy [01]\.\d+ \(95% interval", said), said
        address = re.search(r"Open (http://127\.0\.0\.1:\d+)", said)
        assert address is not None
        image = next((procedural_folder / "japan").glob("*.jpg")).read_bytes()
        answer = requests.post(f"{address[1]}/api/v1/models/landscape/explain", data=image, timeout=PATIENCE).json()
        assert answer["class"] in ("china", "japan")
        assert answer["explanation"]["media_type"] == "image/png"
        wait_until(lambda: requests.get(f"{address[1]}/readyz", timeout=PATIENCE).status_code == 200)
        started = descendants(process.pid)
        assert len(started) >= 4  # TorchServe, its worker, gunicorn and its workers
    finally:
        process.send_signal(signal.SIGINT)
        try:
            status = process.wait(2 * PATIENCE)
        except subprocess.TimeoutExpired:
            process.kill()
            raise
    assert status == 130
    assert log.read_text().rstrip().endswith("Ended.")
    wait_until(lambda: not alive(started))
    assert {path.name for path in tmp_path.iterdir()} == {"log", "made"}


def test_a_step_that_fails_ends_the_demo_with_its_status(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "hwapung", "demo", "training.epoch=3"]
    done = subprocess.run(command, cwd=tmp_path, env=ELSEWHERE, capture_output=True, text=True, check=False)
    assert done.returncode == 2, done.stdout + done.stderr
    assert "Did you mean 'training.epochs'?" in done.stdout + done.stderr
    assert "Traceback" not in done.stdout + done.stderr
    assert not list(tmp_path.iterdir())


def test_the_sketch_demo_goes_from_a_registry_to_a_page(
    service: Service, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    """Really trained, on four things, small: what it recognises is not judged here."""
    publish(service, monkeypatch)
    monkeypatch.setattr("hwapung.demo.SCENES", 20)
    monkeypatch.setattr("hwapung.demo.DRAWINGS", 3)
    small = [*TINY, "training.head_init=random", "network.head.stages=1"]
    finder = ["network.input=160"]
    demo(["sketch", *small, *(f"detector.{each}" for each in finder)], None, "cpu", tmp_path, 0, once=True)
    said = capfd.readouterr().err
    example = re.search(r"true label: (house|moon|sun|tree)\):\n  (house|moon|sun|tree|nothing)", said)
    assert example is not None, said
    assert "Test accuracy" in said
    card = read_card(tmp_path / "bundles" / "sketch" / "card.json", SketchCard)
    assert {label.key for label in card.labels} == set(CLASSES)
    assert (tmp_path / "data" / "icons" / "licences" / "lucide.txt").is_file()
    assert (tmp_path / "demo_sketch" / "model_store" / "sketch.mar").is_file()


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["skech"], "no demonstration of 'skech'"),
        (["sketch", "training.epoch=3"], r"Did you mean 'training\.epochs'"),
        (["sketch", "detector.network.inputs=64"], r"Did you mean 'network\.input'"),
    ],
)
def test_a_wrong_word_is_told_before_anything_is_fetched(words: list[str], told: str, tmp_path: Path) -> None:
    with pytest.raises(HwapungError, match=told):
        demo(words, None, "cpu", tmp_path, 0, once=True)
    assert not list(tmp_path.iterdir())


def test_the_sketch_demo_takes_no_pictures(tmp_path: Path) -> None:
    with pytest.raises(HwapungError, match="draws its own"):
        demo(["sketch"], tmp_path, "cpu", tmp_path, 0, once=True)
