"""What benchmarks publish is what they measured, and what they missed is said aloud."""

import json

import pytest

from tests.benchmarks.results import list_missed, publish

TARGETS = {"speed_up": (">=", 5.0), "peak_mib": ("<=", 2048.0)}


def test_a_missed_target_is_named_with_its_figure_and_written_down(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SystemExit) as stopped:
        publish("one", {"speed_up": 1.624, "peak_mib": 900.0}, TARGETS, "54 combinations", runs=[1, 2])
    assert stopped.value.code == "missed: speed_up is 1.624, wanted >= 5"
    content = json.loads((tmp_path / "build/bench/one.json").read_text())
    assert content["figures"] == {"speed_up": 1.624, "peak_mib": 900.0}
    assert content["targets"] == {"speed_up": [">=", 5.0], "peak_mib": ["<=", 2048.0]}
    assert (content["setup"], content["runs"]) == ("54 combinations", [1, 2])
    assert not list(tmp_path.rglob("*.part"))


@pytest.mark.parametrize(
    ("figures", "missed"),
    [
        ({"speed_up": 5.0, "peak_mib": 2048.0}, 0),
        ({"speed_up": 4.99, "peak_mib": 2048.1}, 2),
        ({"speed_up": float("nan")}, 1),  # and the memory that was not measured is not missed
        ({}, 0),
    ],
)
def test_a_target_at_its_bound_is_met(figures, missed):
    assert len(list_missed(figures, TARGETS)) == missed
