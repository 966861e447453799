"""What a log or a narrow terminal is told."""

from __future__ import annotations

import io

import pytest
from rich.console import Console
from rich.table import Table

from model_training import progress


def test_a_narrow_log_cuts_no_cell(monkeypatch: pytest.MonkeyPatch) -> None:
    log = io.StringIO()
    monkeypatch.setattr(progress, "console", Console(file=log, width=20))
    table = Table("artist", "accuracy on it (95%)")
    table.add_row("theo-van-rysselberghe", "77.8% (54.8%–91.0%)")
    progress.print_whole(table)
    assert "│ theo-van-rysselberghe │ 77.8% (54.8%–91.0%)" in log.getvalue()
    assert "…" not in log.getvalue()
