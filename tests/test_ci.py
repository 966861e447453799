"""What .ci/run makes of tests that fail: they run once more, alone, and only what passes then is forgiven."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
#: In place of make and of pytest. `FAILS`: the target that fails; `STATUS`: of pytest, nothing where it did not run;
#: `AGAIN`: of the tests that run once more.
MAKE = """#!/bin/sh
echo "make $1" >> asked
[ "$1" = "$FAILS" ] || exit 0
[ -z "$STATUS" ] || { mkdir -p .pytest_cache/v/hwapung; echo "$STATUS" > .pytest_cache/v/hwapung/status; }
mkdir -p .pytest_cache/v/cache
cp lastfailed .pytest_cache/v/cache
exit 2
"""
FAILED = ["tests/a.py::test_a[1-×]", "tests/b.py::test_b"]
PYTHON = """#!/bin/sh
echo "$*" >> asked
exit "$AGAIN"
"""
AGAIN = "-m pytest tests --last-failed --last-failed-no-failures none"
TARGETS = ["make test", "make test-faults", "make test-cluster", "make test-compose"]


@pytest.fixture
def place(tmp_path: Path) -> Path:
    (tmp_path / ".ci").mkdir()
    shutil.copy(ROOT / ".ci" / "run", tmp_path / ".ci" / "run")
    for path, program in ((tmp_path / "bin" / "make", MAKE), (tmp_path / ".venv" / "bin" / "python", PYTHON)):
        path.parent.mkdir(parents=True)
        path.write_text(program)
        path.chmod(0o755)
    (tmp_path / ".pytest_cache" / "v" / "hwapung").mkdir(parents=True)
    (tmp_path / ".pytest_cache" / "v" / "hwapung" / "status").write_text("1")  # of another day
    (tmp_path / "lastfailed").write_text(json.dumps(dict.fromkeys(FAILED, True), indent=2))  # as pytest writes it
    return tmp_path


def run(place: Path, fails: str = "", status: str = "", again: int = 0) -> tuple[int, str, list[str]]:
    """Its status, its last lines and what it asked for."""
    environment = os.environ | {"PATH": f"{place / 'bin'}:{os.environ['PATH']}"}
    environment |= {"FAILS": fails, "STATUS": status, "AGAIN": str(again)}
    done = subprocess.run([place / ".ci" / "run"], env=environment, capture_output=True, text=True)
    return done.returncode, done.stdout, (place / "asked").read_text().splitlines()


def test_what_passes_is_not_asked_again(place: Path) -> None:
    assert run(place) == (0, "", TARGETS)


@pytest.mark.parametrize("target", ["test", "test-faults", "test-cluster", "test-compose"])
def test_what_failed_first_and_passes_alone_is_named_and_the_rest_runs(place: Path, target: str) -> None:
    status, out, asked = run(place, target, "1")
    assert (status, [line for line in asked if line != AGAIN]) == (0, TARGETS)
    assert asked[asked.index(f"make {target}") + 1] == AGAIN
    told = [line for line in out.splitlines() if line.startswith("!!!")]
    assert told == 2 * [
        "!!! flaky: tests/a.py::test_a[1-\\u00d7] failed first and passed alone",
        "!!! flaky: tests/b.py::test_b failed first and passed alone",
    ]  # at once, and at the end


def test_what_fails_again_is_a_failure(place: Path) -> None:
    status, out, asked = run(place, "test-faults", "1", again=1)
    assert (status, asked) == (1, ["make test", "make test-faults", AGAIN])
    assert "flaky" not in out


@pytest.mark.parametrize("pytests", ["", "2", "3", "4", "5"])
def test_what_failed_otherwise_is_not_forgiven(place: Path, pytests: str) -> None:
    """The linter, of which pytest tells nothing, or a file of tests that can't be read."""
    assert run(place, "test", pytests) == (1, "", ["make test"])
