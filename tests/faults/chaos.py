"""`make chaos MINUTES=… SEED=…`: faults at random under a mixed load, and the invariant that none may break.

Each request gets exactly one answer, right or typed; memory returns; all is whole within 15 s of a fault. Ends with 1
where this does not hold. The seed decides which faults come when, and what each connection asks.
"""

from __future__ import annotations

import argparse
import random
import sys
import time
from collections import Counter, defaultdict

import numpy as np

from tests.faults.answers import Fate
from tests.faults.load import Load, Tally, name_fault
from tests.faults.memory import Holdings
from tests.faults.stage import Stage, set_up
from tests.faults.strikes import RECOVERY, STRIKES, choose_strikes

#: Seconds between two faults, at random.
PAUSES = (2.0, 8.0)
WARM_UP, QUIET = 15.0, 10.0
#: Connections that warm a site up: so many that every thread of the front end has been there once.
CROWD = 96
SHOWN = 12


class Report:
    """What is known so far: a line a fault, and whether the invariant holds."""

    def __init__(self, tally: Tally) -> None:
        self.tally = tally
        self.recoveries: dict[str, list[float]] = defaultdict(list)
        self.memory: list[str] = []

    def list_breaches(self) -> list[str]:
        faults = Counter(name_fault(each) for each in self.tally.list_faults())
        slow = [name for name, times in self.recoveries.items() if max(times) > RECOVERY]
        late = [f"not whole in {RECOVERY:.0f} s: {name}" for name in slow]
        return [f"{count} {word}" for word, count in faults.items()] + late + self.memory

    def show(self) -> None:
        found: dict[str, Counter[str]] = defaultdict(Counter)
        for word, answer in [
            *((name_fault(each), each) for each in self.tally.list_faults()),
            *(("broken", each) for each in self.tally.list_excused()),
        ]:
            window = self.tally.find_window(answer)
            found[window.name if window else "nothing"][word] += 1
        columns = ("lost", "untyped", "wrong", "broken")
        print(f"\n{'fault':<30}{'times':>6}{''.join(f'{each:>9}' for each in columns)}{'p50 s':>8}{'p95 s':>8}")
        for name in [*self.recoveries, "nothing"]:
            times = self.recoveries.get(name, [])
            half, most = (f"{np.percentile(times, each):.1f}" if times else "" for each in (50, 95))
            counts = "".join(f"{found[name][each]:>9}" for each in columns)
            print(f"{name:<30}{len(times):>6}{counts}{half:>8}{most:>8}")
        fates = ", ".join(f"{self.tally.total(fate)} {fate}" for fate in Fate if self.tally.total(fate))
        print(f"{self.tally.total()} requests: {fates}.")
        print("broken: the process of the front end that held the connection, or would have taken it, was down.")
        alike = Counter((name_fault(each), each.sort, each.said) for each in self.tally.list_faults())
        for what, count in alike.most_common(SHOWN):
            print(f"  {count} × {': '.join(what)}")


def run(minutes: float, seed: int, only: list[str] | None) -> int:
    with set_up() as stage:
        names = only or choose_strikes(stage)
        for name in STRIKES.keys() - names if not only else ():
            print(f"skipped: {name} (only root can make a small file system)")
        with Load(stage.site, stage.known, seed, connections=CROWD):
            time.sleep(WARM_UP)
        time.sleep(QUIET)
        before = Holdings.of(stage)
        report = Report(stage.tally)
        until = time.monotonic() + 60 * minutes
        try:
            with Load(stage.site, stage.known, seed, stage.tally):
                strike_until(until, names, random.Random(seed), stage, report)
            time.sleep(QUIET)
            report.memory = before.compare(Holdings.of(stage))
        except KeyboardInterrupt:
            print("\nstopped early")
        report.show()
        breaches = report.list_breaches()
        if breaches:
            print(stage.site.log.read_text()[-3000:])
    print(f"\nagain: make chaos MINUTES={minutes:g} SEED={seed}")
    print("broken: " + "; ".join(breaches) if breaches else "The invariant holds.")
    return 1 if breaches else 0


def strike_until(until: float, names: list[str], choice: random.Random, stage: Stage, report: Report) -> None:
    while True:
        time.sleep(choice.uniform(*PAUSES))
        left = until - time.monotonic()
        if left < RECOVERY:
            return
        name = choice.choice(names)
        took = STRIKES[name].run(name, stage, choice)
        report.recoveries[name].append(took)
        faults = len(stage.tally.list_faults())
        print(f"[{left // 60:.0f}:{left % 60:02.0f} left] {name}: whole after {took:.1f} s; "
              f"{stage.tally.total()} requests, {faults} bad", flush=True)  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=10)
    parser.add_argument("--seed", type=int, default=None, help="by default another one each time")
    parser.add_argument("--only", nargs="+", choices=list(STRIKES), metavar="FAULT", help="these faults alone")
    arguments = parser.parse_args()
    seed = arguments.seed if arguments.seed is not None else random.SystemRandom().randrange(10**6)
    sys.exit(run(arguments.minutes, seed, arguments.only))


if __name__ == "__main__":
    main()
