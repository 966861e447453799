"""What a site's processes hold: memory, open files, threads; and what lies in its folders."""

from __future__ import annotations

import fcntl
from collections import defaultdict
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple, Self

import psutil

from tests.faults.site import DECODER, GUNICORN, JAVA, WORKER, Site
from tests.faults.stage import Stage

ROLES = {"TorchServe": JAVA, "model's worker": WORKER, "decoder": DECODER, "front end": GUNICORN}
SHARED = Path("/dev/shm")
#: What a role may hold beyond what it held when it was warm: allocators and Java keep some.
MORE_MIB, MORE_SHARE = 64.0, 0.5
MORE_FILES = 20


class Held(NamedTuple):
    """`mib`: proportional set size, so that what processes share counts once."""

    mib: float = 0.0
    files: int = 0
    threads: int = 0


def measure(site: Site) -> dict[str, Held]:
    """By role; the rest is `other`."""
    family = [psutil.Process(site.process.pid), *site.find("")]
    held: dict[str, Held] = defaultdict(Held)
    for each in family:
        try:
            line = " ".join(each.cmdline())
            role = next((role for role, words in ROLES.items() if words in line), "other")
            mib, files, threads = each.memory_full_info().pss / 2**20, each.num_fds(), each.num_threads()
        except psutil.NoSuchProcess:
            continue
        so_far = held[role]
        held[role] = Held(so_far.mib + mib, so_far.files + files, so_far.threads + threads)
    return dict(held)


def measure_folder(folder: Path) -> float:
    """MiB in files that have a name."""
    total = 0
    for path in folder.rglob("*"):
        try:
            total += path.lstat().st_blocks * 512
        except OSError:
            continue
    return total / 2**20


def list_leftovers() -> list[str]:
    """What is in shared memory of front ends that are no more."""
    left = []
    for path in SHARED.glob("hwapung-common-*/alive"):
        with suppress(OSError), path.open("ab") as file:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            left.append(path.parent.name)
    return left


class Holdings(NamedTuple):
    """`folder`: MiB in the temporary folder; `shared`: what front ends keep in shared memory."""

    processes: dict[str, Held]
    folder: float
    shared: list[str]

    @classmethod
    def of(cls, stage: Stage) -> Self:
        folder = measure_folder(stage.scratch) if stage.scratch else 0.0
        return cls(measure(stage.site), folder, list_leftovers())

    def compare(self, after: Holdings) -> list[str]:
        """Print what there is, before and after; returns what did not return."""
        told = []
        for role, held in after.processes.items():
            first = self.processes.get(role, Held())
            print(f"{role:<16}{first.mib:>8.0f} → {held.mib:>5.0f} MiB{first.files:>6} → {held.files:>4} files"
                  f"{first.threads:>6} → {held.threads:>4} threads")  # fmt: skip
            if held.mib > first.mib * (1 + MORE_SHARE) + MORE_MIB:
                told.append(f"memory of {role}: {first.mib:.0f} → {held.mib:.0f} MiB")
            if held.files > first.files + MORE_FILES:
                told.append(f"open files of {role}: {first.files} → {held.files}")
        if after.folder > self.folder + 1:
            told.append(f"temporary folder: {self.folder:.1f} → {after.folder:.1f} MiB")
        if len(after.shared) > len(self.shared) + 1:  # the next front end removes what the last one left
            told.append(f"left in shared memory: {after.shared}")
        return told
