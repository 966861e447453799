"""What chaos takes for a fault, and how it finds a process that grows."""

from __future__ import annotations

import json

import numpy as np
import pytest

from tests.benchmarks.reliability_memory import Sample, fit_slope, judge_growth
from tests.faults.answers import Answer, Fate, judge, read_events
from tests.faults.load import Tally, Window, name_fault

KNOWN = {"class": "a", "probabilities": {"a": 0.6, "b": 0.4}, "processing_time_ms": 3.0}


def say(code: str) -> bytes:
    return json.dumps({"error": {"code": code, "message": "m", "remedy": "r"}}).encode()


@pytest.mark.parametrize(
    ("status", "body", "fate"),
    [
        (200, json.dumps(KNOWN | {"processing_time_ms": 9.0}).encode(), Fate.RIGHT),
        (200, json.dumps(KNOWN | {"probabilities": {"a": 0.5, "b": 0.5}}).encode(), Fate.WRONG),
        (200, json.dumps(KNOWN | {"more": 1}).encode(), Fate.WRONG),
        (200, b"<html>", Fate.UNTYPED),
        (200, b"[]", Fate.UNTYPED),
        (500, b"{}", Fate.UNTYPED),
        (503, say("model_busy"), Fate.TYPED),
        (507, say("no_room"), Fate.TYPED),
        (400, say("broken_picture"), Fate.TYPED),
        (400, say("broken_upload"), Fate.WRONG),
        (400, say("invented"), Fate.UNTYPED),
        (500, say("internal_error"), Fate.UNTYPED),
        (400, b'{"error": "no"}', Fate.UNTYPED),
    ],
)
def test_an_answer_is_right_or_typed_or_a_fault(status: int, body: bytes, fate: Fate) -> None:
    assert judge("predict", status, body, KNOWN, frozenset(("broken_picture",))).fate is fate


def test_a_connection_may_break_only_while_the_front_end_itself_is_down() -> None:
    tally = Tally()
    tally.windows += [Window("worker", 10, False, 14), Window("front end", 20, True, 24)]
    for began, ended in ((11, 12), (21, 22), (19, 21), (30, 31)):
        tally.add(Answer("predict", Fate.CUT, "", began, ended))
    tally.add(Answer("predict", Fate.WRONG, "", 21, 22))
    assert [(name_fault(each), each.began) for each in tally.list_faults()] == [
        ("lost", 11),
        ("lost", 30),
        ("wrong", 21),
    ]
    assert len(tally.list_excused()) == 2
    assert tally.total() == 5


def test_only_whole_events_are_read() -> None:
    body = b':\n\nevent: frame\ndata: {"index": 0}\n\n:\n\nevent: result\ndata: {"complete": true}\n\nevent: res'
    assert read_events(body) == [("frame", {"index": 0}), ("result", {"complete": True})]


@pytest.mark.parametrize("growth", [0.0, 40.0])
def test_growth_is_told_from_noise_across_restarts(growth: float) -> None:
    """MiB an hour, of four lives of a quarter of an hour at levels of their own, with noise that is alike for long."""
    caught = 0
    for seed in range(60):
        random = np.random.default_rng(seed)
        lives = []
        for life in range(4):
            noise, level = 0.0, random.uniform(100, 200)
            samples = []
            for second in range(0, 900, 5):
                noise = 0.9 * noise + random.normal(0, 0.3)
                samples.append(Sample(900.0 * life + second, level + growth * second / 3600 + noise))
            lives.append(samples)
        slope = fit_slope(lives)
        assert slope.low < slope.slope < slope.high
        caught += slope.low > 0
        assert abs(slope.slope - growth) < 15
    assert caught == 60 if growth else caught <= 6


def test_a_process_that_settles_is_told_from_one_that_grows() -> None:
    random = np.random.default_rng(0)
    seconds = np.arange(0, 2400, 5)
    noise = random.normal(0, 0.1, (2, len(seconds)))
    settling = 200 - 30 * np.exp(-seconds / 200) + noise[0]
    growing = 100 + 12 * seconds / 3600 + noise[1]

    def judge(mib: np.ndarray) -> dict[str, float]:
        return judge_growth({"one": [[Sample(*each) for each in zip(seconds, mib, strict=True)]], "none": []})

    settled, grown = judge(settling), judge(growing)
    assert settled["soak_growth_mib_per_hour"] > 8
    assert settled["soak_late_growth_mib_per_hour"] == pytest.approx(0, abs=1)
    assert grown["soak_growth_mib_per_hour"] == pytest.approx(12, abs=0.5)
    assert grown["soak_late_growth_mib_per_hour"] == pytest.approx(12, abs=1)
    assert grown["soak_late_growth_low"] < 12 < grown["soak_late_growth_high"]
