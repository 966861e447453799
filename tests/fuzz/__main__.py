"""Look for bytes that make a target raise, hang or take much memory; atheris changes the corpus's files and what it
makes of them that reaches new code.

Each target has a process and its share of the time. What was found lies in `build/fuzz/TARGET`, and the exit status
is 1.
"""

from __future__ import annotations

import argparse
import shutil
import subprocess
import sys
import tempfile
import time
from importlib.util import find_spec
from pathlib import Path

from tests.fuzz import AGAIN
from tests.fuzz.make_corpus import CORPUS, MAKERS

FOUND = Path("build/fuzz")
#: Seconds that a file may take, and MiB of the process.
SECONDS, MEMORY = 20, 2048
LONGEST = 2**16


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=(__doc__ or "").partition("\n\n")[0])
    parser.add_argument("--minutes", type=float, default=8, help="of all targets together")
    parser.add_argument("--target", choices=MAKERS, action="append", help="all if not given")
    wish = parser.parse_args()
    if find_spec("atheris") is None:
        parser.error("atheris is not installed: its wheels are for CPython 3.11 to 3.13 on Linux with x86-64.")
    targets = wish.target or list(MAKERS)
    seconds = max(1, round(60 * wish.minutes / len(targets)))
    failed = [target for target in targets if not _fuzz(target, seconds)]
    for target in failed:
        for path in sorted((FOUND / target).iterdir()):
            print(f"{target}: {path}")
    print(f"{len(targets)} targets, {seconds} s each: {len(failed)} with findings")
    return 1 if failed else 0


def _fuzz(target: str, seconds: int) -> bool:
    """Whether nothing was found."""
    found = FOUND / target
    shutil.rmtree(found, ignore_errors=True)
    found.mkdir(parents=True)
    end = time.monotonic() + seconds
    with tempfile.TemporaryDirectory() as folder:
        corpus = shutil.copytree(CORPUS / target, Path(folder) / target)
        command = [
            sys.executable, "-m", "tests.fuzz.run", target, str(corpus), f"-artifact_prefix={found}/",
            f"-timeout={SECONDS}", f"-rss_limit_mb={MEMORY}", f"-max_len={LONGEST}", "-verbosity=0",
            "-print_final_stats=1",
        ]  # fmt: skip
        status = AGAIN
        while status == AGAIN and (left := round(end - time.monotonic())) > 0:
            status = subprocess.run([*command, f"-max_total_time={left}"]).returncode
    return status in (0, AGAIN)


if __name__ == "__main__":
    sys.exit(main())
