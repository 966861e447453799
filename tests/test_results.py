"""What benchmarks publish is what they measured, and what they missed is said aloud."""

import ast
import json

import pytest

from tests.benchmarks.results import Entry, Table, list_missed, publish
from tests.conftest import ROOT
from tests.docs.results_page import describe_results

TARGETS = {"speed_up": (">=", 5.0), "peak_mib": ("<=", 2048.0)}
ENTRY = Entry(
    section="Search",
    title="How much faster",
    command="make bench-one",
    data="20 pictures",
    tables=(
        Table(
            ("", "times", "lost"), (("frozen", "{speed_up:.1f}", "{change:+.2f}"), ("all", "{not_measured:.1f}", ""))
        ),
    ),
    notes=("It holds {peak_mib:.0f} MiB.",),
)
FIGURES = {"speed_up": 1.624, "peak_mib": 900.0, "change": -0.04}


def test_a_missed_target_is_named_with_its_figure_and_written_down(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SystemExit) as stopped:
        publish("one", ENTRY, FIGURES, TARGETS, "54 combinations", runs=[1, 2])
    assert stopped.value.code == "missed: speed_up is 1.624, wanted >= 5"
    content = json.loads((tmp_path / "build/bench/one.json").read_text())
    assert content["figures"] == FIGURES
    assert content["targets"] == {"speed_up": [">=", 5.0], "peak_mib": ["<=", 2048.0]}
    assert (content["setup"], content["runs"]) == ("54 combinations", [1, 2])
    assert content["missed"] == ["speed_up is 1.624, wanted >= 5"]
    assert content.keys() >= {"machine", "commit", "date", "entry"}
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


def test_the_page_tells_what_was_published(tmp_path, monkeypatch):
    """Each figure where its entry has it, a dash for one that was not measured, the missed target by name."""
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SystemExit):
        publish("one", ENTRY, FIGURES, TARGETS, "54 combinations")
    lines = describe_results(tmp_path / "build/bench").splitlines()
    assert "| frozen | 1.6 | −0.04 |" in lines
    assert "| all | – |  |" in lines
    assert "- It holds 900 MiB." in lines
    assert "Targets: `speed_up` ≥ 5 (**missed**: 1.624); `peak_mib` ≤ 2048 (met)." in lines
    assert lines.index("## Search") < lines.index("### How much faster") < lines.index("## Serving")


@pytest.mark.parametrize("path", sorted((ROOT / "tests/benchmarks").glob("*.py")), ids=lambda path: path.stem)
def test_a_benchmark_declares_the_options_that_it_reads(path):
    """None of them runs in the tests, so `arguments.x` without an option `--x` would be noticed by nobody."""
    tree = ast.parse(path.read_text("utf-8"))
    read = {
        node.attr
        for node in ast.walk(tree)
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == "arguments"
    }
    declared = {
        str(node.args[0].value).lstrip("-").replace("-", "_")
        for node in ast.walk(tree)
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and node.func.attr == "add_argument"
        and isinstance(node.args[0], ast.Constant)
    }
    assert read <= declared


def test_a_figure_whose_cell_would_stay_empty_is_refused(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ValueError, match=r"no names for figures: at_0\.1_ms"):
        publish("one", ENTRY, FIGURES | {"at_0.1_ms": 1.0}, TARGETS, "54 combinations")
    assert not list(tmp_path.rglob("*.json"))
