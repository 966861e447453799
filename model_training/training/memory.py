"""What a step frees serves the next one."""

from __future__ import annotations

import ctypes
from collections.abc import Iterator
from contextlib import contextmanager

# Of glibc's malloc.h. The sizes are those that it comes to by itself at most.
_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD, _M_MMAP_MAX = -1, -3, -4
_USUAL = {_M_MMAP_MAX: 65_536, _M_MMAP_THRESHOLD: 32 * 2**20, _M_TRIM_THRESHOLD: 64 * 2**20}
_KEEPING = {_M_MMAP_MAX: 0, _M_TRIM_THRESHOLD: -1}


@contextmanager
def keeping_memory() -> Iterator[None]:
    """Inside the block a process keeps what it frees; at the end it gives that back.

    Left to itself, glibc gives large blocks back to the system, and each step of a training on a CPU asks for the same
    ones again, as pages that the system has to clear first: a seventh of a step's time. Other C libraries have no
    `mallopt`; nothing changes there.
    """
    library = ctypes.CDLL(None)
    if not hasattr(library, "mallopt"):
        yield
        return
    _set(library, _KEEPING)
    try:
        yield
    finally:
        _set(library, _USUAL)
        library.malloc_trim(0)


def _set(library: ctypes.CDLL, values: dict[int, int]) -> None:
    for name, value in values.items():
        library.mallopt(name, value)
