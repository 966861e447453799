"""Where faults happen: a site before the tiny model, with a small temporary folder where such a thing can be had."""

from __future__ import annotations

import signal
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from tests.faults.load import Tally
from tests.faults.polite import Known
from tests.faults.site import Site, make_store, serve

SCRATCH_MIB = 96


@dataclass
class Stage:
    """`scratch`: the site's temporary folder, where it is a small file system of its own."""

    site: Site
    known: Known
    scratch: Path | None
    tally: Tally = field(default_factory=Tally)


@contextmanager
def set_up() -> Iterator[Stage]:
    """At SIGTERM, too, everything goes that was set up."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    # A short name: the sockets of the model's workers lie in it.
    with tempfile.TemporaryDirectory(prefix="hw-", dir="/tmp") as name, small_folder(Path(name) / "tmp") as scratch:
        folder = Path(name)
        with serve(make_store(folder), folder, {"TMPDIR": str(scratch)} if scratch else {}) as site:
            yield Stage(site, Known(site), scratch)


@contextmanager
def small_folder(folder: Path) -> Iterator[Path | None]:
    """A file system of `SCRATCH_MIB`; None where we may not make one."""
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", f"size={SCRATCH_MIB}m", "none", str(folder)]
    try:
        mounted = subprocess.run(mount, capture_output=True).returncode == 0
    except OSError:
        mounted = False
    try:
        yield folder if mounted else None
    finally:
        if mounted:
            subprocess.run(["umount", "--lazy", str(folder)], check=True)
