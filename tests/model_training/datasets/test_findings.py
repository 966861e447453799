from __future__ import annotations

from model_training.datasets.findings import Finding, Findings


def test_findings_are_counted_and_a_few_are_named() -> None:
    found = Findings()
    for name in ("a", "b", "c", "d", "a"):
        found.add("hidden files left out", name)
    found.add("empty rows", count=2)
    found.extend([Finding("empty rows", 3, ("row 9",))])
    assert [str(each) for each in found] == ["hidden files left out: 5 (a, b, c, …)", "empty rows: 5 (row 9, …)"]
