"""Of `bench-reliability`: a hundred thousand mixed requests, and each fault many times."""

from __future__ import annotations

import random
import time
from collections import defaultdict

import numpy as np

from tests.faults.answers import Fate
from tests.faults.load import Load, Tally, name_fault
from tests.faults.site import JAVA, WORKER, Site
from tests.faults.stage import Stage, set_up
from tests.faults.strikes import STRIKES, choose_strikes, find_front_workers, find_masters

#: Seconds between two faults.
PAUSE = 2.0


def measure_mixed(requests: int, seed: int) -> dict[str, float]:
    with set_up() as stage:
        before = _list_processes(stage.site)
        began = time.monotonic()
        with Load(stage.site, stage.known, seed, stage.tally, most=requests) as load:
            while not load.is_done():
                time.sleep(5)
                _say(stage.tally, began, requests)
        dead = len(before - _list_processes(stage.site))
        _show_faults(stage.tally)
    return {
        "mixed_requests": stage.tally.total(),
        "mixed_seconds": time.monotonic() - began,
        "mixed_typed": stage.tally.total(Fate.TYPED),
        **_count(stage.tally, "mixed"),
        "mixed_dead_workers": dead,
    }


def measure_faults(times: int, seed: int) -> dict[str, float]:
    choice = random.Random(seed)
    recoveries: dict[str, list[float]] = defaultdict(list)
    with set_up() as stage:
        names = choose_strikes(stage)
        with Load(stage.site, stage.known, seed, stage.tally):
            time.sleep(5)
            for number in range(times):
                for name in names:
                    recoveries[name].append(_strike(name, stage, choice))
                    time.sleep(PAUSE)
                print(f"round {number + 1} of {times}: {stage.tally.total()} requests", flush=True)
        _show_faults(stage.tally)
    for name, seconds in recoveries.items():
        print(f"{name:<30}p50 {np.median(seconds):5.1f} s, p95 {np.percentile(seconds, 95):5.1f} s")
    slowest = max(recoveries.values(), key=lambda seconds: float(np.percentile(seconds, 95)))
    return {
        "faults_kinds": len(recoveries),
        "faults_times": times,
        "faults_recovery_p50_s": float(np.median(slowest)),
        "faults_recovery_p95_s": float(np.percentile(slowest, 95)),
        "faults_requests": stage.tally.total(),
        "faults_excused": len(stage.tally.list_excused()),
        **_count(stage.tally, "faults"),
    }


def _strike(name: str, stage: Stage, choice: random.Random) -> float:
    took = STRIKES[name].run(name, stage, choice)
    print(f"{name}: whole after {took:.1f} s; {len(stage.tally.list_faults())} bad", flush=True)
    return took


def _count(tally: Tally, part: str) -> dict[str, float]:
    return {f"{part}_{word}": len(tally.list_faults(word)) for word in ("lost", "untyped", "wrong")}


def _list_processes(site: Site) -> set[int]:
    kinds = (site.find(WORKER), site.find(JAVA), find_masters(site), find_front_workers(site))
    return {each.pid for kind in kinds for each in kind}


def _say(tally: Tally, began: float, requests: int) -> None:
    done, seconds = tally.total(), time.monotonic() - began
    left = seconds / max(done, 1) * max(0, requests - done)
    print(f"{done} requests, {len(tally.list_faults())} bad; {left / 60:.0f} min left", flush=True)


def _show_faults(tally: Tally) -> None:
    for each in tally.list_faults()[:20]:
        window = tally.find_window(each)
        print(f"{name_fault(each)}: {each.sort}: {each.said} ({window.name if window else 'no fault'})", flush=True)
