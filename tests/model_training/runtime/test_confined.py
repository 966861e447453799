"""What a decoder does in its process is no harm to anybody else. The calls are of the standard library."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from model_training.runtime.budget import MOST_MEMORY
from model_training.runtime.confined import FAILED, KILLED, TOO_LONG, Confined
from model_training.runtime.errors import ImageError
from tests.waiting import wait_until

ROOT = Path(__file__).resolve().parents[3]


@pytest.fixture(scope="module")
def confined() -> Confined:
    return Confined(seconds=30)


def test_a_call_is_answered_by_another_process_which_stays(confined: Confined) -> None:
    first, second = (confined.call(os.getpid) for _ in range(2))
    assert first == second != os.getpid()
    assert confined.call(divmod, 17, 5) == (3, 2)


def test_what_it_raises_is_raised_here(confined: Confined) -> None:
    with pytest.raises(ZeroDivisionError):
        confined.call(divmod, 1, 0)


def test_memory_is_limited_and_comes_back(confined: Confined) -> None:
    confined.call(bytearray, 8)
    with pytest.raises(MemoryError):
        confined.call(bytearray, MOST_MEMORY + 2**27)
    process = psutil.Process(confined.call(os.getpid))
    assert process.memory_info().rss < 200 * 2**20


def test_one_that_takes_too_long_is_ended_and_the_next_is_answered(
    confined: Confined, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = confined.call(os.getpid)
    with monkeypatch.context() as patch:
        patch.setattr(confined, "_seconds", 1)  # one that is still to be started may take that on a busy machine
        with pytest.raises(ImageError) as caught:
            confined.call(sum, range(10**12))
    assert caught.value is TOO_LONG
    assert (caught.value.code, caught.value.status) == ("picture_too_large", 413)
    assert confined.call(os.getpid) != before


def test_a_decoder_that_dies_says_so(confined: Confined) -> None:
    with pytest.raises(ImageError) as caught:
        confined.call(os.abort)
    assert caught.value is FAILED
    assert caught.value.code == "broken_picture"


def test_a_call_whose_process_is_killed_is_made_once_more(confined: Confined, tmp_path: Path) -> None:
    pid = confined.call(os.getpid)
    first = tmp_path / "first"
    assert confined.call(os.system, f"test -e {first} || {{ touch {first}; kill -9 $PPID; }}") == 0
    assert first.exists()
    assert confined.call(os.getpid) != pid
    with pytest.raises(ImageError) as caught:
        confined.call(signal.raise_signal, signal.SIGKILL)
    assert caught.value is KILLED


def test_it_ends_with_whoever_started_it() -> None:
    ask = (
        "import os; from model_training.runtime.confined import Confined\nprint(Confined().call(os.getpid), flush=True)"
    )
    done = subprocess.run([sys.executable, "-c", ask], cwd=ROOT, capture_output=True, text=True, timeout=60, check=True)
    wait_until(lambda: has_ended(int(done.stdout)))
    assert done.stderr == ""


def has_ended(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True
