"""The corpus, and what hypothesis makes of it, goes through every target; `make fuzz` does more."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.fuzz.make_corpus import CORPUS, MAKERS

FILES = [path for target in MAKERS for path in sorted((CORPUS / target).iterdir())]
#: Of a changed file: a byte that says much, or any.
BYTES = st.sampled_from(b'\x00\x01\x7f\x80\xff{["') | st.integers(0, 255)
CHANGES = st.lists(st.tuples(st.integers(0, 2**20), BYTES), max_size=8)


def find(target: str) -> Callable[[bytes], None]:
    feed: Callable[[bytes], None] = importlib.import_module(f"tests.fuzz.{target}").feed
    return feed


@pytest.mark.parametrize("path", FILES, ids=lambda path: f"{path.parent.name}/{path.name}")
def test_a_file_of_the_corpus_is_read_or_refused(path: Path) -> None:
    find(path.parent.name)(path.read_bytes())


@pytest.mark.parametrize("target", MAKERS)
def test_a_changed_file_is_read_or_refused(target: str) -> None:
    feed = find(target)
    whole = [path.read_bytes() for path in FILES if path.parent.name == target]

    @settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.too_slow], database=None)
    @given(st.sampled_from(whole), CHANGES, st.integers(0, 2**20))
    def change(data: bytes, changes: list[tuple[int, int]], cut: int) -> None:
        changed = bytearray(data)
        for place, byte in changes:
            if changed:
                changed[place % len(changed)] = byte
        feed(bytes(changed[: cut % (len(changed) + 1)] if cut % 3 == 0 else changed))

    change()


def test_the_corpus_is_small() -> None:
    assert sum(path.stat().st_size for path in FILES) < 100_000
