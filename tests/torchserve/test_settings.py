from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from model_training.runtime.errors import ServingError
from torchserve.launch import MALLOC, Ports, make_environment, prepare_launch
from torchserve.settings import PREFIX, ServingSettings, divide_machine, read_settings
from torchserve.store import StoredModel

README = Path(__file__).resolve().parents[2] / "torchserve" / "README.md"


def test_every_setting_is_documented_with_its_default() -> None:
    rows = dict(re.findall(r"^\| `(\w+)` \| (.*?) \|", README.read_text("utf-8"), re.MULTILINE))
    expected = {
        PREFIX + name.upper(): f"`{field.default}`" if field.default is not None else "computed"
        for name, field in ServingSettings.model_fields.items()
    }
    assert rows == expected


def test_settings_come_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HWAPUNG_SERVING_BATCH_SIZE", "4")
    monkeypatch.setenv("HWAPUNG_SERVING_WORKERS", "")
    settings = read_settings(port=0)
    assert (settings.batch_size, settings.workers, settings.port) == (4, None, 0)


def test_nothing_is_waited_for_longer_than_torchserve_can_be_told(tmp_path: Path) -> None:
    """TorchServe takes a delay of 0 for its own of 100 ms."""
    model = StoredModel("tiny", "1.0", tmp_path / "tiny.mar")
    prepare_launch(tmp_path, Path("java"), [model], ServingSettings(), Ports(1, 2, 3))
    text = (tmp_path / "config.properties").read_text("ascii")
    models = json.loads(next(line for line in text.splitlines() if line.startswith("models=")).removeprefix("models="))
    assert models["tiny"]["1.0"]["maxBatchDelay"] == 1
    with pytest.raises(ServingError, match="MAX_BATCH_DELAY_MS"):
        read_settings(max_batch_delay_ms=0)


@pytest.mark.parametrize(("name", "value"), [("PORT", "70000"), ("WORKERS", "0"), ("BATCH_SIZE", "many")])
def test_a_value_out_of_range_is_named(monkeypatch: pytest.MonkeyPatch, name: str, value: str) -> None:
    monkeypatch.setenv(PREFIX + name, value)
    with pytest.raises(ServingError, match=f"{PREFIX}{name} is '{value}'"):
        read_settings()


@pytest.mark.parametrize(
    ("given", "cores", "gpus", "expected"),
    [
        ({}, 1, 0, (1, 1)),
        ({}, 2, 0, (1, 2)),
        ({}, 32, 0, (4, 8)),
        ({}, 16, 2, (2, 8)),
        ({"workers": 2}, 2, 0, (2, 1)),
        ({"workers": 4}, 2, 0, (4, 1)),
        ({"workers": 2, "threads": 3}, 2, 0, (2, 3)),
    ],
)
def test_the_machine_is_divided(given: dict[str, int], cores: int, gpus: int, expected: tuple[int, int]) -> None:
    assert divide_machine(ServingSettings(**given), cores, gpus) == expected  # type: ignore[arg-type]


def test_who_serves_gives_large_blocks_back_unless_told_otherwise(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    for name in MALLOC:
        monkeypatch.delenv(name, raising=False)
    made = make_environment(tmp_path / "bin" / "java", ServingSettings(), tmp_path)
    assert made["MALLOC_ARENA_MAX"] == "2"
    assert made["MALLOC_MMAP_THRESHOLD_"] == "8388608"
    assert made["MALLOC_TRIM_THRESHOLD_"] == "16777216"
    monkeypatch.setenv("MALLOC_MMAP_THRESHOLD_", "65536")
    assert make_environment(tmp_path / "bin" / "java", ServingSettings(), tmp_path)["MALLOC_MMAP_THRESHOLD_"] == "65536"
