"""All five comparisons take the same options, and obey them or refuse in one line."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from hwapung.cli import compare as app
from model_training.experiments import comparisons
from model_training.runtime.errors import HwapungError, RecipeError
from tests.conftest import TINY

COMPARISONS = ("balance", "splits", "pairs", "ablation", "sources")


def refuse(*arguments: str) -> HwapungError:
    error = CliRunner().invoke(app, arguments).exception
    assert isinstance(error, HwapungError)
    return error


@pytest.mark.parametrize("comparison", COMPARISONS)
@pytest.mark.parametrize(("device", "named"), [("tpu", "no device 'tpu'"), ("cpu:2", "one device, not 'cpu:2'")])
def test_a_device_that_can_not_be_is_refused(
    comparison: str, device: str, named: str, procedural_folder: Path, tmp_path: Path
) -> None:
    error = refuse(
        comparison, "landscape_demo", *TINY, "--data", str(procedural_folder), "--build", str(tmp_path),
        "--device", device,
    )  # fmt: skip
    assert isinstance(error, RecipeError)
    assert named in str(error)
    assert not list(tmp_path.iterdir())


def test_a_table_for_programs(procedural_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(comparisons, "METHODS", ("none", "up_sampling"))
    done = CliRunner().invoke(
        app,
        ["balance", "landscape_demo", *TINY, "training.epochs=1", "--data", str(procedural_folder), "--build",
         str(tmp_path), "--device", "cpu", "--repeats", "1", "--json"],
    )  # fmt: skip
    assert done.exit_code == 0, done.output
    content = json.loads(done.stdout)
    assert [each["name"] for each in content["results"]] == ["none, split 0", "up_sampling, split 0"]
    assert content == json.loads((tmp_path / "comparisons" / "landscape_demo-balance.json").read_text())
    assert (tmp_path / "comparisons" / "landscape_demo-balance.csv").read_text().startswith("balance,macro-F1,")
