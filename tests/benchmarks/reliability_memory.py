"""Of `bench-reliability`: what one picture takes at most, and whether processes grow."""

from __future__ import annotations

import itertools
import json
import random
import signal
import statistics
import subprocess
import sys
import time
from collections import defaultdict
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

import numpy as np
import psutil
from scipy import stats

from model_training.runtime.files import write_text
from tests.benchmarks.serving_material import FOLDER
from tests.faults.load import Load, Window, name_fault
from tests.faults.memory import ROLES
from tests.faults.site import JAVA, WORKER, Site
from tests.faults.stage import set_up
from tests.faults.strikes import find_front_workers, wait_until_whole
from tests.hostile import LARGE

#: What an hour can't tell from allocators and Java's heap, where a slope's interval does not hold zero.
NOISE_MIB_PER_HOUR = 8.0
#: Of each process's life, in seconds: until each kind of request has come, and allocators and Java's heap have what
#: they need. On a busy machine a process of five minutes is still on its way there, which looks like a leak.
WARM_UP = 300.0
SAMPLE_SECONDS = 5.0
CONNECTIONS = 4
#: Restarts in a soak: each of three processes once, so that what lives afterwards lives long enough to tell a slope.
RESTARTS = 3
FRONT = "front end's worker"
MODEL_WORKER = "model's worker"

#: In a process that has done nothing else: the most that it takes, counted from what it has when it has read the file.
DECODE = """
import sys
from pathlib import Path
from model_training.runtime.errors import ImageError
from model_training.runtime.image import decode

def read(what):
    return next(int(line.split()[1]) for line in Path("/proc/self/status").read_text().splitlines() if what in line)

data = Path(sys.argv[1]).read_bytes()
Path("/proc/self/clear_refs").write_text("5")  # the peak is counted anew
before = read("VmRSS")
try:
    decode(data, at_least=448)
except ImageError:
    pass
print((read("VmHWM") - before) / 1024)
"""


def measure_pictures() -> dict[str, float]:
    """MiB, of the worst pictures of every format; odd ones are bounded from outside (`tests/faults/test_pictures`)."""
    file = FOLDER / "hostile"
    file.parent.mkdir(parents=True, exist_ok=True)
    taken: dict[str, float] = {}
    for name, make in LARGE.items():
        file.write_bytes(make())
        done = subprocess.run([sys.executable, "-c", DECODE, file], capture_output=True, text=True, check=True)
        taken[name] = float(done.stdout)
        print(f"{name:<40}{taken[name]:>10.0f} MiB", flush=True)
    return {"largest_picture_mib": max(taken.values())}


class Sample(NamedTuple):
    at: float
    mib: float


class Slope(NamedTuple):
    """MiB an hour, with its interval at 95%."""

    slope: float
    low: float
    high: float


def measure_soak(minutes: float, seed: int) -> dict[str, float]:
    """A mixed load on few connections, with a process killed now and then: how fast each role's processes grow.

    Leaves what was measured, [second, MiB] of each process of each role, in `soak.json`: a slope doesn't tell a process
    that grows from one that is not warm yet.
    """
    lives: dict[str, dict[int, list[Sample]]] = {role: defaultdict(list) for role in ROLES}
    with set_up() as stage, Load(stage.site, stage.known, seed, stage.tally, CONNECTIONS):
        began = time.monotonic()
        restarts = _choose_in_turn(stage.site, random.Random(seed))
        following = began + 60 * minutes / (RESTARTS + 1)
        while (now := time.monotonic()) < began + 60 * minutes:
            for role, words in ROLES.items():
                for each in stage.site.find(words):
                    with suppress(psutil.NoSuchProcess, OSError, StopIteration):  # it ends at this moment
                        sample = Sample(now, count_anonymous(each.pid))
                        if now - began > WARM_UP and time.time() - each.create_time() > WARM_UP:
                            lives[role][each.pid].append(sample)
            if now > following:
                name, process = next(restarts)
                window = Window(name, now, breaks=name == FRONT)
                stage.tally.windows.append(window)
                process.send_signal(signal.SIGKILL)
                took = wait_until_whole(stage.site, stage.known, now)
                window.ended = time.monotonic()
                following += 60 * minutes / (RESTARTS + 1)
                left = minutes - (time.monotonic() - began) / 60
                print(f"{name} killed, whole after {took:.1f} s; {left:.0f} min left", flush=True)
            time.sleep(SAMPLE_SECONDS)
        for bad_one in stage.tally.list_faults()[:20]:
            print(f"{name_fault(bad_one)}: {bad_one.sort}: {bad_one.said}", flush=True)
        figures = {
            "soak_minutes": minutes,
            "soak_requests": stage.tally.total(),
            "soak_bad": len(stage.tally.list_faults()),
            "soak_excused": len(stage.tally.list_excused()),
        }
    samples = {role: list(each.values()) for role, each in lives.items()}
    write_text(FOLDER / "soak.json", json.dumps(samples))
    return figures | judge_growth(samples)


def judge_growth(lives: dict[str, list[list[Sample]]]) -> dict[str, float]:
    """Of the role that grows most; `late`: in the second half of each process's life, by the role that grows most then:
    where it is less, a process was still on its way to what it needs. What a model's worker holds in the first and last
    minute of its longest life."""
    figures: dict[str, float] = {}
    for name, first in (("growth", 0.0), ("late_growth", 0.5)):
        slopes = {
            role: fit_slope([life[int(first * len(life)) :] for life in each]) for role, each in lives.items() if each
        }
        for role, slope in slopes.items():
            words = f"{name.replace('_', ' ')} of {role}"
            print(f"{words:<32}{slope.slope:>8.1f} MiB an hour ({slope.low:.1f} to {slope.high:.1f})", flush=True)
        most = max(slopes.values(), key=lambda each: (each.slope if each.low > 0 else 0.0, each.slope))
        figures |= {
            f"soak_{name}_mib_per_hour": most.slope,
            f"soak_{name}_beyond_zero": most.slope if most.low > 0 else 0.0,
            f"soak_{name}_low": most.low,
            f"soak_{name}_high": most.high,
        }
    if lives.get(MODEL_WORKER):
        longest = max(lives[MODEL_WORKER], key=len)
        minute = round(60 / SAMPLE_SECONDS)
        figures["soak_worker_first_mib"] = statistics.median(each[1] for each in longest[:minute])
        figures["soak_worker_last_mib"] = statistics.median(each[1] for each in longest[-minute:])
    return figures


def count_anonymous(process: int) -> float:
    """MiB that a process has allocated and holds. What is its own of libraries' files goes up by as much as they are
    large when another process that reads them ends, and counts as a leak of nobody."""
    lines = Path(f"/proc/{process}/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("RssAnon:")) / 1024


def _choose_in_turn(site: Site, choice: random.Random) -> Iterator[tuple[str, psutil.Process]]:
    """Who is to be killed at each step: a model's worker, one of the front end's, TorchServe."""
    for name in itertools.cycle((MODEL_WORKER, FRONT, "TorchServe")):
        found = {
            MODEL_WORKER: site.find(WORKER),
            FRONT: find_front_workers(site),
            "TorchServe": site.find(JAVA),
        }[name]
        yield name, choice.choice(found)


def fit_slope(lives: list[list[Sample]]) -> Slope:
    """Ordinary least squares with an intercept for each life, so that a restart is no change. Samples that follow one
    another are alike, which the interval takes into account by their correlation (AR(1))."""
    lives = [each for each in lives if len(each) > 2]
    if not lives:
        return Slope(float("nan"), float("nan"), float("nan"))
    hours = np.concatenate([_centre([each.at / 3600 for each in life]) for life in lives])
    mib = np.concatenate([_centre([each.mib for each in life]) for life in lives])
    slope = float(hours @ mib / (hours @ hours))
    left = mib - slope * hours
    freedom = len(left) - len(lives) - 1
    squares = float(np.sum(left**2))
    alike = min(max(float(np.sum(left[1:] * left[:-1])) / max(squares, 1e-12), 0.0), 0.99)
    effective = max(1.0, freedom * (1 - alike) / (1 + alike))
    error = float(np.sqrt(squares / effective / np.sum(hours**2)))
    margin = float(stats.t.ppf(0.975, effective)) * error
    return Slope(slope, slope - margin, slope + margin)


def _centre(values: list[float]) -> np.ndarray:
    array = np.array(values)
    return array - array.mean()
