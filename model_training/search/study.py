"""One study for several processes and machines: every point is tried to its end, and none is tried twice.

optuna's storage keeps the trials; its only promise used here is that a trial that waits is taken by one process alone.
The rules on top of it, the same for a journal file and a database:

- A trial counts unless it failed. Of two trials of one point the older counts, and the younger's process withdraws it.
- A process that runs a trial renews its lease. Where the process is gone (looked up on its own machine), or the lease
  was not renewed for `LEASE` seconds by the watch of whoever looks, the trial is failed as lost and its point is free.
  Nobody compares clocks.
"""

from __future__ import annotations

import math
import os
import platform
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import optuna
import psutil
from optuna.exceptions import UpdateFinishedTrialError
from optuna.storages import BaseStorage
from optuna.trial import FrozenTrial, Trial, TrialState

from ..recipe import Search
from .space import Point, count_trials, list_points, make_distributions, name_point

BEAT = 20.0  # seconds between two renewals of a lease
LEASE = 120.0  # seconds after which a lease that was not renewed has run out
MOST_LOSSES = 3  # a point in which so many processes died is given up: it may need more memory than there is

_DONE = (TrialState.COMPLETE, TrialState.PRUNED)
_FREE = ("lost", "given back")


@dataclass
class SharedStudy:
    """A process's hold on a study. `failed`: points that failed in this process's time, with the reason."""

    study: optuna.Study
    storage: BaseStorage
    search: Search
    failed: dict[str, str] = field(default_factory=dict)
    _seen: dict[int, tuple[Any, float]] = field(default_factory=dict)

    @property
    def total(self) -> int:
        return count_trials(self.search)

    def trials(self) -> list[FrozenTrial]:
        return self.study.get_trials(deepcopy=False)

    def finished(self) -> list[FrozenTrial]:
        return [trial for trial in self.trials() if trial.state in _DONE]

    def running(self) -> list[FrozenTrial]:
        return [trial for trial in self.trials() if trial.state == TrialState.RUNNING]

    def claim(self) -> Trial | None:
        """A trial for this process alone; None when none is left to begin. Others may still be running theirs."""
        while True:
            self._release_lost()
            trials = self.trials()
            waiting = any(trial.state == TrialState.WAITING for trial in trials)
            if not waiting:
                if len([trial for trial in trials if _counts(trial)]) + len(self.failed) >= self.total:
                    return None
                point = self._next_point(trials)
                if point is not None:
                    self.study.enqueue_trial(point)
                elif self.search.sampler == "grid":
                    return None
            trial = self.study.ask(make_distributions(self.search))
            trial.set_user_attr("worker", _describe_worker())
            if self._is_ours(trial):
                return trial
            self._end(trial._trial_id, "withdrawn")

    def _next_point(self, trials: list[FrozenTrial]) -> Point | None:
        """What to try next where no sampler is to decide: a lost point, or the grid's next one."""
        taken = {name_point(_point(trial)) for trial in trials if _counts(trial)} | self.failed.keys()
        lost = [_point(trial) for trial in trials if trial.user_attrs.get("ended") in _FREE and _is_whole(trial)]
        ahead = list_points(self.search) or [] if self.search.sampler == "grid" else []
        return next((point for point in [*lost, *ahead] if name_point(point) not in taken), None)

    def _is_ours(self, ours: Trial) -> bool:
        """Whether no older trial has our point, and the number of trials asked for is not reached without us."""
        name = name_point(ours.params)
        while True:
            older = [trial for trial in self.trials() if trial.number < ours.number and _counts(trial)]
            if all(_is_whole(trial) for trial in older):
                break
            time.sleep(0.05)  # its process is about to write down its point
            self._release_lost()
        if len(older) >= self.total:
            return False
        taken = {name_point(_point(trial)) for trial in older}
        if name not in taken:
            return name not in self.failed
        untried = [each for each in list_points(self.search) or [] if name_point(each) not in taken]
        if self.search.sampler != "grid" and untried:  # instead of what a sampler drew twice
            self.study.enqueue_trial(untried[ours.number % len(untried)])
        return False

    @contextmanager
    def lease(self, trial: Trial) -> Iterator[None]:
        """Renew the trial's lease in the background while its process works on it."""
        ended = threading.Event()

        def renew() -> None:
            beat = 0
            while not ended.wait(BEAT):
                beat += 1
                try:
                    trial.set_user_attr("beat", beat)
                except Exception:  # taken away, or the storage is gone: whoever finishes the trial will notice
                    return

        thread = threading.Thread(target=renew, daemon=True)
        thread.start()
        try:
            yield
        finally:
            ended.set()
            thread.join()

    def finish(self, trial: Trial, value: float, outcome: dict[str, Any]) -> bool:
        """Write down what came of a trial; False where it was taken away in the meantime."""
        try:
            trial.set_user_attr("outcome", outcome)
            self.study.tell(trial, value)
        except (UpdateFinishedTrialError, ValueError):
            return False
        return True

    def falls_behind(self, trial: Trial, epoch: int, value: float) -> bool:
        """Note the trial's `value` at an `epoch`, from 1; whether it is to be stopped.

        Never the best: one that failed may have been better, and then nothing would be trained to its end.
        """
        trial.report(value, epoch)
        if not trial.should_prune():
            return False
        others = (each for each in self.trials() if each.number != trial.number and _counts(each))
        return any(each.intermediate_values.get(epoch, -math.inf) >= value for each in others)

    def prune(self, trial: Trial) -> None:
        """A trial that was taken away in the meantime stays so."""
        try:
            self.study.tell(trial, state=TrialState.PRUNED)
        except (UpdateFinishedTrialError, ValueError):
            return

    def fail(self, trial: Trial, reason: str) -> None:
        """The point can't be trained: not tried again by this process, but by the next search."""
        self.failed[name_point(trial.params)] = reason
        self._end(trial._trial_id, reason)

    def give_back(self, trial: Trial) -> None:
        """This process stops; another, or the next search, takes the point."""
        self._end(trial._trial_id, "given back")

    def _end(self, trial_id: int, how: str) -> None:
        try:
            self.storage.set_trial_user_attr(trial_id, "ended", how)
            self.storage.set_trial_state_values(trial_id, TrialState.FAIL)
        except (UpdateFinishedTrialError, RuntimeError):  # another process was quicker
            return

    def _release_lost(self) -> None:
        now = time.monotonic()
        trials = self.trials()
        for trial in trials:
            if trial.state != TrialState.RUNNING:
                self._seen.pop(trial._trial_id, None)
                continue
            worker, beat = trial.user_attrs.get("worker"), trial.user_attrs.get("beat", 0)
            last, since = self._seen.get(trial._trial_id, (None, now))
            if (worker, beat) != last:
                since = now
            self._seen[trial._trial_id] = ((worker, beat), since)
            if _is_gone(worker) or now - since > LEASE:
                self._end(trial._trial_id, "lost")
        losses = Counter(name_point(_point(t)) for t in trials if t.user_attrs.get("ended") == "lost" and t.params)
        for name, times in losses.items():
            if times >= MOST_LOSSES:
                self.failed.setdefault(name, f"{times} processes ended while they tried it; it may need more memory")


def _counts(trial: FrozenTrial) -> bool:
    return trial.state != TrialState.FAIL


def _point(trial: FrozenTrial) -> Point:
    return dict(trial.system_attrs.get("fixed_params") or trial.params)


def _is_whole(trial: FrozenTrial) -> bool:
    """Whether the trial's point is written down in full. (One that waits has it from the start.)"""
    return "fixed_params" in trial.system_attrs or "worker" in trial.user_attrs


def _machine() -> str:
    """This boot of this machine, and the space in which its process numbers hold (a container has its own)."""
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text("ascii").strip()
        return f"{boot} {os.readlink('/proc/self/ns/pid')}"  # noqa: PTH115
    except OSError:
        return platform.node()


def _describe_worker() -> dict[str, Any]:
    return {"machine": _machine(), "pid": os.getpid(), "started": psutil.Process().create_time(), "on": platform.node()}


def _is_gone(worker: dict[str, Any] | None) -> bool:
    """Whether the process can be seen to be no longer there; unknown for another machine's."""
    if worker is None or worker["machine"] != _machine():
        return False
    try:
        process = psutil.Process(worker["pid"])
        return process.status() == psutil.STATUS_ZOMBIE or abs(process.create_time() - worker["started"]) > 1
    except psutil.NoSuchProcess:
        return True
